package e2e

import (
	"testing"
	"time"
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
