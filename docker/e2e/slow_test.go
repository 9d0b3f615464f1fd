package e2e

import (
	"context"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// faults answer requests in Asterisk's place, by an expression for "METHOD /path".
type faults struct {
	mu  sync.Mutex
	set map[string]http.HandlerFunc
}

// on says what such requests get from now on; nil is Asterisk's own answer.
func (f *faults) on(request string, answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set == nil {
		f.set = map[string]http.HandlerFunc{}
	}
	f.set[request] = answer
}

func (f *faults) handle(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	var answer http.HandlerFunc
	for request, a := range f.set {
		if a != nil && regexp.MustCompile(request).MatchString(r.Method+" "+r.URL.Path) {
			answer = a
		}
	}
	f.mu.Unlock()
	if answer == nil {
		return false
	}
	answer(w, r)
	return true
}

// refused is an answer as Asterisk gives it when it cannot; silent is none at all.
func refused(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, `{"message":"no"}`, http.StatusServiceUnavailable)
}

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// faulty is a system whose Asterisk can be made to fail.
func faulty(t *testing.T) (*lab, *faults) {
	t.Helper()
	f := &faults{}
	s, err := startSystem(context.Background(), t.TempDir(), f.handle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	l := labOn(t, s)
	l.document("acme", wireCodes)
	l.document("evil", wireCodes)
	return l, f
}

// Each action has its way out when Asterisk refuses one of its requests: an event says why, the presser hears the error
// tone, both go on talking, and the code works when it is pressed again.
func TestRequestsAreRefused(t *testing.T) {
	t.Parallel()
	l, fault := faulty(t)
	alice, bob, carol := l.phone("alice"), l.phone("bob"), l.phone("carol")
	carol.Behave(phone.RingForever())
	a, b := l.call(alice, "1002", bob)
	failed := 0
	for _, tt := range []struct{ request, keys, reason string }{
		{"POST .*/record$", "*9", "not_recorded"},
		{"GET .*/variable", "*31003", "unavailable"}, // does the extension exist?
		{"POST .*/create$", "*31003", "unavailable"},
		{"POST .*/removeChannel$", "*31003", "unavailable"},
		{"POST .*/dial$", "*31003", "unavailable"},
	} {
		fault.on(tt.request, refused)
		l.press(b, tt.keys)
		failed++
		if e := l.event("action.failed", failed); e.Reason != tt.reason {
			t.Errorf("%s is refused: action.failed says %q, want %s", tt.request, e.Reason, tt.reason)
		}
		fault.on(tt.request, nil)
		l.hears(b, errorTone)
		l.must(b.WaitNoTone(l.soon(3*time.Second), errorTone))
		l.talk(a, b)
	}
	carol.ForgetIncoming()
	l.press(b, "*9")
	l.hears(b, confirmTone)
	l.press(b, "*31003")
	c := l.ringing(carol)
	l.must(c.Answer())
	l.talk(a, c)
	l.ended(b)
	l.hangUp(a)
	l.ended(c)

	// A hangup is asked for until it is done: the other party is gone already.
	a, b = l.call(alice, "1002", bob)
	fault.on("DELETE .*/channels/leg-", refused)
	l.press(b, "*0")
	l.ended(a)
	fault.on("DELETE .*/channels/leg-", nil)
	l.ended(b)
	l.nothingLeft()
}

// While Asterisk does not answer the requests of two calls, a third acts at once; each request has its deadline, and each
// action its way out.
func TestRequestsAreNotAnswered(t *testing.T) {
	t.Parallel()
	l, fault := faulty(t)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	c, d := l.call(l.phone("carol"), "1004", l.phone("dave"))
	m, o := l.call(l.phone("mallory"), "1006", l.phone("outside"))
	fault.on("POST .*/record$", silent)
	fault.on("POST .*/removeChannel$", silent)
	began := time.Now()
	l.press(b, "*9")
	l.press(d, "*31006")
	l.event("action.started", 1)
	l.event("action.started", 2)

	l.press(m, "*5")
	l.gets(o, "*5")
	released := l.press(m, "*0").End()
	l.ended(m)
	if took := time.Since(released); took > 500*time.Millisecond {
		t.Errorf("a code took %v while other calls' requests were not answered", took)
	}
	l.ended(o)
	l.talk(a, b)
	l.talk(c, d)
	if len(l.all("action.failed")) > 0 {
		t.Error("an action failed before its deadline")
	}

	for _, tt := range []struct {
		reason string
		at     time.Duration
		who    *phone.Call
	}{{"not_recorded", 5 * time.Second, b}, {"unavailable", 15 * time.Second, d}} {
		l.hearsBy(tt.who, errorTone, began.Add(tt.at+5*time.Second))
		took := time.Since(began)
		t.Logf("%s was told after %v", tt.reason, took.Round(100*time.Millisecond))
		if took < tt.at {
			t.Errorf("%s was told after %v, want %v at least", tt.reason, took, tt.at)
		}
	}
	reasons := map[string]string{}
	for _, e := range l.all("action.failed") {
		reasons[e.Module] = e.Reason
	}
	if len(reasons) != 2 || reasons["record_call"] != "not_recorded" || reasons["transfer"] != "unavailable" {
		t.Errorf("action.failed says %v", reasons)
	}
	fault.on("POST .*/record$", nil)
	fault.on("POST .*/removeChannel$", nil)
	l.talk(a, b)
	l.talk(c, d)
	for _, c := range []*phone.Call{b, d} {
		l.press(c, "*0")
		l.ended(c)
	}
	l.ended(a)
	l.ended(c)
	l.nothingLeft()
}

// hearsBy waits for a tone until a time.
func (l *lab) hearsBy(c *phone.Call, freq float64, by time.Time) {
	l.Helper()
	ctx, cancel := context.WithDeadline(l.ctx, by)
	defer cancel()
	l.must(c.WaitTone(ctx, freq))
}
