package e2e

import (
	"time"

	"metaflows/docker/phone"
)

// pickups are calls that somebody else than the callee takes while it rings.
func pickups() []diallingCase {
	return []diallingCase{
		{name: "picked up, by group and named group", phones: behaviours{"bob": phone.RingForever(), "dave": phone.Answer()},
			dial: "PJSIP/bob,30", codes: true, play: func(s *scene) { s.pickUp("dave", "bob") }},
		{name: "picked up, by named group alone", from: "erin", phones: behaviours{"frank": phone.RingForever(), "gina": phone.Answer()},
			dial: "PJSIP/frank,30", codes: true, play: func(s *scene) { s.pickUp("gina", "frank") }},
		{name: "picked up, two ring", phones: behaviours{"bob": phone.RingForever(), "carol": phone.RingForever(), "dave": phone.Answer()},
			dial: "PJSIP/bob&PJSIP/carol,30", codes: true, play: func(s *scene) { s.pickUp("dave", "bob", "carol") }},
	}
}

// pickUp lets one phone take the call that rings at others.
func (s *scene) pickUp(who string, ringing ...string) {
	s.Helper()
	a := s.call()
	var rung []*phone.Call
	for _, name := range ringing {
		c := s.rings(name)
		s.must(c.WaitRinging(s.soon(5 * time.Second)))
		rung = append(rung, c)
	}
	s.must(a.WaitRinging(s.soon(5 * time.Second)))
	d, err := s.phones[who].Call(s.soon(5*time.Second), "*8")
	s.must(err)
	s.talk(a, d)
	for _, c := range rung {
		s.ended(c)
		s.noteEnd(c.Phone().Name(), c)
	}
	s.ends(a, d)
}
