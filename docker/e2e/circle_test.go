package e2e

import (
	"testing"
	"time"

	"metaflows/actions"
)

// TestCircle: a party that was transferred to its own second line joins its two calls. Nobody is left but Local channels that
// lead to each other; these are hung up, so that both calls end.
func TestCircle(t *testing.T) {
	t.Parallel()
	l := labBeside(t, ownSystem(t))
	l.document("acme", stopCodes)
	alice := l.phone("alice")
	a, b := l.call(alice, "1002", l.phone("bob"))
	l.press(b, "*21001")
	second := l.incoming(alice)
	l.talk(a, second)
	l.ended(b)
	l.must(a.ReferTo(l.soon(5*time.Second), second))
	l.hangUp(a)
	l.hangUp(second)
	left, err := l.left(l.ctx)
	l.must(err)
	t.Logf("when both have hung up: %s", left)
	for looks := l.soon(3 * actions.Grace); left != ""; {
		select {
		case <-looks.Done():
			t.Fatalf("left over: %s", left)
		case <-time.After(time.Second):
		}
		left, err = l.left(l.ctx)
		l.must(err)
	}
	l.event("call.ended", 2)
}
