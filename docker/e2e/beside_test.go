package e2e

import (
	"context"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"metaflows/docker/pbx"
)

// No test sees events of the test before it, also where those come when Asterisk has nothing of its calls any more: here
// the answer to the removal of a bridge takes its time, and the call's end is told after that.
func TestATestSeesItsOwnEventsAlone(t *testing.T) {
	t.Parallel()
	var asterisk *pbx.Server
	slow := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete || !strings.Contains(r.URL.Path, "/bridges/") {
			return false
		}
		forward, err := http.NewRequestWithContext(r.Context(), http.MethodDelete, asterisk.ARIURL+"/bridges/"+path.Base(r.URL.Path), http.NoBody)
		if err == nil {
			forward.Header = r.Header.Clone()
			var status int
			if status, _, err = send(forward); err == nil {
				time.Sleep(500 * time.Millisecond)
				w.WriteHeader(status)
			}
		}
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadGateway)
		}
		return true
	}
	s, err := newSystem(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	asterisk = s.Server
	if err := s.startApplication(context.Background(), slow); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	t.Run("a call", func(t *testing.T) {
		l := labBeside(t, s)
		l.document("acme", twoCodes)
		a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
		l.hangUp(a)
		l.ended(b)
	})
	t.Run("nothing", func(t *testing.T) {
		l := labBeside(t, s)
		l.finished() // by now all was told
		if events := l.events(); len(events) > 0 {
			t.Errorf("it sees events of the test before it:%s", l.story())
		}
	})
	if n := len(s.since(0)); n < 5 { // the document, three of the call, the document
		t.Errorf("the auditor has read %d events, want 5", n)
	}
}
