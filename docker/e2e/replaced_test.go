package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// TestPhoneTransfers: a phone transfers the other party by its own means (REFER). The call goes on without it, and ends with
// either of those who talk.
func TestPhoneTransfers(t *testing.T) {
	for _, c := range []struct{ transferor, target string }{{"bob", "1234"}, {"alice", "1234"}, {"bob", "1003"}, {"alice", "1003"}} {
		t.Run(c.transferor+" to "+c.target, func(t *testing.T) {
			l := newLab(t)
			carol := l.phone("carol")
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			stays, goes := a, b
			if c.transferor == "alice" {
				stays, goes = b, a
			}
			l.must(goes.Refer(l.soon(5*time.Second), c.target))
			talk := func() { l.hears(stays, music1234) }
			if c.target == "1003" {
				got := l.incoming(carol)
				talk = func() { l.talk(stays, got) }
			}
			talk()
			l.hangUp(goes)
			l.staysUp(stays)
			talk()
			if c.target == "1003" { // else the extension does not end by itself
				l.must(carol.Calls()[0].Hangup(l.soon(5 * time.Second)))
				l.ended(stays)
				return
			}
			l.hangUp(stays)
		})
	}
}

// TestPhoneTransfersAttended: a phone that talks to two joins them by its own means (REFER with Replaces). They go on
// without it, have their codes, and end with each other.
func TestPhoneTransfersAttended(t *testing.T) {
	for _, transferor := range []string{"alice", "bob"} {
		t.Run(transferor, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", recordCodes)
			carol := l.phone("carol")
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			stays, goes := a, b
			if transferor == "alice" {
				stays, goes = b, a
			}
			second, c := l.call(goes.Phone(), "1003", carol)
			l.must(goes.ReferTo(l.soon(5*time.Second), second))
			l.talk(stays, c)
			l.hangUp(goes)
			l.hangUp(second)
			for _, call := range []*phone.Call{stays, c} {
				l.staysUp(call)
			}
			l.talk(stays, c)
			l.press(stays, "*9")
			l.event("recording.started", 1)
			l.talk(stays, c)
			l.hangUp(stays)
			l.ended(c)
			l.event("recording.stored", 1)
			l.event("call.ended", 2)
		})
	}
}

// TestPickedUpIsRecorded: who has picked a call up is in its bridge as its callee was: a code of the other party is kept from
// him, also while the call is recorded.
func TestPickedUpIsRecorded(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	alice, bob, dave := l.phone("alice"), l.phone("bob"), l.phone("dave")
	bob.Behave(phone.RingForever())
	a, err := alice.Dial(l.soon(5*time.Second), "1002")
	l.must(err)
	l.must(a.WaitRinging(l.soon(5 * time.Second)))
	d, err := dave.Call(l.soon(5*time.Second), "*8")
	l.must(err)
	l.talk(a, d)
	for n, kind := range []string{"recording.started", "recording.stored"} {
		l.press(a, "*9")
		l.event(kind, 1)
		l.gets(d, "**"[:n+1])
		l.heldFor(a, d, time.Second)
	}
	l.hangUp(a)
	l.ended(d)
}
