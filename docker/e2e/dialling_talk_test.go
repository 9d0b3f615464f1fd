package e2e

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"metaflows/docker/phone"
)

// What is known only after the caller's channel has gone cannot be told to it.
var timeInH = []string{"ANSWEREDTIME in h: -, Dial(): set"}

const timeInHBecause = "a channel that has hung up takes no variable from ARI; METAFLOWS_ANSWERED is there"

// answers are calls that are answered.
func answers() []diallingCase {
	answering := behaviours{"bob": phone.AnswerAfter(100 * time.Millisecond)}
	return []diallingCase{
		{name: "answered, the callee hangs up", phones: answering, dial: "PJSIP/bob,30", play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			s.hangUp(b)
			s.noteTime("ANSWEREDTIME in h", s.over(a)["ANSWEREDTIME"])
		}, differs: timeInH, because: timeInHBecause},
		{name: "answered, the caller hangs up", phones: answering, dial: "PJSIP/bob,30", play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			s.hangUp(a)
			s.ended(b)
			s.noteTime("ANSWEREDTIME in h", s.over(a)["ANSWEREDTIME"])
		}, differs: timeInH, because: timeInHBecause},
		{name: "option g, the callee hangs up", phones: answering, dial: "PJSIP/bob,30,g", play: func(s *scene) {
			began := time.Now()
			a := s.call()
			b := s.answered("bob")
			talking := time.Now()
			s.talk(a, b)
			<-time.After(time.Second) // what is measured
			s.hangUp(b)
			learned, err := s.learned(a)
			s.must(err)
			for _, what := range []string{"goes on", "DIALSTATUS", "DIALEDPEERNAME", "HANGUPCAUSE"} {
				s.outcome.note(what, learned[what])
			}
			s.outcome.note("ANSWEREDTIME", measured(learned["ANSWEREDTIME"], time.Since(talking)))
			s.outcome.note("DIALEDTIME", measured(learned["DIALEDTIME"], time.Since(began)))
		}},
		{name: "option g, the caller hangs up", phones: answering, dial: "PJSIP/bob,30,g", play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			s.hangUp(a)
			s.ended(b)
			s.over(a)
		}},
		{name: "a user at a peer", phones: behaviours{"bob": phone.Answer()}, dial: "PJSIP/1234@bob,30", play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			user, _, _ := strings.Cut(b.Header("To"), "@")
			s.outcome.note("To", user)
			s.hangUp(b)
			s.over(a)
		}},
	}
}

// measured says whether a number of whole seconds is what was measured, half a second more or less.
func measured(value string, took time.Duration) string {
	n, err := strconv.Atoi(value)
	if err == nil && math.Floor(took.Seconds()-0.5) <= float64(n) && float64(n) <= took.Seconds()+0.1 {
		return "as measured"
	}
	return fmt.Sprintf("%q, measured %.1f s", value, took.Seconds())
}

// noteTime notes that there is a time.
func (s *scene) noteTime(what, value string) {
	if value != "" {
		value = "set"
	}
	s.outcome.note(what, value)
}

// ends ends a call: by a code with the application, by hanging up with Dial().
func (s *scene) ends(a, b *phone.Call) {
	s.Helper()
	if s.side == appSide {
		s.press(b, "*0")
	} else {
		s.hangUp(b)
	}
	s.ended(b)
	s.over(a)
}

// noteEnd notes how a call ended that was not answered.
func (s *scene) noteEnd(whose string, c *phone.Call) {
	end, _ := c.HowEnded()
	s.outcome.note(whose+"'s phone", fmt.Sprintf("cancelled %v, reason %q", end.Cancelled, end.Reason))
}

// answerAtOnce lets both callees answer at the same time, some times.
func answerAtOnce(s *scene) {
	for range 5 {
		a := s.call()
		both := []*phone.Call{s.rings("bob"), s.rings("carol")}
		var answering sync.WaitGroup
		for _, c := range both {
			answering.Go(func() { _ = c.Answer() }) // one may have been cancelled before
		}
		answering.Wait()
		var first, other *phone.Call
		select {
		case <-both[0].Ended():
			first, other = both[1], both[0]
		case <-both[1].Ended():
			first, other = both[0], both[1]
		case <-s.soon(5 * time.Second).Done():
			s.Fatal("both callees have the call")
		}
		s.talk(a, first)
		s.hangUp(first)
		learned, err := s.learned(a)
		s.must(err)
		if want := "PJSIP/" + first.Phone().Name(); learned["DIALEDPEERNAME"] != want {
			s.Errorf("%s: DIALEDPEERNAME=%s, %s talked", s.side, learned["DIALEDPEERNAME"], want)
		}
		s.outcome.note("DIALSTATUS", learned["DIALSTATUS"])
		s.outcome.note("goes on", learned["goes on"])
		s.ended(other)
	}
}

// cancelled is how the CANCEL of a caller who gives up differs at a callee's phone.
func cancelled(whose string) string {
	return whose + `'s phone: cancelled true, reason "Q.850;cause=16", Dial(): cancelled true, reason "Q.850;cause=127"`
}

const cancelledBecause = "the guard on the caller's channel is first, and SoftHangup() takes no cause; the phone counts a missed call in both"

// cancels are callers who give up.
func cancels() []diallingCase {
	return []diallingCase{
		{name: "the caller gives up", phones: behaviours{"bob": phone.RingForever()}, dial: "PJSIP/bob,30", play: func(s *scene) {
			a := s.call()
			s.givesUp(a, s.rings("bob"))
		}, differs: []string{cancelled("bob")}, because: cancelledBecause},
		{name: "two, the caller gives up", phones: behaviours{"bob": phone.RingForever(), "carol": phone.RingForever()}, dial: "PJSIP/bob&PJSIP/carol,30", play: func(s *scene) {
			a := s.call()
			s.givesUp(a, s.rings("bob"), s.rings("carol"))
		}, differs: []string{cancelled("bob"), cancelled("carol")}, because: cancelledBecause},
		{name: "the caller gives up at the instant of the answer", phones: behaviours{"bob": phone.Manual()}, dial: "PJSIP/bob,30", play: func(s *scene) {
			s.atTheInstant("bob")
		}},
		{name: "two, the caller gives up at the instant of the answer", phones: behaviours{"bob": phone.Manual(), "carol": phone.RingForever()}, dial: "PJSIP/bob&PJSIP/carol,30", play: func(s *scene) {
			s.atTheInstant("bob")
		}},
	}
}

// givesUp cancels a call when the callees ring.
func (s *scene) givesUp(a *phone.Call, callees ...*phone.Call) {
	s.Helper()
	for _, c := range callees {
		s.must(c.WaitRinging(s.soon(5 * time.Second)))
	}
	s.must(a.WaitRinging(s.soon(5 * time.Second)))
	s.must(a.Cancel(s.soon(5 * time.Second)))
	for _, c := range callees {
		s.ended(c)
		s.noteEnd(c.Phone().Name(), c)
	}
	s.over(a)
	if s.side == appSide {
		if e := s.event("call.ended", 1); e.Reason != "cancelled" {
			s.Errorf("call.ended says %q, want cancelled", e.Reason)
		}
	}
}

// atTheInstant lets the caller cancel while the callee answers: before, with and after it.
func (s *scene) atTheInstant(callee string) {
	for n := range 12 {
		a := s.call()
		b := s.rings(callee)
		s.must(b.Ring())
		s.must(a.WaitRinging(s.soon(5 * time.Second)))
		var both sync.WaitGroup
		both.Go(func() { _ = b.Answer() }) // it may have been cancelled before
		both.Go(func() {
			<-time.After(time.Duration(n) * 400 * time.Microsecond) // the instant that is tried
			_ = a.Cancel(s.ctx)
		})
		both.Wait()
		s.ended(a)
		s.ended(b)
		learned, err := s.learned(a)
		s.must(err)
		status, kind := learned["DIALSTATUS"], "another"
		if status == "ANSWER" || status == "CANCEL" {
			kind = "ANSWER or CANCEL"
		} else {
			s.Errorf("%s: DIALSTATUS=%s", s.side, status)
		}
		s.outcome.note("DIALSTATUS", kind)
		s.outcome.note("goes on", learned["goes on"])
		if s.side == appSide {
			if e := s.event("call.ended", n+1); e.Reason != "cancelled" && e.Reason != "hangup" {
				s.Errorf("cancelled %d us after the answer: call.ended says %q", 400*n, e.Reason)
			}
		}
	}
}
