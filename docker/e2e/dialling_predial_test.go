package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// predialLines are subroutines for options b and B: what they find on the channel is in the INVITE.
const predialLines = `
[predial]
exten => s,1,Set(PJSIP_HEADER(add,X-Predial)=${ARG1} ${ARG2} connected=${CONNECTEDLINE(num)} caller=${CALLERID(num)} language=${CHANNEL(language)} state=${CHANNEL(state)})
 same => n,Set(PJSIP_HEADER(add,X-Inherited)=${INHERITED} ${MASTER_CHANNEL(INHERITED)})
 same => n,Wait(0.3)
 same => n,Return()

exten => caller,1,Set(PREDIAL=${PREDIAL}${ARG1})
 same => n,Set(CALLERID(num)=4711)
 same => n,Wait(0.3)
 same => n,Return()

exten => falls,1,Set(PJSIP_HEADER(add,X-Predial)=it has no Return)

exten => hangs,1,Wait(0.1)
 same => n,Hangup(17)

exten => slow,1,Verbose(0,takes its time on ${CHANNEL})
 same => n,Set(PJSIP_HEADER(add,X-Predial)=slow)
 same => n,Set(PREDIAL=${PREDIAL}slow)
 same => n,Wait(4)
 same => n,Return()

exten => ever,1,Verbose(0,never returns on ${CHANNEL})
 same => n,Wait(3600)
 same => n,Return()

[acme](+)
exten => predial,1,Goto(predial,s,1)
exten => predial-b,1,Stasis(metaflows,dial,PJSIP/bob,30,b(predial^s^1))
exten => predial-B,1,Stasis(metaflows,dial,PJSIP/bob,30,B(predial^s^1))
exten => predial-dial,1,Dial(PJSIP/bob,30,b(predial^s^1)B(predial^s^1))
`

// predials are options b and B.
func predials() (cases []diallingCase) {
	answering := behaviours{"bob": phone.AnswerAfter(100 * time.Millisecond)}
	with := func(name, options string, more func(*diallingCase)) {
		c := diallingCase{name: "option " + name, phones: answering, dial: "PJSIP/bob,30," + options, vars: "__INHERITED=yes", play: func(s *scene) {
			a := s.call()
			b := s.answered("bob")
			s.talk(a, b)
			s.noteInvite("bob", b)
			s.outcome.note("PREDIAL", s.variable(a, "EVAL(${PREDIAL})"))
			s.hangUp(b)
			s.over(a)
		}}
		if more != nil {
			more(&c)
		}
		cases = append(cases, c)
	}
	inherits := func(who string) func(*diallingCase) {
		return func(c *diallingCase) {
			c.differs = append(c.differs, "X-Inherited of "+who+": yes, Dial(): yes yes")
			c.because = "what the caller hands down reaches a channel that ARI has made when it is dialled"
		}
	}
	with("b", "b(predial^s^1(one^two))", inherits("bob"))
	with("b, in the caller's context", "b(predial^1(one))", inherits("bob"))
	with("b, without Return()", "b(predial^falls^1)", nil)
	with("b, which does not exist", "b(nowhere^s^1)", nil)
	with("b and f", "b(predial^s^1)f(Sales <4711>)", inherits("bob"))
	with("b and f, r", "rb(predial^s^1)f(Sales <4711>)", inherits("bob"))
	with("B", "B(predial^caller^1(once))", nil)
	with("B, which does not exist", "B(nowhere^s^1)", nil)
	with("B and b", "b(predial^s^1(callee))B(predial^caller^1(caller))", inherits("bob"))
	with("b, r", "rb(predial^s^1)", inherits("bob"))
	with("b, several", "", func(c *diallingCase) {
		c.dial, c.phones = "PJSIP/bob&PJSIP/carol,30,b(predial^s^1)", behaviours{"bob": phone.RingForever(), "carol": phone.AnswerAfter(300 * time.Millisecond)}
		c.play = func(s *scene) {
			a := s.call()
			c, b := s.answered("carol"), s.rings("bob")
			s.talk(a, c)
			s.noteInvite("carol", c)
			s.noteInvite("bob", b)
			s.ended(b)
			s.hangUp(c)
			s.over(a)
		}
		inherits("bob")(c)
		inherits("carol")(c)
	})
	with("B, which hangs up", "B(predial^hangs^1)", func(c *diallingCase) { c.play = nil })
	with("b, which hangs up", "b(predial^hangs^1)", func(c *diallingCase) { c.play = nil })
	with("B and b, no answer", "", func(c *diallingCase) {
		c.dial, c.phones, c.play = "PJSIP/bob,1,b(predial^s^1)B(predial^caller^1)", behaviours{"bob": phone.RingForever()}, nil
	})
	with("B, not registered", "", func(c *diallingCase) { c.dial, c.phones, c.play = "PJSIP/carol,30,B(predial^caller^1)", nil, nil })
	return cases
}

// noteInvite notes what of a subroutine is in a phone's INVITE.
func (s *scene) noteInvite(who string, c *phone.Call) {
	s.Helper()
	for _, name := range []string{"X-Predial", "X-Inherited"} {
		s.outcome.note(name+" of "+who, c.Header(name))
	}
	s.outcome.note("From of "+who, address.ReplaceAllString(c.Header("From"), ""))
}

// TestEndsWhileASubroutineRuns: the process ends meanwhile. Begun again it waits for the end of what runs on the caller's
// channel; a callee gets another channel, on which it runs again.
func TestEndsWhileASubroutineRuns(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"b", "B", "f(Sales)b"} {
		t.Run(option, func(t *testing.T) {
			o := ownProcess(t)
			bob := o.phone("bob")
			a, err := o.phone("alice").Dial(o.ctx, "app-hangup", phone.WithHeader("X-Dial", "PJSIP/bob,30,"+option+"(predial^slow^1)"))
			o.must(err)
			o.asteriskSays("takes its time on PJSIP/")
			o.program.Kill()
			o.again()
			o.event("call.adopted", 1)
			b := o.incoming(bob)
			o.talk(a, b)
			s := &scene{lab: o.lab}
			if got := s.variable(a, "EVAL(${PREDIAL})") + " " + b.Header("X-Predial"); got != map[string]string{"b": " slow", "B": "slow ", "f(Sales)b": " slow"}[option] {
				t.Errorf("the subroutine has left %q", got)
			}
			o.hangUp(a)
			o.ended(b)
			o.nothingLeft()
		})
	}
}

// TestPredialThatDoesNotReturn: a caller that gives up is not held by a subroutine that does not end, as Dial() holds it.
func TestPredialThatDoesNotReturn(t *testing.T) {
	for _, option := range []string{"b", "B"} {
		t.Run(option, func(t *testing.T) {
			l := newLab(t)
			l.phone("bob")
			a, err := l.phone("alice").Dial(l.ctx, "app-hangup", phone.WithHeader("X-Dial", "PJSIP/bob,30,"+option+"(predial^ever^1)"))
			l.must(err)
			l.asteriskSays("never returns on", "PJSIP/")
			l.must(a.Cancel(l.soon(5 * time.Second)))
			l.ended(a)
			if e := l.event("call.ended", 1); e.Reason != "cancelled" {
				t.Errorf("call.ended says %q", e.Reason)
			}
		})
	}
}
