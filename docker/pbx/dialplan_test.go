package pbx

import (
	"encoding/binary"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// caller is where the calling end of a test's call runs, with a recording of what it hears.
const caller = `[caller]
exten => s,1,Answer()
 same => n,MixMonitor(heard.wav)
 same => n,Wait(20)
`

func TestApplicationIsEntered(t *testing.T) {
	server := start(t, Options{Append: map[string]string{"extensions.conf": caller}})
	app := connect(t, server)
	for extension, want := range map[string]string{
		"1001": "dial,PJSIP/alice,30", "1002": "dial,PJSIP/bob,30", "1003": "dial,PJSIP/carol,30", "1004": "dial,PJSIP/dave,30",
		"1005": "dial,PJSIP/mallory,30", "1006": "dial,PJSIP/outside,30", "alice": "dial,PJSIP/alice,30", "dave": "dial,PJSIP/dave,30",
		"mallory": "dial,PJSIP/mallory,30", "outside": "dial,PJSIP/outside,30",
		"g-bob": "dial,PJSIP/bob,30,g", "r-bob": "dial,PJSIP/bob,30,r", "m-bob": "dial,PJSIP/bob,30,m(default)", "bad-bob": "dial,PJSIP/bob,30,Z",
		"t5-bob": "dial,PJSIP/bob,5", "tg5-bob": "dial,PJSIP/bob,5,g", "x-outside": "dial,PJSIP/outside,30",
		"multi-bob-carol": "dial,PJSIP/bob&PJSIP/carol,30", "multi-bob-carol-dave": "dial,PJSIP/bob&PJSIP/carol&PJSIP/dave,30", "lone": "",
	} {
		call(t, server, extension, "acme")
		start := app.await("StasisStart")
		if got := strings.Join(start.Args, ","); got != want {
			t.Errorf("%s: entered with %q, want %q", extension, got, want)
		}
		for _, variable := range []string{"METAFLOWS_ACCOUNT", "METAFLOWS_USER", "METAFLOWS_DEVICE", "METAFLOWS_CONTEXT", "METAFLOWS_CALL", "METAFLOWS_ROLE"} {
			if _, ok := start.Channel.Channelvars[variable]; !ok {
				t.Errorf("%s: %s is not in channelvars", extension, variable)
			}
		}
		if account := start.Channel.Channelvars["METAFLOWS_ACCOUNT"]; (account == "acme") != (extension == "x-outside") {
			t.Errorf("%s: account %q", extension, account)
		}
		request(t, server, http.MethodPost, "/channels/"+start.Channel.ID+"/continue", nil, http.StatusNoContent)
		expect(t, server, "after exten="+extension+" ", "STASISSTATUS=SUCCESS")
	}
	for _, line := range server.Complaints() {
		t.Error(line)
	}
}

func TestDialTakesOver(t *testing.T) {
	server := start(t, Options{Append: map[string]string{"extensions.conf": caller}})
	for _, extension := range []string{"1001", "bob", "g-bob", "r-bob", "m-bob", "bad-bob", "t5-bob", "multi-bob-carol", "x-bob", "mallory"} {
		call(t, server, extension, "evil")
		expect(t, server, "after exten="+extension+" ", "DIALSTATUS=CHANUNAVAIL", "STASISSTATUS=FAILED")
	}
	for _, extension := range []string{"d-bob", "d5-bob", "dg-bob"} {
		call(t, server, extension, "outside")
		expect(t, server, "after exten="+extension+" ", "DIALSTATUS=CHANUNAVAIL", "STASISSTATUS= ")
	}
}

func TestMusic(t *testing.T) {
	server := start(t, Options{Append: map[string]string{"extensions.conf": caller}})
	call(t, server, "1234", "acme")
	expect(t, server, "1234 from=", "transferer= transferor=")
	time.Sleep(1500 * time.Millisecond)
	if _, err := server.CLI("channel request hangup all"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // the file is written when the channel ends
	heard, err := os.ReadFile(filepath.Join(server.Dir, spoolFolder, "monitor", "heard.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if len(heard) < 44+4*4000 {
		t.Fatalf("only %d bytes were recorded", len(heard))
	}
	samples := heard[len(heard)-8000:]
	if share := share(samples, ToneLab); share < 0.9 {
		t.Errorf("%d Hz has %.2f of what 1234 plays", ToneLab, share)
	}
	if share := share(samples, ToneDefault); share > 0.1 {
		t.Errorf("%d Hz has %.2f of what 1234 plays", ToneDefault, share)
	}
}

// share is the part of the energy of 16 bit samples that lies at one frequency.
func share(samples []byte, hertz int) float64 {
	var sine, cosine, energy float64
	n := len(samples) / 2
	for i := range n {
		value := float64(int16(binary.LittleEndian.Uint16(samples[2*i:])))
		angle := 2 * math.Pi * float64(hertz) * float64(i) / sampleRate
		sine += value * math.Sin(angle)
		cosine += value * math.Cos(angle)
		energy += value * value
	}
	return 2 * (sine*sine + cosine*cosine) / (float64(n) * energy)
}

func TestContextsAreApart(t *testing.T) {
	server := start(t, Options{Append: map[string]string{"extensions.conf": caller}})
	app := connect(t, server)
	call(t, server, "lone", "acme")
	lone := app.await("StasisStart").Channel.ID
	for place, want := range map[string]string{
		"acme,1234": "1", "evil,1234": "1", "outside,1234": "1", "acme,1999": "1", "acme,1998": "1", "acme,1997": "1", "acme,1996": "1", "acme,1995": "1", "acme,2777": "0", "acme,1": "0", "admin,1": "1",
		"acme,only-acme": "1", "evil,only-acme": "0", "evil,only-evil": "1", "acme,only-evil": "0", "outside,only-outside": "1", "acme,only-outside": "0",
	} {
		answer := request(t, server, http.MethodGet, "/channels/"+lone+"/variable", url.Values{"variable": {"DIALPLAN_EXISTS(" + place + ",1)"}}, http.StatusOK)
		if !strings.Contains(answer, `"`+want+`"`) {
			t.Errorf("%s: %s, want %s", place, answer, want)
		}
	}
}

// TestOrphanIsEnded shows that a leg takes the other with it, both ways of naming that one.
func TestOrphanIsEnded(t *testing.T) {
	server := start(t, Options{Append: map[string]string{"extensions.conf": caller}})
	app := connect(t, server)
	for _, byArgument := range []bool{true, false} {
		call(t, server, "lone", "acme")
		one := app.await("StasisStart").Channel
		call(t, server, "lone", "acme")
		two := app.await("StasisStart").Channel
		handler := "metaflows-orphan,s,1"
		if byArgument {
			handler += "(" + two.Name + ")"
		} else {
			request(t, server, http.MethodPost, "/channels/"+one.ID+"/variable", url.Values{"variable": {"METAFLOWS_PARTNER"}, "value": {two.Name}}, http.StatusNoContent)
		}
		request(t, server, http.MethodPost, "/channels/"+one.ID+"/variable", url.Values{"variable": {"CHANNEL(hangup_handler_push)"}, "value": {handler}}, http.StatusNoContent)
		request(t, server, http.MethodDelete, "/channels/"+one.ID, nil, http.StatusNoContent)
		for late := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			channels, err := server.Channels(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(channels, two.Name) {
				break
			}
			if time.Now().After(late) {
				t.Fatalf("by argument %v: %s is left over", byArgument, two.Name)
			}
		}
	}
}
