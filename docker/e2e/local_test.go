package e2e

import (
	"cmp"
	"time"

	"metaflows/docker/phone"
)

// announcement is the tone that extensions play before an answer.
const announcement = 1500

// localLines are extensions that are called through Local channels, and how they end.
const localLines = `
[acme](+)
exten => congested,1,Congestion()

exten => rings-busy,1,Ringing()
 same => n,Wait(0.3)
 same => n,Busy()

exten => says-busy,1,Progress()
 same => n,Playtones(1500)
 same => n,Wait(1.5)
 same => n,StopPlaytones()
 same => n,Busy()

exten => says-answers,1,Progress()
 same => n,Playtones(1500)
 same => n,Wait(1.5)
 same => n,StopPlaytones()
 same => n,Answer()
 same => n,Echo()
`

// extensions are single callees that are extensions of the dialplan.
func extensions() (cases []diallingCase) {
	for _, tt := range []struct{ name, dial, to string }{
		{name: "busy", dial: "Local/1999@acme,30"},
		{name: "busy, /n", dial: "Local/1999@acme/n,30"},
		{name: "busy, option g", dial: "Local/1999@acme,30,g"},
		{name: "busy, ringing to the caller", dial: "Local/1999@acme,30,r"},
		{name: "hangs up with cause 17", dial: "Local/1995@acme,30"},
		{name: "congestion", dial: "Local/congested@acme,30"},
		{name: "rings, then busy", dial: "Local/rings-busy@acme,30"},
		{name: "no answer", dial: "Local/1998@acme,1"},
		{name: "redirected to busy", to: "1999"},
		{name: "redirected to congestion", to: "congested"},
	} {
		c := diallingCase{name: "extension, " + tt.name, dial: cmp.Or(tt.dial, "PJSIP/bob,30")}
		if tt.to != "" {
			c.phones = behaviours{"bob": phone.Redirect("sip:" + tt.to + "@127.0.0.1")}
		}
		cases = append(cases, c)
	}
	announced := func(s *scene) *phone.Call {
		a := s.call()
		s.must(a.WaitEarlyMedia(s.soon(10 * time.Second)))
		s.hears(a, announcement)
		return a
	}
	return append(cases,
		diallingCase{name: "extension, announcement, then busy", dial: "Local/says-busy@acme,30", play: func(s *scene) {
			s.over(announced(s))
		}},
		diallingCase{name: "extension, announcement, then answer", dial: "Local/says-answers@acme,30", play: func(s *scene) {
			a := announced(s)
			s.must(a.WaitAnswered(s.soon(10 * time.Second)))
			s.hears(a, tones["alice"]) // the extension sends the audio back
			s.told(a)
			s.hangUp(a)
			s.over(a)
		}},
		diallingCase{name: "extension, announcement, the caller gives up", dial: "Local/says-answers@acme,30", play: func(s *scene) {
			a := announced(s)
			s.must(a.Cancel(s.soon(5 * time.Second)))
			s.over(a)
		}},
		diallingCase{name: "extension, a phone", dial: "Local/d-bob@acme,30", phones: behaviours{"bob": phone.AnswerAfter(300 * time.Millisecond)}, play: func(s *scene) {
			a := s.call()
			s.must(a.WaitRinging(s.soon(10 * time.Second)))
			b := s.answered("bob")
			s.talk(a, b)
			s.hangUp(b)
			s.over(a)
		}},
	)
}
