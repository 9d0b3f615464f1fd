package e2e

import (
	"fmt"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// A key that is down when the time of a code's beginning ends belongs to the code, as with features.conf.
func TestLongKey(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*")
	time.Sleep(200 * time.Millisecond) // what a person takes from one key to the next
	l.press(b, "9", phone.Press{Digit: 2500 * time.Millisecond})
	l.event("recording.started", 1)
	l.press(b, "1")
	l.gets(a, "*1")
	l.hangUp(a)
	l.ended(b)
}

// Whatever one party has just done, the other hears no more than the binding digit of its code: here it types at any time
// after the confirmation of a recording.
func TestCodeAfterTheOthersCode(t *testing.T) {
	for _, gap := range []time.Duration{0, 100, 200, 300, 500} {
		t.Run(fmt.Sprint(int(gap), " ms"), func(t *testing.T) {
			l := newLab(t)
			l.document("acme", recordCodes)
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			l.press(b, "*9")
			l.event("recording.started", 1)
			l.hears(b, confirmTone)
			l.must(b.WaitTone(l.soon(5*time.Second), tones["alice"])) // it is over
			time.Sleep(gap * time.Millisecond)
			l.press(a, "*21234", phone.Press{Gap: 200 * time.Millisecond}) // a busy machine gets time to act
			l.event("transfer.answered", 1)
			if got := b.Digits(); got != "*" {
				t.Errorf("bob heard %q of a code", got)
			}
			l.ended(a)
			l.hangUp(b)
		})
	}
}

// What was no code is heard by the other party once, also where that has just pressed a code: its own phone was sent a digit
// then, and Asterisk does not believe the beginnings of its keys for half a second.
func TestNoCodeAfterTheOthersCode(t *testing.T) {
	for _, gap := range []time.Duration{0, 150, 300} {
		t.Run(fmt.Sprint(int(gap), " ms"), func(t *testing.T) {
			l := newLab(t)
			l.document("acme", twoCodes)
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			l.press(b, "*9")
			l.event("recording.started", 1)
			l.press(b, "*9")
			time.Sleep(gap * time.Millisecond)
			l.press(a, "*5")
			l.gets(b, "*5")
			l.hangUp(b)
			l.ended(a)
		})
	}
}
