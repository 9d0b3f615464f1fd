package e2e

import (
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// A recording goes on through a gap, and its code stops it afterwards.
func TestWireCutRecordingGoesOn(t *testing.T) {
	t.Parallel()
	s, wire := wired(t, nil)
	l := labOn(t, s)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	start := l.press(b, "*9", quick).End()
	l.event("recording.started", 1)
	wire.cut()
	l.noticed()
	l.mended(wire)
	l.talk(a, b)
	l.press(b, "5")
	l.gets(a, "*5")
	end := l.press(b, "*9", quick).End()
	stored := l.event("recording.stored", 1)
	length, want := time.Duration(len(l.recording(stored.Recording)))*time.Second/rate, end.Sub(start)
	if diff := (length - want).Abs(); stored.Reason != "stopped" || diff > 500*time.Millisecond {
		t.Errorf("the recording is %s long, %s were between the codes, it was %s", length, want, stored.Reason)
	}
	if n := len(l.all("recording.started")); n != 1 {
		t.Errorf("%d recordings were started", n)
	}
	l.press(b, "*0")
	l.ended(a)
	l.nothingLeft()
}

// Both parties press the binding digit at the same moment: a recording must not end by that.
func TestRecordingWhileBothPress(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*9")
	l.event("recording.started", 1)
	for range 10 {
		var both sync.WaitGroup
		for _, c := range []*phone.Call{a, b} {
			both.Go(func() {
				if _, err := c.Press(l.ctx, "*5", quick); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	l.event("code.unmatched", 20)
	if ended := l.all("recording.stored"); len(ended) > 0 {
		t.Errorf("the recording ended after %v: %s", ended[0].At.Sub(l.event("recording.started", 1).At), ended[0].Reason)
	}
	l.hangUp(a)
	l.ended(b)
	l.event("recording.stored", 1)
}

// A call that enters while nobody hears of it is dialled when the wire is mended.
func TestWireCutNewCall(t *testing.T) {
	t.Parallel()
	s, wire := wired(t, nil)
	l := labOn(t, s)
	alice, bob := l.phone("alice"), l.phone("bob")
	wire.cut()
	a, err := alice.Dial(l.ctx, "1002")
	l.must(err)
	l.noticed()
	l.mended(wire)
	b := l.incoming(bob)
	l.talk(a, b)
	l.press(b, "*0")
	l.ended(b)
	l.ended(a)
	l.nothingLeft()
}

// The wire is cut at the instant at which Asterisk gets a request: its answer comes late, and the events of what it did
// are missed. What was begun ends as it would have, codes work afterwards, and nothing is left.
func TestWireCutAtARequest(t *testing.T) {
	t.Parallel()
	s, wire, at := cutAt(t)
	for _, tt := range []struct {
		name, request, before, keys string
		then                        func(l *lab, a, b *phone.Call, carol *phone.Phone) // is to end the call, too
	}{
		{"a recording begins", "POST .*/record$", "", "*9", func(l *lab, a, b *phone.Call, _ *phone.Phone) {
			l.event("recording.started", 1)
			l.event("action.finished", 1)
			l.press(b, "*9")
			l.event("recording.stored", 1)
			l.press(b, "*0")
		}},
		{"a recording is stopped", "POST .*/stop$", "*9", "*9", func(l *lab, a, b *phone.Call, _ *phone.Phone) {
			if e := l.event("recording.stored", 1); e.Reason != "stopped" {
				l.Errorf("recording.stored says %+v", e.Notice)
			}
			l.press(b, "*9") // the next one
			l.event("recording.started", 2)
			l.press(b, "*0")
		}},
		{"a transfer's target is made", "POST .*/create$", "", "*31003", answersTransfer},
		{"a transfer's target is dialled", "POST .*/dial$", "", "*31003", answersTransfer},
		{"the presser is hung up", "DELETE .*/channels/leg-", "", "*0", func(l *lab, a, b *phone.Call, _ *phone.Phone) {
			if e := l.event("call.ended", 1); e.Reason != "hangup" {
				l.Errorf("call.ended says %+v", e.Notice)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := labOn(t, s)
			carol := l.phone("carol")
			carol.Behave(phone.RingForever())
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			if tt.before != "" {
				l.press(b, tt.before)
				l.hears(b, confirmTone)
				l.must(b.WaitNoTone(l.soon(3*time.Second), confirmTone))
			}
			keys, request := tt.keys, tt.request
			if i := len(keys) - 1; i > 1 { // absorbing has been switched on before
				l.press(b, keys[:i])
				keys = keys[i:]
			}
			at.Store(&request)
			l.press(b, keys)
			l.noticed()
			l.mended(wire)
			if at.Load() != nil {
				t.Fatalf("there was no %s", request)
			}
			tt.then(l, a, b, carol)
			l.ended(a)
			l.nothingLeft()
		})
	}
}

// The same as a call is set up: it comes about all the same.
func TestWireCutAsACallBegins(t *testing.T) {
	t.Parallel()
	s, wire, at := cutAt(t)
	for _, request := range []string{"POST .*/create$", "POST .*/dial$"} {
		t.Run(request, func(t *testing.T) {
			l := labOn(t, s)
			alice, bob := l.phone("alice"), l.phone("bob")
			bob.Behave(phone.RingForever())
			at.Store(&request)
			a, err := alice.Dial(l.ctx, "1002")
			l.must(err)
			l.noticed()
			l.mended(wire)
			b := l.ringing(bob)
			l.must(b.Answer())
			l.talk(a, b)
			l.press(b, "*0")
			l.ended(b)
			l.ended(a)
			l.nothingLeft()
		})
	}
}

// cutAt is a wired system; when Asterisk gets a request of which "METHOD /path" matches what at holds, the wire is cut for
// what Asterisk says, and at is emptied.
func cutAt(t *testing.T) (s *system, wire *relay, at *atomic.Pointer[string]) {
	at = &atomic.Pointer[string]{}
	s, wire = wired(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if when := at.Load(); when != nil && regexp.MustCompile(*when).MatchString(r.Method+" "+r.URL.Path) && at.CompareAndSwap(when, nil) {
			wire.cutBack()
		}
		return false
	})
	return s, wire, at
}

// answersTransfer: the target rings, answers, and ends the call.
func answersTransfer(l *lab, a, b *phone.Call, carol *phone.Phone) {
	c := l.ringing(carol)
	l.ended(b)
	l.must(c.Answer())
	l.talk(a, c)
	if e := l.event("transfer.completed", 1); e.Result != "completed" {
		l.Errorf("transfer.completed says %+v", e.Notice)
	}
	l.hangUp(c)
}
