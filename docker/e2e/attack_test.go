package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// TestAttack: who comes into a call has its place there, and none of the codes of whom it has replaced, or from whom its
// channel has inherited.
func TestAttack(t *testing.T) {
	t.Parallel()
	_, all := intrude(t, ways)
	atOnce(t, all, func(i *intrusion) {
		i.document(i.account(), attackDocument)
		i.stays, i.in = i.way.begin(i)()
		i.talk(i.stays, i.in)
		i.attacks(i.way.heard)
	})
}

// TestAttackAfterRestart: the same when metaflows was killed while they talked or recorded, and has found the call.
func TestAttackAfterRestart(t *testing.T) {
	t.Parallel()
	o, all := intrude(t, ways)
	records := func(i *intrusion) bool { return (i.who == "e") == (i.nn[1]/2%2 == 0) } // each way, each kind, half of them
	atOnce(t, all, func(i *intrusion) {
		i.document(i.account(), attackDocument)
		i.stays, i.in = i.way.begin(i)()
		i.talk(i.stays, i.in)
		if records(i) {
			i.press(i.stays, "*9")
			i.told("recording.started", 1)
		}
	})
	o.restarts(func() {})
	atOnce(t, all, func(i *intrusion) {
		i.told("call.adopted", 1)
		i.attacks(i.way.heard)
	})
}

// TestAttackOverRestart: they come in after a restart that has found the call ringing, or a transfer of it; who can comes
// in while metaflows is not there.
func TestAttackOverRestart(t *testing.T) {
	t.Parallel()
	o, all := intrude(t, ways)
	atOnce(t, all, func(i *intrusion) {
		i.document(i.account(), attackDocument)
		i.rest = i.way.begin(i)
	})
	o.restarts(func() {
		atOnce(t, all, func(i *intrusion) {
			if i.way.away && i.who == "e" == (i.way.name == "pickup") {
				i.stays, i.in = i.rest()
			}
		})
	})
	atOnce(t, all, func(i *intrusion) {
		i.told("call.adopted", 1)
		if i.in == nil {
			i.stays, i.in = i.rest()
		}
		i.talk(i.stays, i.in)
		i.attacks(i.way.heard)
	})
}

// TestAttackWhileAway: a REFER that comes while metaflows is not there brings nobody in. Asterisk refuses it, who was to come is
// not even rung, and when metaflows is back the call is as it was, with the codes of its own people.
func TestAttackWhileAway(t *testing.T) {
	t.Parallel()
	o, all := intrude(t, []way{{name: "refer by the caller"}, {name: "refer by the callee"}})
	targets := map[*intrusion]*phone.Phone{}
	for _, i := range all {
		targets[i] = i.phone(i.who, phone.RingForever())
		i.document(i.account(), attackDocument)
		i.stays, i.in = i.call(i.phone("a"), "b"+i.nn, i.phone("b"))
		if i.way.name == "refer by the caller" {
			i.stays, i.in = i.in, i.stays
		}
	}
	o.restarts(func() {
		for _, i := range all {
			if err := i.in.Refer(i.soon(5*time.Second), i.who+i.nn); err == nil {
				t.Errorf("%s: it is not refused", i)
			} else {
				t.Logf("%s: %v", i, err)
			}
		}
	})
	for _, i := range all {
		i.told("call.adopted", 1)
		i.talk(i.stays, i.in)
		if calls := targets[i].Calls(); len(calls) > 0 {
			t.Errorf("%s: was called: %v", i, calls)
		}
		i.press(i.in, "*9")
		i.told("recording.started", 1)
		i.hangUp(i.in) // first: Asterisk does not always tell a phone whose REFER it has refused that the other has hung up
		i.ended(i.stays)
	}
}

// restarts kills metaflows and starts it again; away happens between the two.
func (o *own) restarts(away func()) {
	o.Helper()
	o.program.Kill()
	o.asteriskSays("Deactivating Stasis app 'metaflows'")
	away()
	o.again()
}

// attacks presses what it may not, and lets who stays show that its own codes work. heard is what that one has heard before.
func (i *intrusion) attacks(heard string) {
	i.Helper()
	before := len(i.started()) // of the way in
	stored := 0
	for _, e := range i.all("recording.started") {
		if e.Account == i.account() {
			stored = 1
		}
	}
	for _, code := range []string{"*9", "*21234", "*0"} {
		i.press(i.in, code)
	}
	i.gets(i.stays, heard+"*9*21234*0")
	i.staysUp(i.in)
	i.talk(i.stays, i.in)
	if started := i.started(); len(started) > before {
		i.Errorf("%s has run %+v", i, started[before:])
	}
	i.press(i.stays, "*9")
	if stored == 1 {
		i.told("recording.stored", 1)
	} else {
		i.told("recording.started", 1)
	}
	i.hangUp(i.stays)
	i.ended(i.in)
}
