package calls

import "slices"

// AwaitKeys blocks the task until keys, 1 to 64 of 0-9 * #, were pressed on a leg of the call. They go the way of all keys,
// so that none is taken out of a code and none counts twice, and what was pressed is not relayed; what the other parties hear
// of it, and which of several tasks has it, is told in flows/README.md, Awaited keys. It counts whether the call is answered
// or not, and goes on when another channel takes the leg's place.
//
// It returns ErrPast when over, which may be nil, says that nothing is awaited any more, or the leg is not on the call: over
// is looked at now and after everything that happens to the call, and must not block. Else ErrCallEnded or ErrDetached.
func (t *Task) AwaitKeys(leg *Leg, keys string, over func() bool) error {
	a := &awaited{keys: keys}
	leg.await(slices.Insert(slices.Clone(leg.awaited), 0, a))
	defer func() {
		leg.await(slices.DeleteFunc(slices.Clone(leg.awaited), func(other *awaited) bool { return other == a }))
	}()
	past := func() bool { return over != nil && over() || !slices.Contains(t.Call.Legs, leg) }
	err := t.Until(0, func() bool { return a.pressed || past() })
	if err == nil && !a.pressed {
		return ErrPast
	}
	return err
}

// awaited is what one task awaits of a leg.
type awaited struct {
	keys    string
	pressed bool
}

// await says what is awaited of the leg from now on, by the task that has begun last first.
func (l *Leg) await(all []*awaited) {
	l.awaited = all
	var keys []string
	for _, a := range all {
		keys = append(keys, a.keys)
	}
	if l.keypad != nil { // else it is not on the call yet
		l.keypad.Await(keys)
	}
}

// Awaited is flows.KeypadReport.
func (r keypadReport) Awaited(keys string) {
	if i := slices.IndexFunc(r.leg.awaited, func(a *awaited) bool { return a.keys == keys && !a.pressed }); i >= 0 {
		r.leg.awaited[i].pressed = true
	}
}
