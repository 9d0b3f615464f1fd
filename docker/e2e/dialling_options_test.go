package e2e

import (
	"time"

	"metaflows/docker/phone"
)

// times are dial times that are more than a number of seconds.
func times() []diallingCase {
	return []diallingCase{
		{name: "time 0, busy after a while", dial: "PJSIP/bob,0", phones: behaviours{"bob": phone.RejectAfter(486, 300*time.Millisecond)}},
		{name: "time -1, several, busy after a while", dial: "PJSIP/bob&PJSIP/carol,-1", phones: behaviours{
			"bob": phone.RejectAfter(486, 300*time.Millisecond), "carol": phone.RejectAfter(603, 600*time.Millisecond),
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
