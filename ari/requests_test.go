package ari_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"metaflows/ari"
	"metaflows/ari/aritest"
	"metaflows/flows/calls"
)

// newClient makes a client of a fake server; changes are made to its configuration before.
func newClient(t *testing.T, s *aritest.Server, change func(*ari.Config)) *ari.Client {
	t.Helper()
	cfg := ari.Config{URL: s.URL, Username: aritest.User, Password: aritest.Password, Application: "metaflows", Handler: discard{}}
	if change != nil {
		change(&cfg)
	}
	c, err := ari.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type discard struct{}

func (discard) Deliver(string, calls.Event) {}

// command is one method of the port with what it must send.
type command struct {
	name string
	do   func(*ari.Client) error
	want []string // METHOD /path?query body
}

var commands = []command{
	{"CreateChannel", func(c *ari.Client) error {
		return c.CreateChannel(calls.ChannelSpec{ID: "mf-1", Endpoint: "Local/1234@acme/n", Originator: "17.1", Args: []string{"call", "x"},
			Variables: map[string]string{"METAFLOWS_CALL": "c1", "PJSIP_HEADER(add,X-Foo)": "a&b"}})
	}, []string{`POST /channels/create?app=metaflows&appArgs=leg%2Ccall%2Cx&channelId=mf-1&endpoint=Local%2F1234%40acme%2Fn&originator=17.1 {"variables":{"METAFLOWS_CALL":"c1","PJSIP_HEADER(add,X-Foo)":"a\u0026b"}}`}},
	{"CreateChannel bare", func(c *ari.Client) error {
		return c.CreateChannel(calls.ChannelSpec{ID: "mf-1", Endpoint: "PJSIP/bob"})
	}, []string{`POST /channels/create?app=metaflows&appArgs=leg&channelId=mf-1&endpoint=PJSIP%2Fbob`}},
	{"DialChannel", func(c *ari.Client) error { return c.DialChannel("mf-1", "17.1", 20*time.Second) },
		[]string{`POST /channels/mf-1/dial?caller=17.1&timeout=20`}},
	{"DialChannel rounds up", func(c *ari.Client) error { return c.DialChannel("mf-1", "", 1001*time.Millisecond) },
		[]string{`POST /channels/mf-1/dial?timeout=2`}},
	{"DialChannel without end", func(c *ari.Client) error { return c.DialChannel("mf-1", "", 0) },
		[]string{`POST /channels/mf-1/dial?timeout=0`}},
	{"Answer", func(c *ari.Client) error { return c.Answer("17.1") }, []string{`POST /channels/17.1/answer`}},
	{"Ring", func(c *ari.Client) error { return c.Ring("17.1") }, []string{`POST /channels/17.1/ring`}},
	{"StopRinging", func(c *ari.Client) error { return c.StopRinging("17.1") }, []string{`DELETE /channels/17.1/ring`}},
	{"Progress", func(c *ari.Client) error { return c.Progress("17.1") }, []string{`POST /channels/17.1/progress`}},
	{"Hangup", func(c *ari.Client) error { return c.Hangup("17.1", 0) }, []string{`DELETE /channels/17.1`}},
	{"Hangup busy", func(c *ari.Client) error { return c.Hangup("17.1", 17) }, []string{`DELETE /channels/17.1?reason_code=17`}},
	{"Hangup answered elsewhere", func(c *ari.Client) error { return c.Hangup("17.1", calls.CauseAnsweredElsewhere) },
		[]string{`DELETE /channels/17.1?reason=answered_elsewhere`}},
	{"Continue", func(c *ari.Client) error { return c.Continue("17.1") }, []string{`POST /channels/17.1/continue`}},
	{"SetVariables", func(c *ari.Client) error {
		return c.SetVariables("17.1", map[string]string{"TIMEOUT(absolute)": "0", "A": ""})
	}, []string{`POST /channels/17.1/variables {"variables":{"A":"","TIMEOUT(absolute)":"0"}}`}},
	{"SendDigits", func(c *ari.Client) error { return c.SendDigits("17.1", "5*#D") },
		[]string{`POST /channels/17.1/dtmf {"dtmf":"5*#D","between":100,"duration":100}`, `POST /channels/17.1/variable {"variable":"METAFLOWS_RELAYED"}`}},
	{"SendDigits none", func(c *ari.Client) error { return c.SendDigits("17.1", "") }, nil},
	{"StartMOH", func(c *ari.Client) error { return c.StartMOH("17.1", "") }, []string{`POST /channels/17.1/moh {}`}},
	{"StartMOH class", func(c *ari.Client) error { return c.StartMOH("17.1", "jazz & more") },
		[]string{`POST /channels/17.1/moh {"mohClass":"jazz \u0026 more"}`}},
	{"StopMOH", func(c *ari.Client) error { return c.StopMOH("17.1") }, []string{`DELETE /channels/17.1/moh`}},
	{"Mute", func(c *ari.Client) error { return c.Mute("17.1") }, []string{`POST /channels/17.1/mute?direction=in`}},
	{"Unmute", func(c *ari.Client) error { return c.Unmute("17.1") }, []string{`DELETE /channels/17.1/mute?direction=in`}},
	{"Snoop", func(c *ari.Client) error { return c.Snoop("17.1", "mf-s1") },
		[]string{`POST /channels/17.1/snoop/mf-s1 {"app":"metaflows","appArgs":"snoop","spy":"none","whisper":"out"}`}},
	{"Overhear", func(c *ari.Client) error { return c.Overhear("17.1", "rec-1", "c1", "17.1") },
		[]string{`POST /channels/17.1/snoop/rec-1 {"app":"metaflows","appArgs":"rec,c1,17.1","spy":"in","whisper":"none"}`}},
	{"StartSilence", func(c *ari.Client) error { return c.StartSilence("17.1") }, []string{`POST /channels/17.1/silence`}},
	{"StopSilence", func(c *ari.Client) error { return c.StopSilence("17.1") }, []string{`DELETE /channels/17.1/silence`}},
	{"CreateBridge", func(c *ari.Client) error { return c.CreateBridge("mf-c1") },
		[]string{`POST /bridges/mf-c1 {"bridgeId":"mf-c1","type":"mixing,dtmf_events","name":"mf-c1"}`}},
	{"AddToBridge", func(c *ari.Client) error { return c.AddToBridge("mf-c1", "17.1", true) },
		[]string{`POST /bridges/mf-c1/addChannel?absorbDTMF=true&channel=17.1`}},
	{"AddAllToBridge", func(c *ari.Client) error { return c.AddAllToBridge("mf-c1", "17.1", "leg-1") },
		[]string{"POST /bridges/mf-c1/addChannel?absorbDTMF=false&channel=17.1%2Cleg-1"}},
	{"AddToBridge passing", func(c *ari.Client) error { return c.AddToBridge("mf-c1", "17.1", false) },
		[]string{`POST /bridges/mf-c1/addChannel?absorbDTMF=false&channel=17.1`}},
	{"RemoveFromBridge", func(c *ari.Client) error { return c.RemoveFromBridge("mf-c1", "17.1") },
		[]string{`POST /bridges/mf-c1/removeChannel {"channel":"17.1"}`}},
	{"DeleteBridge", func(c *ari.Client) error { return c.DeleteBridge("mf-c1") }, []string{
		`DELETE /applications/metaflows/subscription?eventSource=bridge%3Amf-c1`, `DELETE /bridges/mf-c1`}},
	{"StopPlayback", func(c *ari.Client) error { return c.StopPlayback("mf-p1") }, []string{`DELETE /playbacks/mf-p1`}},
	{"StopRecording", func(c *ari.Client) error { return c.StopRecording("acme/c 1/r1") },
		[]string{`POST /recordings/live/acme%2Fc%201%2Fr1/stop`}},
	{"MaskRecording", func(c *ari.Client) error { return c.MaskRecording("acme/r1") }, []string{`POST /recordings/live/acme%2Fr1/mute`}},
	{"UnmaskRecording", func(c *ari.Client) error { return c.UnmaskRecording("acme/r1") }, []string{`DELETE /recordings/live/acme%2Fr1/mute`}},
	{"DeleteStoredRecording", func(c *ari.Client) error { return c.DeleteStoredRecording("acme/r1") },
		[]string{`DELETE /recordings/stored/acme%2Fr1`}},
	{"hostile id", func(c *ari.Client) error { return c.Answer("../bridges?x=#%2f") }, []string{`POST /channels/..%2Fbridges%3Fx=%23%252f/answer`}},
}

func TestRequests(t *testing.T) {
	s := aritest.New(t)
	s.Script("DELETE /applications/metaflows/subscription", aritest.Answer{Status: 409, Body: `{"message":"Application not subscribed to event source"}`})
	c := newClient(t, s, nil)
	for _, cmd := range commands {
		t.Run(cmd.name, func(t *testing.T) {
			if err := cmd.do(c); err != nil {
				t.Fatal(err)
			}
			checkRequests(t, s, cmd.want)
		})
	}
}

// Requests whose answers v5 reads.
func TestRequestsWithAnswers(t *testing.T) {
	s := aritest.New(t)
	s.Script("POST /channels/17.1/play/mf-p1", aritest.Answer{Status: 201, Body: `{"id":"mf-p1"}`})
	s.Script("POST /bridges/mf-c1/record", aritest.Answer{Status: 201, Body: `{"name":"acme/r1","state":"queued"}`})
	c := newClient(t, s, nil)
	for _, cmd := range []command{
		{"Play", func(c *ari.Client) error { return c.Play("17.1", "mf-p1", "tone:440/500,0/500") },
			[]string{`POST /channels/17.1/play/mf-p1 {"media":["tone:440/500,0/500"]}`}},
		{"Play several", func(c *ari.Client) error { return c.Play("17.1", "mf-p1", "sound:vm-youhave&number:4") },
			[]string{`POST /channels/17.1/play/mf-p1 {"media":["sound:vm-youhave","number:4"]}`}},
		{"Record", func(c *ari.Client) error { return c.Record("mf-c1", "acme/r1", "wav") },
			[]string{`POST /bridges/mf-c1/record {"name":"acme/r1","format":"wav","maxDurationSeconds":0,"maxSilenceSeconds":0,"ifExists":"fail","beep":false}`}},
	} {
		t.Run(cmd.name, func(t *testing.T) {
			if err := cmd.do(c); err != nil {
				t.Fatal(err)
			}
			checkRequests(t, s, cmd.want)
		})
	}
}

func checkRequests(t *testing.T, s *aritest.Server, want []string) {
	t.Helper()
	var got []string
	for _, r := range s.Requests() {
		got = append(got, r.String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestVariables(t *testing.T) {
	s := aritest.New(t)
	c := newClient(t, s, nil)
	read := func(want map[string]string, names ...string) {
		t.Helper()
		got, err := c.Variables("17.1", names...)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("Variables(%q) = %q, %v; want %q", names, got, err, want)
		}
	}
	read(map[string]string{})
	checkRequests(t, s, nil)

	s.Script("GET /channels/17.1/variables", aritest.Answer{Status: 200, Body: `{"variables":{"A B":"1","F(x,y)":""}}`})
	read(map[string]string{"A B": "1", "F(x,y)": ""}, "A B", "F(x,y)")
	checkRequests(t, s, []string{`GET /channels/17.1/variables?variables=A+B%2CF%28x%2Cy%29`})

	// A variable that is not set would be an error: it is asked by a function.
	s.Script("GET /channels/17.1/variables", aritest.Answer{Status: 200, Body: `{"variables":{"EVAL(${A})":"1","EVAL(${B})":"","F(x)":"2"}}`})
	read(map[string]string{"A": "1", "B": "", "F(x)": "2"}, "A", "B", "F(x)")
	const both = `GET /channels/17.1/variables?variables=EVAL%28%24%7BA%7D%29%2CEVAL%28%24%7BB%7D%29`
	checkRequests(t, s, []string{both + `%2CF%28x%29`})

	// A function fails: Asterisk refuses all.
	s.Script("GET /channels/17.1/variables", aritest.Answer{Status: 404, Body: `{"message":"Provided variable was not found"}`})
	s.Script("GET /channels/17.1/variable", aritest.Answer{Status: 404, Body: `{"message":"Provided variable was not found"}`})
	read(map[string]string{"A": "", "B": ""}, "A", "B")
	checkRequests(t, s, []string{both, `GET /channels/17.1/variable?variable=A`, `GET /channels/17.1/variable?variable=B`})

	// The channel is gone.
	s.Script("GET /channels/17.1/variables", aritest.Answer{Status: 404, Body: `{"message":"Provided channel was not found"}`})
	if _, err := c.Variables("17.1", "A", "B"); !errors.Is(err, calls.ErrGone) {
		t.Errorf("err = %v, want ErrGone", err)
	}
	s.Requests()

	// An Asterisk that does not know the request: asked once, remembered, for writing too.
	unknown := aritest.Answer{Status: 404, Body: `{"message":"Resource not found"}`}
	s.Script("GET /channels/17.1/variables", unknown)
	s.Script("POST /channels/17.1/variables", unknown)
	s.Script("GET /channels/17.1/variable", aritest.Answer{Status: 200, Body: `{"value":"v"}`})
	read(map[string]string{"A": "v", "B": "v"}, "A", "B")
	read(map[string]string{"A": "v", "B": "v"}, "A", "B")
	if err := c.SetVariables("17.1", map[string]string{"B": "", "A": "1"}); err != nil {
		t.Error(err)
	}
	checkRequests(t, s, []string{both,
		`GET /channels/17.1/variable?variable=A`, `GET /channels/17.1/variable?variable=B`,
		`GET /channels/17.1/variable?variable=A`, `GET /channels/17.1/variable?variable=B`,
		`POST /channels/17.1/variable {"value":"1","variable":"A"}`, `POST /channels/17.1/variable {"value":"","variable":"B"}`})
}

func TestSetVariablesOnOldAsterisk(t *testing.T) {
	s := aritest.New(t)
	s.Script("POST /channels/17.1/variables", aritest.Answer{Status: 404, Body: `{"message":"Resource not found"}`})
	if err := newClient(t, s, nil).SetVariables("17.1", map[string]string{"A": "1"}); err != nil {
		t.Error(err)
	}
	checkRequests(t, s, []string{`POST /channels/17.1/variables {"variables":{"A":"1"}}`, `POST /channels/17.1/variable {"value":"1","variable":"A"}`})
}

func TestLists(t *testing.T) {
	s := aritest.New(t)
	s.Script("GET /channels", aritest.Answer{Status: 200, Body: `[{"id":"17.1","name":"PJSIP/alice-00000001","state":"Up","protocol_id":"sip-1","caller":{"name":"Alice","number":"1001"},` +
		`"dialplan":{"context":"acme","exten":"1002","priority":1,"app_name":"Stasis","app_data":"metaflows,dial,PJSIP/bob"},"creationtime":"2026-11-22T19:00:00.123+0000","channelvars":{"METAFLOWS_CALL":"c1"}}]`})
	s.Script("GET /bridges", aritest.Answer{Status: 200, Body: `[{"id":"mf-c1","name":"mf-c1","technology":"simple_bridge","bridge_type":"mixing","channels":["17.1"]}]`})
	s.Script("GET /applications", aritest.Answer{Status: 200, Body: `[{"name":"metaflows","channel_ids":["17.1"],"bridge_ids":["mf-c1"]}]`})
	s.Script("GET /asterisk/variable", aritest.Answer{Status: 200, Body: `{"value":"x"}`})
	c := newClient(t, s, nil)

	channels, err := c.Channels()
	if err != nil || len(channels) != 1 {
		t.Fatalf("Channels = %v, %v", channels, err)
	}
	if ch := channels[0]; ch.ID != "17.1" || ch.Endpoint() != "PJSIP/alice" || ch.SIPCallID != "sip-1" || ch.AppData != "metaflows,dial,PJSIP/bob" ||
		ch.DialplanApp != "Stasis" || ch.Vars["METAFLOWS_CALL"] != "c1" || ch.Created.UnixMilli() != 1795374000123 {
		t.Errorf("Channels = %+v", ch)
	}
	bridges, err := c.Bridges()
	if err != nil || len(bridges) != 1 || bridges[0].ID != "mf-c1" || bridges[0].Technology != "simple_bridge" || len(bridges[0].Channels) != 1 {
		t.Errorf("Bridges = %+v, %v", bridges, err)
	}
	apps, err := c.Applications()
	if err != nil || len(apps) != 1 || apps[0].Name != "metaflows" || len(apps[0].Channels) != 1 || len(apps[0].Bridges) != 1 {
		t.Errorf("Applications = %+v, %v", apps, err)
	}
	info, err := c.Info()
	if err != nil || info.Version != "22.10.1" || info.Name != "lab" || info.EntityID == "" {
		t.Errorf("Info = %+v, %v", info, err)
	}
}

func TestRecording(t *testing.T) {
	for name, tt := range map[string]struct {
		live, kept     int // what Asterisk answers
		state          string
		isLive, stored bool
		err            error
	}{
		"written":            {200, 404, "recording", true, false, nil},
		"to be written":      {200, 404, "queued", true, false, nil},
		"over this moment":   {200, 404, "done", false, true, nil},
		"failed this moment": {200, 404, "failed", false, false, nil},
		"kept":               {404, 200, "", false, true, nil},
		"unknown":            {404, 404, "", false, false, nil},
		"not told":           {500, 200, "", false, false, calls.ErrUnavailable},
		"not told of kept":   {404, 500, "", false, false, calls.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := aritest.New(t)
			s.Script("GET /recordings/live/acme%2Fr1", aritest.Answer{Status: tt.live, Body: `{"name":"acme/r1","state":"` + tt.state + `"}`})
			s.Script("GET /recordings/stored/acme%2Fr1", aritest.Answer{Status: tt.kept, Body: `{"name":"acme/r1"}`})
			live, stored, err := newClient(t, s, nil).Recording("acme/r1")
			if live != tt.isLive || stored != tt.stored || !errors.Is(err, tt.err) {
				t.Errorf("Recording = %v, %v, %v; want %v, %v, %v", live, stored, err, tt.isLive, tt.stored, tt.err)
			}
		})
	}
}

func TestStoredRecordingFile(t *testing.T) {
	s := aritest.New(t)
	s.Script("GET /recordings/stored/acme%2Fr1/file", aritest.Answer{Status: 200, Body: "RIFF"})
	s.Script("GET /recordings/stored/none/file", aritest.Answer{Status: 404, Body: `{"message":"Recording not found"}`})
	s.Script("GET /recordings/stored/slow/file", aritest.Answer{Status: 200, Body: "RIFF", Delay: time.Minute})
	c := newClient(t, s, func(cfg *ari.Config) { cfg.Timeout = 50 * time.Millisecond })
	file, size, err := c.StoredRecordingFile(context.Background(), "acme/r1")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the deadline is for the answer's begin, not for reading
	data, err := io.ReadAll(file)
	if err != nil || string(data) != "RIFF" || size != 4 {
		t.Errorf("read %q of %d bytes, %v", data, size, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := c.StoredRecordingFile(context.Background(), "none"); !errors.Is(err, calls.ErrGone) {
		t.Errorf("none: %v, want ErrGone", err)
	}
	if _, _, err := c.StoredRecordingFile(context.Background(), "slow"); !errors.Is(err, calls.ErrUnavailable) || !strings.Contains(err.Error(), "in time") {
		t.Errorf("slow: %v, want no answer in time", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.StoredRecordingFile(ctx, "acme/r1"); !errors.Is(err, calls.ErrUnavailable) {
		t.Errorf("cancelled: %v, want ErrUnavailable", err)
	}
	c.Detach()
	if _, _, err := c.StoredRecordingFile(context.Background(), "acme/r1"); !errors.Is(err, calls.ErrDetached) {
		t.Errorf("detached: %v, want ErrDetached", err)
	}
}

// A file may be larger than any answer that is read into memory.
func TestStoredRecordingFileIsLarge(t *testing.T) {
	const hour = 3600 * 8000 * 2
	s := aritest.New(t)
	s.Script("GET /recordings/stored/hour/file", aritest.Answer{Status: 200, Body: strings.Repeat("s", hour)})
	file, size, err := newClient(t, s, nil).StoredRecordingFile(context.Background(), "hour")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if n, err := io.Copy(io.Discard, file); n != hour || size != hour || err != nil {
		t.Errorf("read %d bytes of %d: %v", n, size, err)
	}
}
