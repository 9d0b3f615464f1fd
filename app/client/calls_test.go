package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// someCalls are what the API says of two calls: alice of acme talks to an outsider, whom mallory of evil has brought in; bob
// is rung.
func someCalls(now time.Time) string {
	at := func(ago time.Duration) int64 { return now.Add(-ago).Unix() + gregorian }
	return fmt.Sprintf(`{"data":[
	 {"account_id":"acme","call":"2.2-x","uuid":"2.2","role":"caller","state":"Up","endpoint":"PJSIP/alice","caller_id_number":"1001","owner_id":"alice","authorizing_id":"desk","authorizing_type":"device","timestamp":%[1]d},
	 {"account_id":"acme","call":"2.2-x","uuid":"leg-2.2-x-1","role":"callee","state":"Up","endpoint":"PJSIP/trunk","caller_id_number":"0172555","outsider":true,"timestamp":%[2]d},
	 {"account_id":"acme","call":"3.3-y","uuid":"3.3","role":"callee","state":"Ringing","endpoint":"PJSIP/bob","caller_id_number":"1002","owner_id":"bob","authorizing_id":"bob","authorizing_type":"user","timestamp":%[3]d},
	 {"account_id":"evil","call":"2.2-x","uuid":"leg-2.2-x-1","role":"callee","state":"Up","endpoint":"PJSIP/trunk","caller_id_number":"0172555","outsider":true,"timestamp":%[2]d}
	],"status":"success"}`, at(3700*time.Second), at(90*time.Second), at(5*time.Second))
}

// TestCallsTable: call by call, each channel once, with all by which it can be meant.
func TestCallsTable(t *testing.T) {
	p := &program{T: t, site: answering(t, someCalls(time.Now()))}
	code, out, errs := p.run("calls")
	var got []string
	for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	for i, want := range []string{
		"CALL ROLE CHANNEL ENDPOINT NUMBER ACCOUNT USER DEVICE STATE FOR",
		"2.2-x caller 2.2 PJSIP/alice 1001 acme alice desk Up 1:01:4",
		"callee leg-2.2-x-1 PJSIP/trunk 0172555 - - - Up 1:3",
		"3.3-y callee 3.3 PJSIP/bob 1002 acme bob - Ringing 0:0",
	} {
		if code != 0 || i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("%d: %d\n%s%s", i, code, out, errs)
		}
	}
	if len(got) != 4 {
		t.Errorf("%q", got)
	}
}

// TestWhoIsMeant: a word means the channel that has it as id, endpoint or number; more than one must be told apart.
func TestWhoIsMeant(t *testing.T) {
	api := New(answering(t, someCalls(time.Now())).Address, "x")
	for word, want := range map[string]string{
		"2.2": "2.2", "alice": "2.2", "PJSIP/alice": "2.2", "1001": "2.2", "0172555": "leg-2.2-x-1", "trunk": "leg-2.2-x-1", "bob": "3.3",
		"2.2-x": "there is no live channel 2.2-x", "carol": "there is no live channel carol", "": "there is no live channel",
	} {
		c, err := api.find(t.Context(), "", word)
		if c.ID != want && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %q %v, want %s", word, c.ID, err, want)
		}
	}
}

// answering is a site that always gives the same answer.
func answering(t *testing.T, text string) Site {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
	t.Cleanup(s.Close)
	return Site{Address: strings.TrimPrefix(s.URL, "http://"), Token: func() (string, error) { return "x", nil }}
}
