package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// Asterisk crashes and comes back: its calls are over, the events say so, nothing of them stays in the process, and new
// calls have their codes.
func TestAsteriskRestarts(t *testing.T) {
	t.Parallel()
	s, err := startSystem(context.Background(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = s.stop()
		}
	})
	l := labOn(t, s)
	if status, body, err := l.request(http.MethodPost, "/v2/accounts/acme/metaflows", `{"data":`+wireCodes+`}`); err != nil || status != http.StatusOK {
		t.Fatal(status, body, err)
	}
	phones := map[string]*phone.Phone{}
	for _, name := range []string{"alice", "bob", "carol", "dave", "mallory", "outside"} {
		phones[name] = l.phone(name)
	}
	_, b := l.call(phones["alice"], "1002", phones["bob"])
	l.press(b, "*9")
	l.event("recording.started", 1)
	l.rings(phones["carol"], "1004", phones["dave"])
	m, o := l.call(phones["mallory"], "1002", phones["bob"])
	l.press(o, "*31998")
	l.hears(m, ringing)

	s.Kill()
	l.awaits(http.StatusServiceUnavailable, `"asterisk":{"ok":false`)
	l.must(s.Restart(l.ctx))
	t.Logf("ready %v after Asterisk was", l.awaits(http.StatusOK).Round(10*time.Millisecond))
	for _, p := range phones {
		_ = p.Close() // they do not know that their calls are over
	}

	for n := range 4 { // three calls, one of them of two accounts
		l.event("call.ended", n+1)
	}
	if e := l.event("recording.stored", 1); e.Reason != "call_ended" && e.Reason != "failed" {
		t.Errorf("recording.stored says %+v", e.Notice)
	}
	if e := l.event("action.failed", 1); e.Reason != "transferee_gone" {
		t.Errorf("action.failed says %+v", e.Notice)
	}
	for _, e := range l.all("call.ended") {
		if e.Reason != "hangup" && e.Reason != "cancelled" {
			t.Errorf("call.ended says %+v", e.Notice)
		}
	}
	l.nothingLeft()

	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*0")
	l.ended(b)
	l.ended(a)
	l.event("call.ended", 5)
	l.nothingLeft()
	stopped = true
	l.must(s.stop())
	if log := s.log.String(); !strings.Contains(log, "msg=stopping calls=0") {
		t.Errorf("the process does not stop with 0 calls:\n%s", log[strings.LastIndex(log, "connected to Asterisk"):])
	}
}
