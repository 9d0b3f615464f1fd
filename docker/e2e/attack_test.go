package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// attackDocument has codes that its own people alone may run.
const attackDocument = `{"numbers":{"9":{"module":"record_call"},"0":{"module":"hangup"}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`

// ways are those in which somebody comes into a call by what phones and codes do: each gives who stays and who has come.
var ways = []struct {
	name  string
	play  func(l *lab, who string) (stays, in *phone.Call)
	heard string // by who stays, meanwhile
}{
	{"refer by the caller", func(l *lab, who string) (*phone.Call, *phone.Call) { return referred(l, who, true) }, ""},
	{"refer by the callee", func(l *lab, who string) (*phone.Call, *phone.Call) { return referred(l, who, false) }, ""},
	{"refer with replaces", attended, ""},
	{"pickup", pickedUp, ""},
	{"transfer by code", transferred, "*"},
}

// TestAttack: who comes into a call has its place there, and none of the codes of whom it has replaced.
func TestAttack(t *testing.T) {
	for _, way := range ways {
		for _, who := range []string{"outside", "mallory"} {
			t.Run(way.name+", "+who, func(t *testing.T) {
				l := newLab(t)
				l.document("acme", attackDocument)
				stays, in := way.play(l, who)
				l.talk(stays, in)
				l.attacks(stays, in, way.heard)
			})
		}
	}
}

// TestAttackAfterRestart: the same when metaflows was killed meanwhile and has found the call.
func TestAttackAfterRestart(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			o := ownProcess(t)
			o.document("acme", attackDocument)
			stays, in := way.play(o.lab, "outside")
			o.talk(stays, in)
			o.program.Kill()
			o.asteriskSays("Deactivating Stasis app 'metaflows'")
			o.again()
			o.event("call.adopted", 1)
			o.attacks(stays, in, way.heard)
		})
	}
}

// attacks presses what it may not, and lets who stays show that its own codes work.
func (l *lab) attacks(stays, in *phone.Call, heard string) {
	l.Helper()
	transfers := len(l.all("action.started")) // of the way in
	for _, code := range []string{"*9", "*21234", "*0"} {
		l.press(in, code)
	}
	l.gets(stays, heard+"*9*21234*0")
	l.staysUp(in)
	l.talk(stays, in)
	if started := l.all("action.started"); len(started) > transfers {
		l.Errorf("%s ran %+v", in.Phone().Name(), started[transfers:])
	}
	l.press(stays, "*9")
	l.event("recording.started", 1)
	l.hangUp(stays)
	l.ended(in)
}

func referred(l *lab, who string, caller bool) (stays, in *phone.Call) {
	l.Helper()
	target := l.phone(who)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	goes := b
	if stays = a; caller {
		stays, goes = b, a
	}
	l.must(goes.Refer(l.soon(5*time.Second), who))
	in = l.incoming(target)
	l.hangUp(goes)
	return stays, in
}

func attended(l *lab, who string) (stays, in *phone.Call) {
	l.Helper()
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	second, c := l.call(a.Phone(), "d-"+who, l.phone(who)) // plain Dial: the phone itself comes into the bridge
	l.must(a.ReferTo(l.soon(5*time.Second), second))
	l.talk(b, c)
	return b, c
}

func pickedUp(l *lab, who string) (stays, in *phone.Call) {
	l.Helper()
	bob := l.phone("bob")
	bob.Behave(phone.RingForever())
	a, err := l.phone("alice").Dial(l.soon(5*time.Second), "1002")
	l.must(err)
	l.must(a.WaitRinging(l.soon(5 * time.Second)))
	in, err = l.phone(who).Call(l.soon(5*time.Second), "pick-bob")
	l.must(err)
	l.talk(a, in)
	return a, in
}

func transferred(l *lab, who string) (stays, in *phone.Call) {
	l.Helper()
	target := l.phone(who)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, map[string]string{"outside": "*21006", "mallory": "*21005"}[who])
	in = l.incoming(target)
	l.ended(b)
	return a, in
}
