package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// gosubLines dial as FreePBX does: an extension calls a subroutine for its mailbox, that one another that dials, and comes
// back with DIALSTATUS. v is for voicemail.
const gosubLines = `
[acme](+)
exten => _v-.,1,Gosub(exten-vm,s,1(${EXTEN:2},${EXTEN}))
 same => n,Hangup()
exten => _w-.,1,Set(TRANSFER_CONTEXT=acme)
 same => n,Goto(v-${EXTEN:2},1)

[exten-vm]
exten => s,1,Set(EXTTOCALL=${ARG1})
 same => n,Set(PICKUPMARK=${ARG1})
 same => n,Gosub(dial-one,s,1(2,g,${EXTTOCALL}))
 same => n,Verbose(0,dial-one says DIALSTATUS=${DIALSTATUS} to ${ARG2})
 same => n,GotoIf($["${DIALSTATUS}"="NOANSWER" | "${DIALSTATUS}"="BUSY"]?vm)
 same => n,Return()
 same => n(vm),Goto(after,${EXTTOCALL},1)

[dial-one]
exten => s,1,Set(DSTRING=PJSIP/${ARG3})
 same => n,Set(D_OPTIONS=${ARG2})
 same => n,Stasis(metaflows,dial,${DSTRING},${ARG1},${D_OPTIONS})
 same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(${DSTRING},${ARG1},${D_OPTIONS}))
 same => n,Return()
`

// TestGosub: inside a chain of subroutines calls, codes, transfers and what follows an unanswered call work, for those whose
// METAFLOWS_CONTEXT or TRANSFER_CONTEXT says where they may dial: there the caller's own context is the subroutine's.
func TestGosub(t *testing.T) {
	for _, presser := range []string{"caller", "callee"} {
		t.Run("transfer by the "+presser, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", quickTransfer)
			a, b := l.call(l.phone("alice"), "v-bob", l.phone("bob"))
			presses, stays := a, b
			if presser == "callee" {
				presses, stays = b, a
			}
			l.press(presses, "*21234")
			l.hears(stays, music1234)
			l.ended(presses)
			l.event("transfer.completed", 1)
			l.hangUp(stays)
		})
	}
	t.Run("transfer to who is busy, and back", func(t *testing.T) {
		l := newLab(t)
		l.document("acme", quickTransfer)
		bob := l.phone("bob")
		a, b := l.call(l.phone("alice"), "v-bob", bob)
		l.press(b, "*21999")
		l.ended(b)
		back := l.incoming(bob)
		l.talk(a, back)
		l.hangUp(back)
		l.ended(a)
	})
	t.Run("answered, option g: the subroutines return", func(t *testing.T) {
		l := newLab(t)
		a, b := l.call(l.phone("alice"), "v-bob", l.phone("bob"))
		l.hangUp(b)
		l.ended(a)
		l.asteriskSays("dial-one says DIALSTATUS=ANSWER to v-bob")
	})
	for _, tt := range []struct {
		name, status string
		does         phone.Behaviour
	}{{"not answered", "NOANSWER", phone.RingForever()}, {"busy", "BUSY", phone.Busy()}} {
		t.Run(tt.name+": voicemail", func(t *testing.T) {
			l := newLab(t)
			l.phone("bob").Behave(tt.does)
			a, err := l.phone("alice").Call(l.soon(10*time.Second), "v-bob")
			l.must(err)
			l.hears(a, afterTone)
			l.asteriskSays("dial-one says DIALSTATUS=" + tt.status + " to v-bob")
			l.ended(a)
		})
	}
}

// TestGosubWithoutContext: a caller for whom nothing says where it may dial cannot transfer from inside a Gosub, and hears it;
// where it enters in its own context it can.
func TestGosubWithoutContext(t *testing.T) {
	for _, tt := range []struct{ dials, reason string }{{"v-bob", "no_extension"}, {"w-bob", ""}, {"1002", ""}} {
		t.Run(tt.dials, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", quickTransfer)
			a, b := l.call(l.phone("ida"), tt.dials, l.phone("bob"))
			l.press(a, "*21234")
			if tt.reason == "" {
				l.hears(b, music1234)
				l.hangUp(b)
				return
			}
			l.hears(a, errorTone)
			if e := l.event("action.failed", 1); e.Reason != tt.reason {
				t.Errorf("action.failed says %q, want %s", e.Reason, tt.reason)
			}
			l.hangUp(a)
			l.ended(b)
		})
	}
}
