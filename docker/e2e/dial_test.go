package e2e

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// The callee's ringing and early media reach the caller; so does the answer.
func TestRingingAndEarlyMedia(t *testing.T) {
	t.Run("ringing", func(t *testing.T) {
		l := newLab(t)
		bob := l.phone("bob")
		bob.Behave(phone.AnswerAfter(400 * time.Millisecond))
		a, err := l.phone("alice").Dial(l.ctx, "1002")
		l.must(err)
		l.must(a.WaitRinging(l.soon(5 * time.Second)))
		l.talk(a, l.incoming(bob))
		l.hangUp(a)
	})
	t.Run("early media", func(t *testing.T) {
		l := newLab(t)
		bob := l.phone("bob")
		bob.Behave(phone.EarlyMedia(800 * time.Millisecond))
		a, err := l.phone("alice").Dial(l.ctx, "1002")
		l.must(err)
		l.must(a.WaitEarlyMedia(l.soon(5 * time.Second)))
		l.hears(a, tones["bob"])
		l.talk(a, l.incoming(bob))
		l.hangUp(a)
	})
	t.Run("option r", func(t *testing.T) {
		l := newLab(t)
		bob := l.phone("bob")
		bob.Behave(phone.EarlyMedia(800 * time.Millisecond))
		a, err := l.phone("alice").Dial(l.ctx, "r-bob")
		l.must(err)
		l.must(a.WaitRinging(l.soon(5 * time.Second)))
		b := l.incoming(bob)
		select {
		case <-a.EarlyMedia():
			t.Error("early media with option r")
		default:
		}
		l.talk(a, b)
		l.hangUp(a)
	})
	t.Run("option m", func(t *testing.T) {
		l := newLab(t)
		bob := l.phone("bob")
		bob.Behave(phone.AnswerAfter(time.Second))
		a, err := l.phone("alice").Dial(l.ctx, "m-bob")
		l.must(err)
		l.hears(a, musicDefault)
		b := l.incoming(bob)
		l.talk(a, b)
		l.must(a.WaitNoTone(l.soon(3*time.Second), musicDefault))
		l.hangUp(a)
	})
}

// A caller whose first callee is busy is dialled on by the next line: the same channel, another call.
func TestEntersAgain(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	bob, carol := l.phone("bob"), l.phone("carol")
	bob.Behave(phone.Busy())
	a, err := l.phone("alice").Call(l.soon(10*time.Second), "backup")
	l.must(err)
	c := l.incoming(carol)
	l.talk(a, c)
	l.press(c, "*0")
	l.ended(c)
	l.ended(a)
	first, second := l.event("call.ended", 1), l.event("call.ended", 2)
	if first.Call == second.Call || first.Reason != "busy" || second.Reason != "hangup" {
		t.Errorf("the calls ended as %s %q and %s %q, want two calls, busy and hangup", first.Call, first.Reason, second.Call, second.Reason)
	}
	if l.event("call.started", 1).UniqueID != l.event("call.started", 2).UniqueID {
		t.Error("the two calls are of different channels")
	}
}

// The document is read when the binding digit is pressed: a change holds from the next code on.
func TestDocumentChangedInMidCall(t *testing.T) {
	l := newLab(t)
	l.document("acme", `{"numbers":{"0":{"module":"hangup"}}}`)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.document("acme", `{"binding_digit":"#","numbers":{"5":{"module":"hangup"}}}`)
	l.press(a, "*0")
	l.gets(b, "*0")
	l.press(a, "#5")
	l.ended(a)
	l.ended(b)
}

// 200 calls one after another and 50 at once leave nothing: not in Asterisk (nothingLeft), not in this process.
func TestManyCallsLeaveNothing(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	one := func(end func(*phone.Call) error) error {
		a, err := alice.Call(l.ctx, "1002")
		if err != nil {
			return err
		}
		if err := a.WaitTone(l.ctx, tones["bob"]); err != nil {
			return err
		}
		if err := end(a); err != nil {
			return err
		}
		return a.WaitEnded(l.ctx)
	}
	byCode := func(a *phone.Call) error {
		_, err := a.Press(l.ctx, "*0", phone.Press{Digit: 80 * time.Millisecond, Gap: 60 * time.Millisecond})
		return err
	}
	byPhone := func(a *phone.Call) error { return a.Hangup(l.ctx) } // so many phones at once do not keep to such times
	l.must(one(byCode))                                             // connections are made and kept
	l.settled(bob)
	before := runtime.NumGoroutine()
	for range 200 {
		l.must(one(byCode))
	}
	var calls sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		calls.Go(func() { errs[i] = one(byPhone) })
	}
	calls.Wait()
	l.must(errors.Join(errs...))
	l.settled(bob)
	l.event("call.ended", 251)
	if n := len(l.all("call.ended")); n != 251 {
		t.Errorf("%d calls ended by the events, 251 were made", n)
	}
	// HTTP keeps some connections, each with two goroutines, for the next calls.
	deadline := l.soon(20 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-deadline.Done():
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before the calls:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// settled waits until a phone and Asterisk have no call any more.
func (l *lab) settled(p *phone.Phone) {
	l.Helper()
	for _, c := range p.Calls() {
		l.ended(c)
	}
	p.ForgetIncoming()
	l.nothingLeft()
}
