package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"metaflows/docker/phone"
)

// letters are the options that do something, one by one.
func letters() []diallingCase {
	answering := behaviours{"bob": phone.AnswerAfter(100 * time.Millisecond)}
	two := behaviours{"bob": phone.RingForever(), "carol": phone.AnswerAfter(300 * time.Millisecond)}
	cases := []diallingCase{
		{name: "option S", phones: answering, dial: "PJSIP/bob,30,S(1)", play: func(s *scene) { s.lasts(1000 * time.Millisecond) }},
		{name: "option S and g", phones: answering, dial: "PJSIP/bob,30,gS(1)", play: func(s *scene) { s.lasts(1000 * time.Millisecond) }},
		{name: "option L", phones: answering, dial: "PJSIP/bob,30,L(1500)", play: func(s *scene) { s.lasts(1500 * time.Millisecond) }},
		{name: "option L beside S", phones: answering, dial: "PJSIP/bob,30,L(1500)S(9)", play: func(s *scene) { s.lasts(1500 * time.Millisecond) }},
		{name: "option L, a warning", phones: answering, dial: "PJSIP/bob,30,L(4000:3000)", vars: "LIMIT_WARNING_FILE=" + warning, play: func(s *scene) {
			a, b := s.answers()
			s.outcome.note("warned", when(time.Second, func() { s.hears(a, warningTone) }))
			s.outcome.note("the callee is warned", fmt.Sprint(b.Hears(warningTone)))
			s.ended(b)
			s.over(a)
		}},
		{name: "option L, how much is left", phones: answering, dial: "PJSIP/bob,30,L(5000:4500)", play: func(s *scene) {
			s.lasts(5 * time.Second) // what is not found is in Asterisk's log
		}},
		{name: "option L, warnings to both, again and again", phones: answering, dial: "PJSIP/bob,30,L(5000:4000:1500)",
			vars: "LIMIT_WARNING_FILE=" + warning + ",LIMIT_PLAYAUDIO_CALLEE=yes", play: func(s *scene) {
				a, b := s.answers()
				s.outcome.note("warned", when(time.Second, func() { s.hears(a, warningTone); s.hears(b, warningTone) }))
				s.must(a.WaitNoTone(s.soon(3*time.Second), warningTone))
				s.outcome.note("warned again", when(700*time.Millisecond, func() { s.hears(a, warningTone); s.hears(b, warningTone) }))
				s.ended(b)
				s.over(a)
			}},
		{name: "option L, a sound at the beginning and at the end", phones: answering, dial: "PJSIP/bob,30,L(3000)",
			vars: "LIMIT_CONNECT_FILE=" + warning + ",LIMIT_TIMEOUT_FILE=" + warning, play: func(s *scene) {
				a, b := s.answers()
				s.outcome.note("at the beginning", when(0, func() { s.hears(a, warningTone) }))
				if s.side == appSide { // Dial() ends the call from the callee's side meanwhile: one hears it or not
					heard := when(3*time.Second, func() {
						for began := time.Now(); time.Since(began) < 2*time.Second; { // a gap in the first sound is not its end
							s.must(a.WaitNoTone(s.soon(3*time.Second), warningTone))
							s.hears(a, warningTone)
						}
					})
					if heard != "after about 3s" {
						s.Errorf("the sound at the end is heard %s", heard)
					}
				}
				s.ended(b)
				s.over(a)
			}},
		{name: "option c, the caller gives up", phones: behaviours{"bob": phone.RingForever()}, dial: "PJSIP/bob,30,c", play: func(s *scene) {
			a := s.call()
			s.givesUp(a, s.rings("bob"))
		}},
		{name: "option c, two, the caller gives up", phones: behaviours{"bob": phone.RingForever(), "carol": phone.RingForever()}, dial: "PJSIP/bob&PJSIP/carol,30,c", play: func(s *scene) {
			a := s.call()
			s.givesUp(a, s.rings("bob"), s.rings("carol"))
		}},
		{name: "option c, no answer", phones: behaviours{"bob": phone.RingForever()}, dial: "PJSIP/bob,1,c", play: func(s *scene) {
			a := s.call()
			b := s.rings("bob")
			s.ended(b)
			s.noteEnd("bob", b)
			s.over(a)
		}},
		{name: "option c, busy", phones: behaviours{"bob": phone.Busy()}, dial: "PJSIP/bob,30,c"},
		{name: "option c, answered", phones: answering, dial: "PJSIP/bob,30,c", play: func(s *scene) {
			a, b := s.answers()
			s.hangUp(b)
			s.over(a)
		}},
		{name: "option A", phones: answering, dial: "PJSIP/bob,30,A(" + warning + ")", vars: "A=" + warning, play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.outcome.note("the callee hears it", when(0, func() { s.hears(b, warningTone) }))
			select {
			case <-a.Answered():
				s.outcome.note("the caller is answered", "before its end")
			default:
				s.outcome.note("the caller is answered", "after it")
			}
			s.talk(a, b)
			s.hangUp(b)
			s.over(a)
		}},
		{name: "option D", phones: answering, dial: "PJSIP/bob,30,D(12w#:34)", play: func(s *scene) {
			a, b := s.answers()
			s.gets(b, "12#")
			s.hangUp(b)
			s.over(a)
		}},
		{name: "option D, for the caller", phones: answering, dial: "PJSIP/bob,30,D(12:34)", play: func(s *scene) {
			a, b := s.answers()
			s.gets(b, "12")
			<-time.After(time.Second) // in which the caller hears its digits, or none
			s.outcome.note("the caller hears", a.Digits())
			s.hangUp(b)
			s.over(a)
		}, differs: []string{"the caller hears: 34, Dial(): -"}, because: "Dial() sends them before it answers the caller, whose phone hears none then"},
	}
	for _, shown := range []string{"f(4711)", "f(Sales <4711>)", "f(Sales)", "f"} {
		for from, to := range map[string]string{"alice": "bob", "erin": "frank"} {
			var differs []string
			if shown == "f(Sales)" {
				differs = []string{`From: "Sales" <sip:127.0.0.1>, Dial(): "Sales" <sip:asterisk>`}
				if from == "erin" {
					differs = append(differs, `P-Asserted-Identity: "Sales" <sip:127.0.0.1>, Dial(): -`, `the callee is told: "Sales" <sip:127.0.0.1>, Dial(): -`)
				}
			}
			cases = append(cases, diallingCase{
				name: "option " + shown + ", from " + from, phones: behaviours{to: phone.Answer()}, from: from, dial: "PJSIP/" + to + ",30," + shown,
				play: func(s *scene) { s.introduce(to) }, differs: differs, because: "a number that is empty is not one that is not known",
			})
		}
	}
	for _, cause := range []string{"NO_ANSWER", "user_busy", "17", "26", "0", "NONE"} {
		var differs []string
		if cause == "0" || cause == "NONE" {
			differs = []string{`bob's phone: cancelled true, reason "Q.850;cause=16", Dial(): cancelled true, reason "Q.850;cause=0"`}
		}
		cases = append(cases, diallingCase{name: "option Q, " + cause, differs: differs, because: "a channel that ARI hangs up has a cause", phones: two, dial: "PJSIP/bob&PJSIP/carol,30,Q(" + cause + ")", play: func(s *scene) {
			a := s.call()
			c, b := s.answered("carol"), s.rings("bob")
			s.talk(a, c)
			s.ended(b)
			s.noteEnd("bob", b)
			s.hangUp(c)
			s.over(a)
		}})
	}
	return cases
}

// answers is a call that bob answers.
func (s *scene) answers() (a, b *phone.Call) {
	s.Helper()
	a = s.call()
	b = s.answered("bob")
	s.talk(a, b)
	return a, b
}

// lasts notes whether a call that nobody ends is as long as it may be.
func (s *scene) lasts(d time.Duration) {
	s.Helper()
	a, b := s.answers()
	s.outcome.note("lasts", when(d, func() { s.ended(b) }))
	s.over(a)
}

// when says whether something takes as long as it should, half a second more or less.
func when(d time.Duration, what func()) string {
	began := time.Now()
	what()
	if took := time.Since(began); (took - d).Abs() > 500*time.Millisecond {
		return fmt.Sprintf("after %.1f s", took.Seconds())
	}
	return fmt.Sprintf("after about %v", d)
}

// warningTone is what the file warning holds, in Hz, for a second.
const warningTone = 2300

// warning is that file as the dialplan names it.
const warning = "${ASTSPOOLDIR}/recording/warning"

// writeWarning writes it, for this test.
func (l *lab) writeWarning() {
	l.Helper()
	file := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	file = binary.LittleEndian.AppendUint32(file, rate)
	file = binary.LittleEndian.AppendUint32(file, 2*rate)
	file = append(file, "\x02\x00\x10\x00data"...)
	file = binary.LittleEndian.AppendUint32(file, 2*rate)
	for n := range rate {
		file = binary.LittleEndian.AppendUint16(file, uint16(int16(8000*math.Sin(2*math.Pi*warningTone*float64(n)/rate))))
	}
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	path := filepath.Join(l.RecordingDir, "warning.wav")
	l.must(os.WriteFile(path, file, 0o644))
	l.Cleanup(func() { l.must(os.Remove(path)) })
}
