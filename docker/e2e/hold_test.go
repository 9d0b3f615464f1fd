package e2e

import (
	"time"

	"metaflows/docker/phone"
)

// heldCalls are calls in which a phone puts the other on hold by a re-INVITE.
func heldCalls() []diallingCase {
	return []diallingCase{{name: "hold and unhold, by either phone", phones: behaviours{"bob": phone.Answer()}, dial: "PJSIP/bob,30", codes: true, play: func(s *scene) {
		a := s.call()
		b := s.answered("bob")
		s.talk(a, b)
		s.holds(a, b)
		s.holds(b, a)
		s.ends(a, b)
	}}}
}

// holds lets one party hold the other: the other hears music until it is taken back.
func (s *scene) holds(one, other *phone.Call) {
	s.Helper()
	s.must(one.Hold(s.soon(5 * time.Second)))
	s.hears(other, musicDefault)
	s.must(other.WaitNoTone(s.soon(5*time.Second), tones[one.Phone().Name()]))
	s.must(one.Unhold(s.soon(5 * time.Second)))
	s.talk(one, other)
	s.must(other.WaitNoTone(s.soon(5*time.Second), musicDefault))
	s.outcome.note("held by "+one.Phone().Name(), "music, then the other again")
}
