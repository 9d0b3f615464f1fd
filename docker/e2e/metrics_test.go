package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// metrics are what Prometheus would read, by name and labels.
func (l *lab) metrics() map[string]float64 {
	l.Helper()
	status, body, err := l.request(http.MethodGet, "/metrics", "")
	l.must(err)
	if status != http.StatusOK {
		l.Fatal(status, body)
	}
	all := map[string]float64{}
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			n, err := strconv.ParseFloat(value, 64)
			l.must(err)
			all[name] = n
		}
	}
	return all
}

// A call with a recording and keys that are no code is counted as what it is; when it is over nothing is there any more.
func TestACallIsCounted(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	before := l.metrics()
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	slowly := phone.Press{Gap: 200 * time.Millisecond} // a busy machine gets time to act
	l.press(b, "*9", slowly)
	l.event("recording.started", 1)
	l.hears(b, confirmTone)
	l.press(b, "*5", slowly)
	l.event("code.unmatched", 1)
	l.gets(a, "**5")
	l.press(b, "*9", slowly)
	l.event("recording.stored", 1)
	talking := l.metrics()
	if talking["metaflows_calls"] != 1 || talking["metaflows_legs"] != 2 || talking["metaflows_ari_connected"] != 1 {
		t.Errorf("while they talk: %v calls, %v legs, connected %v", talking["metaflows_calls"], talking["metaflows_legs"], talking["metaflows_ari_connected"])
	}
	l.hangUp(a)
	l.ended(b)
	l.event("call.ended", 1)
	l.nothingLeft()
	after := l.metrics()
	for name, want := range map[string]float64{
		"metaflows_calls_started_total":                                           1,
		"metaflows_digits_total":                                                  6,
		`metaflows_actions_total{module="record_call",result="continue"}`:         2,
		`metaflows_actions_total{module="record_call",result="failed"}`:           0,
		`metaflows_decision_duration_seconds_count{decided_by="digit"}`:           2,
		`metaflows_decision_duration_seconds_count{decided_by="timeout"}`:         0,
		`metaflows_ari_requests_total{code="none",method="POST"}`:                 0,
		`metaflows_events_lost_total`:                                             0,
		`metaflows_ari_reconnects_total`:                                          0,
		`metaflows_nats_reconnects_total`:                                         0,
		`metaflows_ari_events_total{kind="broken"}`:                               0,
		`metaflows_decision_duration_seconds_bucket{decided_by="digit",le="2.5"}`: 2,
	} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for name, least := range map[string]float64{
		`metaflows_ari_request_duration_seconds_count{method="POST"}`: 5, `metaflows_ari_events_total{kind="used"}`: 10, "metaflows_events_published_total": 14,
	} {
		if got := after[name] - before[name]; got < least {
			t.Errorf("%s: %v, want %v and more", name, got, least)
		}
	}
	if after["metaflows_calls"] != 0 || after["metaflows_legs"] != 0 || after["metaflows_call_events_waiting"] != 0 {
		t.Errorf("when it is over: %v calls, %v legs, %v events", after["metaflows_calls"], after["metaflows_legs"], after["metaflows_call_events_waiting"])
	}
	sum, count := `metaflows_decision_duration_seconds_sum{decided_by="digit"}`, 2.0
	t.Logf("from the last key to the action: %.2f ms on average", 1000*(after[sum]-before[sum])/count)
}
