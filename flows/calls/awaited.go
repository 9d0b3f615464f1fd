package calls

import "slices"

// AwaitKeys blocks the task until keys, 1 to 64 of 0-9 * #, were pressed on a leg of the call. They go the way of all keys,
// so that none is taken out of a code and none counts twice, and what was pressed is not relayed; what the other parties hear
// of it, and which of several tasks has it, is told in flows/README.md, Awaited keys. It counts whether the call is answered
// or not, and goes on when another channel takes the leg's place. Who awaits several, or something else besides, has ExpectKeys.
//
// It returns ErrPast when over, which may be nil, says that nothing is awaited any more, or the leg is not on the call: over
// is looked at now and after everything that happens to the call, and must not block. Else ErrCallEnded or ErrDetached.
func (t *Task) AwaitKeys(leg *Leg, keys string, over func() bool) error {
	k := &Keys{leg: leg, keys: []string{keys}, once: true}
	k.begin()
	defer k.Done()
	past := func() bool { return over != nil && over() || !slices.Contains(t.Call.Legs, leg) }
	err := t.Until(0, func() bool { return len(k.pressed) > 0 || past() })
	if err == nil && len(k.pressed) == 0 {
		return ErrPast
	}
	return err
}

// Keys are keys of a leg for which a task looks out beside what it does, from ExpectKeys or TakeKeys to Done.
type Keys struct {
	leg     *Leg
	keys    []string
	once    bool // until one of them was pressed
	alone   bool
	since   int // Keypad.Pressed when it began
	pressed []string
}

// ExpectKeys looks out for keys of a leg from now on until Done, which is to be deferred: each of them as AwaitKeys would await
// it, again and again, so that what is pressed while the task does something is not missed. What was pressed is asked for by
// Pressed, in the wait for that and for whatever else may come:
//
//	keys := t.ExpectKeys(leg, "*1", "*2")
//	defer keys.Done()
//	...
//	err := t.Until(0, func() bool { return keys.Any() || leg.Gone })
//	switch keys.Pressed() {
func (t *Task) ExpectKeys(leg *Leg, keys ...string) *Keys {
	k := &Keys{leg: leg, keys: keys}
	k.begin()
	return k
}

// TakeKeys is ExpectKeys, and until Done no document's code runs for what is pressed on the leg, whoever listens to it: what is
// none of the keys goes to the other parties. A code of which the binding digit was pressed before is one still.
func (t *Task) TakeKeys(leg *Leg, keys ...string) *Keys {
	k := &Keys{leg: leg, keys: keys, alone: true}
	k.begin()
	return k
}

// Any says that something was pressed that Pressed has not told yet.
func (k *Keys) Any() bool { return len(k.pressed) > 0 }

// Pressed are the first keys that were pressed and not told yet, "" for none.
func (k *Keys) Pressed() (keys string) {
	if k.Any() {
		keys, k.pressed = k.pressed[0], k.pressed[1:]
	}
	return keys
}

// Done ends it; what was pressed and not told stays to be.
func (k *Keys) Done() {
	k.leg.await(slices.DeleteFunc(slices.Clone(k.leg.awaited), func(other *Keys) bool { return other == k }))
}

// begin looks out for them, before those who have begun earlier.
func (k *Keys) begin() {
	if pad := k.leg.keypad; pad != nil {
		k.since = pad.Pressed()
	}
	k.leg.await(slices.Insert(slices.Clone(k.leg.awaited), 0, k))
}

// await says what is awaited of the leg from now on, by the task that has begun last first.
func (l *Leg) await(all []*Keys) {
	l.awaited = all
	var keys []string
	var since []int
	for _, k := range all {
		keys = append(keys, k.keys...)
		since = append(since, slices.Repeat([]int{k.since}, len(k.keys))...)
	}
	if l.keypad != nil { // else it is not on the call yet
		l.keypad.Await(keys, since, slices.ContainsFunc(all, func(k *Keys) bool { return k.alone }))
	}
}

// Awaited is flows.KeypadReport.
func (r keypadReport) Awaited(keys string, first int) {
	for _, k := range r.leg.awaited {
		if k.since <= first && slices.Contains(k.keys, keys) && (!k.once || !k.Any()) {
			k.pressed = append(k.pressed, keys)
			return
		}
	}
}
