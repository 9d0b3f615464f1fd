package e2e

import (
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// times are dial times that are more than a number of seconds.
func times() []diallingCase {
	return []diallingCase{
		{name: "time 0, busy after a while", dial: "PJSIP/bob,0", phones: behaviours{"bob": phone.RejectAfter(486, 300*time.Millisecond)}},
		{name: "time -1, several, busy after a while", dial: "PJSIP/bob&PJSIP/carol,-1", phones: behaviours{
			"bob": phone.RejectAfter(486, 300*time.Millisecond), "carol": phone.RejectAfter(603, 1500*time.Millisecond),
		}},
		{name: "time 0, the caller's own limit while it rings", dial: "PJSIP/bob,0", phones: behaviours{"bob": phone.RingForever()}, play: func(s *scene) {
			a := s.call()
			b := s.rings("bob")
			s.must(a.WaitRinging(s.soon(5 * time.Second)))
			s.outcome.note("TIMEOUT(absolute)", s.variable(a, "TIMEOUT(absolute)"))
			s.must(b.Answer())
			s.talk(a, b)
			s.hangUp(b)
			s.over(a)
		}},
		{name: "time 2^1, nothing is heard of it", dial: "PJSIP/bob,2^1", phones: behaviours{"bob": phone.Manual()}},
		{name: "time 2^1, it rings", dial: "PJSIP/bob,2^1", phones: behaviours{"bob": phone.RingForever()}},
		{name: "time 0^1, nothing is heard of it", dial: "PJSIP/bob,0^1", phones: behaviours{"bob": phone.Manual()}},
		{name: "time 3^1, nothing is heard of the one, and the other is busy", dial: "PJSIP/bob&PJSIP/carol,3^1", phones: behaviours{
			"bob": phone.Manual(), "carol": phone.Busy(),
		}},
		{name: "time 2^1, nothing is heard of the one, and the other rings", dial: "PJSIP/bob&PJSIP/carol,2^1", phones: behaviours{
			"bob": phone.Manual(), "carol": phone.RingForever(),
		}},
		{name: "time 4^1, early media", dial: "PJSIP/bob,4^1", phones: behaviours{"bob": phone.EarlyMedia(1500 * time.Millisecond)}, play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			s.hangUp(b)
			s.over(a)
		}},
		{name: "time that is none", dial: "PJSIP/bob,x", phones: behaviours{"bob": phone.Busy()}, differs: []string{
			"DIALSTATUS: INVALIDARGS, Dial(): BUSY", "HANGUPCAUSE: 0, Dial(): 17", "SIP status after Hangup(): 603, Dial(): 486",
			"SIP status after Hangup(cause): 603, Dial(): 486", "SIP status at the extension's end: 603, Dial(): 486",
		}, because: "Dial() rings without a limit instead"},
	}
}

// withoutEffect are options that are accepted, since every dialplan has them.
func withoutEffect() []diallingCase {
	const letters = "tTkKwWxXhHI"
	return []diallingCase{
		{name: "options without an effect, busy", dial: "PJSIP/bob,30," + letters, phones: behaviours{"bob": phone.Busy()}},
		{name: "options without an effect, answered", dial: "PJSIP/bob,30,g" + letters, phones: behaviours{"bob": phone.Answer()}, play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			s.hangUp(b)
			s.over(a)
			if s.side == appSide {
				if got := s.event("call.started", 1).Warnings; len(got) != len(letters) {
					s.Errorf("call.started warns of %q", got)
				}
			}
		}},
		{name: "option i, busy", dial: "PJSIP/bob,30,i", phones: behaviours{"bob": phone.Busy()}},
	}
}

// An option that the application does not have: Dial() takes over, and Asterisk's log says why.
func TestDialTakesOverAnUnknownOption(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	bob := l.phone("bob")
	a, err := l.phone("alice").Dial(l.ctx, "bad-bob")
	l.must(err)
	b := l.incoming(bob)
	l.talk(a, b)
	if e := l.event("call.ended", 1); e.Reason != "invalid_args" {
		t.Errorf("call.ended says %q", e.Reason)
	}
	if log := l.Server.Log()[l.lines:]; !strings.Contains(log, "metaflows refuses the arguments of this line and Dial takes over") {
		t.Error("Asterisk's log does not say that Dial() has taken over")
	}
	l.hangUp(b)
	l.ended(a)
}
