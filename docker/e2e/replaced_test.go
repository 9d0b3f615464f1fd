package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// TestPhoneTransfers: a phone transfers the other party by its own means (REFER). The call goes on without it, with codes, and
// ends with either of those who talk.
func TestPhoneTransfers(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	for _, transferor := range []string{"bob", "alice"} {
		a, b := l.call(alice, "1002", bob)
		stays, goes := a, b
		if transferor == "alice" {
			stays, goes = b, a
		}
		l.must(goes.Refer(l.soon(5*time.Second), "1234"))
		l.hears(stays, music1234)
		l.hangUp(goes)
		select {
		case <-stays.Ended():
			t.Fatalf("%s has transferred the other party and hung up, and with that ended its call", transferor)
		case <-time.After(time.Second):
		}
		l.hears(stays, music1234)
		l.hangUp(stays)
		l.nothingLeft()
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
