package calls

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
)

// Keep is how a module keeps what outlives its node: a recording, a hold, a mute. Keeps makes one; the zero Keep keeps nothing.
type Keep struct {
	run  func(*Task, *Kept) error
	data func() any
}

// Keeps makes a Keep. data is the module's own, and its JSON all that a restart knows of the thing. run is a task of its own,
// from its beginning or from a restart (Kept.Again) until it is over. First it makes sure that it has begun: it begins it, or
// asks what became of it. It is noted before: by Kept.Begin, with the requests that begin it, or by Task.Take of its leg. Then it
// says so by Kept.Began and stays with it to its end, which it brings about itself when the call is over. When it returns the
// thing is over, and its note is taken off; returning ErrDetached leaves it to a restart.
// Where it has begun by code, t has the leg and the flow of its node, else neither.
func Keeps[D any](run func(t *Task, k *Kept, data *D) error) Keep {
	return Keep{
		run:  func(t *Task, k *Kept) error { return run(t, k, k.Data.(*D)) },
		data: func() any { return new(D) },
	}
}

// Kept is one thing that lasts on a call. It is noted for as long, so that a restart goes on with it.
type Kept struct {
	// Name is account/call/id, or what KeepAs was given, its own for ever: what it makes in the telephone system may be called
	// so, and events of that name are its call's.
	Name    string
	Module  string
	Account string // whose it is
	// Leg is the leg that it is about, on which it is noted; nil: it is about the call, and noted on every leg.
	Leg *Leg
	// Data is a pointer to what is the module's own. What was changed in it is told by Task.Note.
	Data any
	// Again: a process before this one has begun it.
	Again bool

	keep    Keep
	noted   json.RawMessage // Data as it was told last
	changes int             // how often it was
	knows   []*Leg          // legs that have been told by then
	task    *Task
	channel string // of Leg, when it was begun or taken up
	begun   bool
	ending  bool
	over    bool
	err     error // for which it has not begun, or not ended well
}

// Shower is what may be the Data of something that is shown from outside (View). What Show returns must be comparable.
type Shower interface{ Show() any }

// Keep begins what the node's module keeps, about a leg, or the call where that is nil, and returns when it has begun. It is
// there for everybody at once (Call.Kept), and from then on in every State that is saved of a leg which it is noted on. An error
// is why it has not begun: ErrStateTooLong where one of the legs has no room for its note, what the Keep has returned, or the
// call's end.
func (t *Task) Keep(about *Leg, data any) (*Kept, error) {
	return t.KeepAs(func(id string) string { return keptName(t.Flow.Account(), t.Call.ID, id) }, about, data)
}

// KeepAs is Keep with a Name that is made of an id, which is its own on the call. ErrConflict, and nothing has begun, where the
// Name is that of another thing of this process, or was one of this call.
func (t *Task) KeepAs(name func(id string) string, about *Leg, data any) (*Kept, error) {
	c, f := t.Call, t.Flow
	k := &Kept{Module: f.module, Account: f.Account(), Leg: about, Data: data, keep: c.calls.cfg.Modules[f.module].Keep}
	k.Name = name(c.epoch + strconv.Itoa(c.named))
	if !c.claim(k.Name) {
		return nil, ErrConflict
	}
	c.lasting = append(c.lasting, k)
	now := *f // the flow goes on to other nodes
	c.keep(k, t.Leg, &now)
	err := t.Known(k)
	switch {
	case err != nil:
		k.task.end(err) // what becomes of it is told before the node's end
	case !k.begun:
		err = k.err
	}
	return k, err
}

// KeepOn goes on with what TakeUp has found, and returns when each has begun again or is over. Ears that nobody has taken up by
// then end. An error is only the call's end, or the process's.
func (t *Task) KeepOn() error {
	kept := slices.Clone(t.Call.lasting)
	for _, k := range kept {
		t.Call.keep(k, nil, nil)
	}
	if err := t.Until(0, func() bool { return !slices.ContainsFunc(kept, (*Kept).Starting) }); err != nil {
		return err
	}
	t.Call.endEars()
	return nil
}

// keep begins the task of a thing that lasts.
func (c *Call) keep(k *Kept, leg *Leg, flow *Flow) {
	if k.Leg != nil {
		k.channel = k.Leg.ID
	}
	k.task = c.spawn("keep "+k.Module, leg, flow, func(t *Task) error {
		err := t.guard(func() error { return k.run(t) })()
		if errors.Is(err, ErrDetached) || errors.Is(t.ending, ErrDetached) {
			return err
		}
		c.drop(k) // before what it has claimed is undone: a restart in between undoes that, too
		err = errors.Join(err, t.giveBackAll(k.Name))
		k.over, k.err = true, err
		t.noteOn(k.legs(c))
		return err
	})
}

// drop takes what is over from the call.
func (c *Call) drop(k *Kept) {
	c.lasting = slices.DeleteFunc(c.lasting, func(other *Kept) bool { return other == k })
}

func (k *Kept) run(t *Task) error {
	if !k.Again {
		t.Call.change(k)
		if err := t.Call.roomOn(k.legs(t.Call)); err != nil {
			return err
		}
	}
	return k.keep.run(t, k)
}

// Begin notes it on a leg, from within its Keep, and then sends what begins it, as one step (Task.Do). An error is that of an
// act, or of the note: ErrStateTooLong, ErrGone where there is no leg, what Asterisk says. asked says that acts may have been
// sent.
func (k *Kept) Begin(acts ...Request) (asked bool, err error) {
	t := k.task
	leg := t.unoccupied(k)
	if leg == nil {
		return false, ErrGone
	}
	save, noted := t.saving(leg), new(atomic.Bool) // nobody waits for the request any more when the call has ended
	err = t.Do(leg.Lane(), func() error {
		err := save()
		noted.Store(err == nil)
		return err
	}, acts...)
	if err == nil {
		k.knows = append(k.knows, leg)
	}
	return noted.Load(), err
}

// Began says, from within its Keep, that it has begun: whoever has begun it goes on, and every leg learns of it.
func (k *Kept) Began() {
	k.begun = true
	k.task.Call.noteBeside(without(k.legs(k.task.Call), k.knows)...)
}

// Known waits until something that is beginning has begun, or has not (Over). An error is only the call's end, or the process's.
func (t *Task) Known(k *Kept) error {
	return t.Until(0, func() bool { return !k.Starting() })
}

// Lasts says whether something that was found on the call (Call.Kept) lasts, which another may be beginning or ending: it waits
// until that is known. Who has asked for its end later does not count. An error is only the call's end, or the process's.
func (t *Task) Lasts(k *Kept) (bool, error) {
	ended := k.Ending()
	lasts := func() bool { return k.begun && (!ended || !k.Ending()) }
	err := t.Until(0, func() bool { return k.over || lasts() })
	return lasts(), err
}

// End lets something that lasts end, and returns when it is over; what is beginning begins before. An error is why it lasts still
// (Kept.Stays), what its Keep has returned, what it has claimed and could not be undone, or the call's end. What could not begin
// is over without one.
func (t *Task) End(k *Kept) error {
	k.ending = true
	switch err := t.Until(0, func() bool { return k.over || !k.ending }); {
	case err != nil:
		return err
	case !k.begun:
		return nil
	}
	return k.err
}

// Stays says, from within its Keep, that it could not be ended, and why: Task.End returns that. It lasts, until that is called
// again.
func (k *Kept) Stays(err error) { k.ending, k.err = false, err }

// Ends says, from within its Keep, that it is ending by itself: who begins another waits until it is over.
func (k *Kept) Ends() { k.ending = true }

// Ending says that its Keep is to return, or does so: Task.End was called, or Ends, or the channel of the leg that it is about is not the leg's any
// more.
func (k *Kept) Ending() bool {
	return k.ending || k.Leg != nil && (k.Leg.Gone || k.Leg.ID != k.channel)
}

// Starting says that nobody knows yet whether it has begun.
func (k *Kept) Starting() bool { return !k.begun && !k.over }

// Over says that its Keep has returned: it does not last on the call any more.
func (k *Kept) Over() bool { return k.over }

// Kept are the things of a module that last on the call, those too that are only beginning, in the order of their beginning.
func (c *Call) Kept(module string) (kept []*Kept) {
	for _, k := range c.lasting {
		if k.Module == module {
			kept = append(kept, k)
		}
	}
	return kept
}
