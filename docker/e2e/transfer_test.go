package e2e

import (
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// seedDocument is the POST example of the specification.
const seedDocument = `{"binding_digit":"*","patterns":{"2(\\d+)":{"module":"transfer","data":{"takeback_dtmf":"*1"}}}}`

// quickTransfer is decided with its last digit.
const quickTransfer = `{"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":2}}}}`

func TestSeedDocumentCallerTransfers(t *testing.T) {
	l := newLab(t)
	l.document("acme", seedDocument)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(a, "*21234")
	l.hears(b, music1234)
	l.ended(a)
	l.asteriskSays("1234 from=1002", "transferer=PJSIP/alice-", "transferor=PJSIP/alice")
	l.hangUp(b)
}

func TestSeedDocumentCalleeTransfers(t *testing.T) {
	l := newLab(t)
	l.document("acme", seedDocument)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*21234")
	l.hears(a, music1234)
	l.ended(b)
	l.asteriskSays("1234 from=1001", "transferer=PJSIP/bob-", "transferor=PJSIP/bob")
	if e := l.event("transfer.completed", 1); e.Target != "1234" || e.Result != "completed" {
		t.Errorf("transfer.completed says %+v", e)
	}
	l.hangUp(a)
	l.event("call.ended", 1)
}

// The target is a phone behind the application too: two calls, and both ends of them.
func TestTransferToAPhone(t *testing.T) {
	l := newLab(t)
	l.document("acme", quickTransfer)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	carol := l.phone("carol")
	carol.Behave(phone.AnswerAfter(500 * time.Millisecond))
	l.press(b, "*21003")
	c := l.incoming(carol)
	if _, number := c.CallerID(); number != "1001" {
		t.Errorf("carol's phone shows %q, want alice's 1001", number)
	}
	l.talk(a, c)
	l.ended(b)
	l.hangUp(c)
	l.ended(a)
}

func TestTransferFails(t *testing.T) {
	t.Parallel()
	s := ownSystem(t)
	for _, tt := range []struct{ name, extension, reason string }{
		{"busy", "1999", "busy"},
		{"hangs up busy", "1995", "busy unreachable"}, // Asterisk loses the cause of one in some ten
		{"silent", "1998", "no_answer"},
	} {
		for _, presser := range []string{"caller", "callee"} {
			t.Run(tt.name+", "+presser, func(t *testing.T) {
				l := labBeside(t, s)
				l.document("acme", quickTransfer)
				alice, bob := l.phone("alice"), l.phone("bob")
				a, b := l.call(alice, "1002", bob)
				transferor, peer := alice, b
				if presser == "callee" {
					transferor, peer = bob, a
				}
				presses := map[string]*phone.Call{"caller": a, "callee": b}[presser]
				l.press(presses, "*2"+tt.extension)
				l.ended(presses)
				back := l.incoming(transferor)
				l.talk(back, peer)
				if e := l.event("transfer.returned", 1); e.Result != "returned" || !strings.Contains(tt.reason, e.Reason) {
					t.Errorf("transfer.returned says %q, %q; want returned, %s", e.Result, e.Reason, tt.reason)
				}
				if e := l.event("action.failed", 1); !strings.Contains(tt.reason, e.Reason) {
					t.Errorf("action.failed says %q, want %s", e.Reason, tt.reason)
				}
				l.press(back, "*21234") // the code works again
				l.hears(peer, music1234)
				l.hangUp(peer)
			})
		}
	}
}

// Nobody is there to give the call back to: the transferee hears it and is let go.
func TestTransferLost(t *testing.T) {
	l := newLab(t)
	l.document("acme", quickTransfer)
	bob := l.phone("bob")
	a, b := l.call(l.phone("alice"), "1002", bob)
	bob.Behave(phone.Busy())
	l.press(b, "*21999")
	l.ended(b)
	l.hears(a, errorTone)
	l.ended(a)
	if e := l.event("transfer.returned", 1); e.Result != "lost" {
		t.Errorf("transfer.returned says %q, want lost", e.Result)
	}
}

func TestTransferNowhere(t *testing.T) {
	for _, tt := range []struct{ name, keys, reason string }{
		{"no such extension", "*2777", "no_extension"},
		{"out of the context", "*8", "invalid_target"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", `{"numbers":{"8":{"module":"transfer","data":{"target":"1@admin/n"}}},"patterns":{"2(\\d{3})":{"module":"transfer"}}}`)
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			before := time.Now()
			l.press(b, tt.keys)
			l.hears(b, errorTone)
			if e := l.event("action.failed", 1); e.Reason != tt.reason || e.Collected != "" || e.Target != "" || len(e.Captures) > 0 {
				t.Errorf("action.failed says %+v, want reason %s and no digits", e, tt.reason)
			}
			l.must(b.WaitNoTone(l.soon(3*time.Second), errorTone))
			l.talk(a, b)
			if a.Heard(errorTone, before) {
				t.Error("the other party heard the error tone")
			}
			if a.Heard(adminTone, before) || b.Heard(adminTone, before) {
				t.Error("the transfer left its context")
			}
			l.hangUp(a)
			l.ended(b)
		})
	}
}

func TestTransfereeHangsUpWhileTheTargetRings(t *testing.T) {
	l := newLab(t)
	l.document("acme", quickTransfer)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	carol := l.phone("carol")
	carol.Behave(phone.RingForever())
	l.press(b, "*21003")
	c, err := carol.Incoming(l.soon(5 * time.Second))
	l.must(err)
	l.must(c.WaitRinging(l.soon(5 * time.Second)))
	l.hears(a, ringing)
	l.hangUp(a)
	l.ended(c)
	l.ended(b)
}
