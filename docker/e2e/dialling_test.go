package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// diallingCase is something that telephones do, done to the application and to plain Dial() on the same Asterisk. What the
// caller's dialplan learns and what the phones see is compared.
type diallingCase struct {
	name    string
	phones  behaviours // those that are registered, beside the caller
	from    string     // the caller; alice where it is empty
	set     string     // cid-: the dialplan sets the caller's identity first
	dial    string     // the arguments of Dial(), and of the application after the word dial
	vars    string     // variables of the caller, as MSet() has them
	then    string     // the arguments of a second Dial() for a caller that comes back
	codes   bool       // there is a document
	play    func(*scene)
	differs []string // the differences that are known, and why
	because string
}

type behaviours map[string]phone.Behaviour

// diallers is how many systems share the cases of TestDialling, which wait most of the time.
const diallers = 2

// TestDialling: every ending of a call that is dialled is as Dial() has it, but for the differences that are named here.
func TestDialling(t *testing.T) {
	t.Parallel()
	cases := slices.Concat(notReached(), several(), emptyElements(), times(), withoutEffect(), letters(), mixedCauses(), predials(), answers(), cancels(), pickups(), heldCalls(), identities(), redirections(), extensions())
	todo := make(chan diallingCase, len(cases))
	for _, tt := range cases {
		todo <- tt
	}
	close(todo)
	known := make([][]string, diallers)
	var all sync.WaitGroup
	for n := range known {
		s := ownSystem(t)
		all.Go(func() {
			for tt := range todo {
				t.Run(tt.name, func(t *testing.T) {
					if tt.compare(labBeside(t, s)); len(tt.differs) > 0 {
						known[n] = append(known[n], tt.name+": "+strings.Join(tt.differs, "; ")+" ("+tt.because+")")
					}
				})
			}
		})
	}
	all.Wait()
	differences := slices.Sorted(slices.Values(slices.Concat(known...)))
	t.Logf("%d cases, %d of them with known differences:\n  %s", len(cases), len(differences), strings.Join(differences, "\n  "))
}

// notReached: one callee, nobody answers.
func notReached() []diallingCase {
	cases := []diallingCase{
		{name: "busy", phones: behaviours{"bob": phone.Busy()}},
		{name: "busy everywhere (600)", phones: behaviours{"bob": phone.Reject(600)}},
		{name: "declined (603)", phones: behaviours{"bob": phone.Reject(603)}},
		{name: "unavailable (480)", phones: behaviours{"bob": phone.Reject(480)}},
		{name: "not found (404)", phones: behaviours{"bob": phone.Reject(404)}},
		{name: "gone (410)", phones: behaviours{"bob": phone.Reject(410)}},
		{name: "forbidden (403)", phones: behaviours{"bob": phone.Reject(403)}},
		{name: "incomplete (484)", phones: behaviours{"bob": phone.Reject(484)}},
		{name: "server error (500)", phones: behaviours{"bob": phone.Reject(500)}},
		{name: "service unavailable (503)", phones: behaviours{"bob": phone.Reject(503)}},
		{name: "not acceptable (488)", phones: behaviours{"bob": phone.Reject(488)}},
		{name: "timeout (408)", phones: behaviours{"bob": phone.Reject(408)}},
		{name: "rings, then busy", phones: behaviours{"bob": phone.RejectAfter(486, 300*time.Millisecond)}},
		{name: "no answer", phones: behaviours{"bob": phone.RingForever()}, dial: "PJSIP/bob,1"},
		{name: "not registered"},
		{name: "unknown endpoint", dial: "PJSIP/nobody"},
		{name: "unknown technology", dial: "NONE/bob", differs: []string{
			"HANGUPCAUSE: 3, Dial(): 66", "SIP status after Hangup(): 404, Dial(): 503", "SIP status after Hangup(cause): 404, Dial(): 503",
		}, because: "ARI does not tell an unknown technology from an unknown endpoint"},
		{name: "unknown option", phones: behaviours{"bob": phone.Busy()}, dial: "PJSIP/bob,30,Z", differs: []string{
			"DIALSTATUS: INVALIDARGS, Dial(): BUSY", "HANGUPCAUSE: 0, Dial(): 17", "SIP status after Hangup(): 603, Dial(): 486",
			"SIP status after Hangup(cause): 603, Dial(): 486", "SIP status at the extension's end: 603, Dial(): 486",
		}, because: "nobody shall rely on an option that does nothing: nothing is dialled"},
		{name: "busy, then not answered", phones: behaviours{"bob": phone.Busy(), "carol": phone.RingForever()}, then: "PJSIP/carol,1", differs: []string{
			"HANGUPCAUSE: 0, Dial(): 17", "SIP status after Hangup(): 603, Dial(): 486", "SIP status after Hangup(cause): 603, Dial(): 486",
			"SIP status at the extension's end: 603, Dial(): 486",
		}, because: "a call knows nothing of the one before; Dial() finds its cause on the channel"},
		{name: "busy, then declined", phones: behaviours{"bob": phone.Busy(), "carol": phone.Reject(603)}, then: "PJSIP/carol,30"},
		{name: "declined, then not registered", phones: behaviours{"bob": phone.Reject(603)}, then: "PJSIP/carol,30"},
		{name: "no answer, ringing to the caller", phones: behaviours{"bob": phone.RingForever()}, dial: "PJSIP/bob,1,r"},
	}
	for n := range cases {
		if cases[n].dial == "" {
			cases[n].dial = "PJSIP/bob,30"
		}
	}
	return cases
}

// several callees at once.
func several() []diallingCase {
	return []diallingCase{
		{name: "two, both busy", phones: behaviours{"bob": phone.Busy(), "carol": phone.Busy()}, dial: "PJSIP/bob&PJSIP/carol,30"},
		{name: "two, none registered", dial: "PJSIP/bob&PJSIP/carol,30"},
		{name: "two, one rings to the end", phones: behaviours{"bob": phone.Busy(), "carol": phone.RingForever()}, dial: "PJSIP/bob&PJSIP/carol,1"},
		{name: "three, one is left to answer", phones: behaviours{"carol": phone.Busy(), "dave": phone.AnswerAfter(200 * time.Millisecond)},
			dial: "PJSIP/bob&PJSIP/carol&PJSIP/dave,30", play: func(s *scene) {
				a := s.call()
				d := s.answered("dave")
				s.talk(a, d)
				s.hangUp(d)
				s.over(a)
			}},
		{name: "two, the slower is told that it was answered elsewhere", phones: behaviours{"bob": phone.RingForever(), "carol": phone.AnswerAfter(200 * time.Millisecond)},
			dial: "PJSIP/bob&PJSIP/carol,30", codes: true, play: func(s *scene) {
				a := s.call()
				c, b := s.answered("carol"), s.rings("bob")
				s.talk(a, c)
				s.ended(b)
				s.noteEnd("bob", b)
				s.ends(a, c)
			}},
		{name: "two answer at once", phones: behaviours{"bob": phone.Manual(), "carol": phone.Manual()}, dial: "PJSIP/bob&PJSIP/carol,30", play: answerAtOnce},
	}
}

// emptyElements are lists as they come of variables that are empty: of ${PJSIP_DIAL_CONTACTS(erin)}, erin not being registered.
func emptyElements() (cases []diallingCase) {
	for _, list := range []string{"PJSIP/bob&", "&PJSIP/bob", "PJSIP/bob&&PJSIP/carol", "& &PJSIP/bob&", "&PJSIP/bob/sip:bob@127.0.0.1:1"} {
		cases = append(cases, diallingCase{name: "empty elements, " + list, dial: list + ",1", phones: behaviours{"bob": phone.Busy(), "carol": phone.RingForever()}})
	}
	for _, list := range []string{"", "&", "&&", " & "} {
		cases = append(cases, diallingCase{name: "nothing but empty elements, " + list, dial: list + ",1"})
	}
	return cases
}

// mixedCauses are all pairs of the ways in which a callee is not reached. The later one decides the cause: hence the steps.
func mixedCauses() (cases []diallingCase) {
	const step = 80 * time.Millisecond
	kinds := []struct{ name, target string }{
		{"busy", "PJSIP/bob"}, {"congestion", "PJSIP/carol"}, {"declined", "PJSIP/dave"}, {"unavailable", "PJSIP/erin"},
		{"not registered", "PJSIP/frank"}, {"unknown", "PJSIP/nobody"},
	}
	for n, one := range kinds {
		for _, other := range kinds[n:] {
			cases = append(cases, diallingCase{
				name: "mixed, " + one.name + " and " + other.name, dial: one.target + "&" + other.target + ",30",
				phones: behaviours{
					"bob": phone.Busy(), "carol": phone.RejectAfter(503, step), "dave": phone.RejectAfter(603, 2*step), "erin": phone.RejectAfter(480, 3*step),
				},
			})
		}
	}
	return cases
}
