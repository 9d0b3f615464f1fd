package calls

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// savedKept is a Kept as a leg's state has it; Account is "" where it is the leg's own.
type savedKept struct {
	Module  string          `json:"m"`
	ID      string          `json:"i,omitempty"` // of its name, behind account and call
	Name    string          `json:"n,omitempty"` // where it is called otherwise
	Account string          `json:"a,omitempty"`
	Leg     bool            `json:"l,omitempty"` // about this leg
	Changes int             `json:"c,omitempty"`
	Data    json.RawMessage `json:"x"`
}

// Note tells what has changed in the Data of things that last, before the act: one leg of each before it returns, the others
// beside the task. An error says that it was told to none.
func (t *Task) Note(kept ...*Kept) error {
	var first, all []*Leg
	for _, k := range kept {
		t.Call.change(k)
		if leg := t.unoccupied(k); !slices.Contains(first, leg) {
			first = append(first, leg)
		}
		for _, leg := range k.legs(t.Call) {
			if !slices.Contains(all, leg) {
				all = append(all, leg)
			}
		}
	}
	if err := t.Call.roomOn(all); err != nil {
		return err
	}
	for _, leg := range first {
		if err := t.save(leg); err != nil {
			return err
		}
	}
	t.Call.noteBeside(without(all, first)...)
	return nil
}

// roomOn is ErrStateTooLong if what lasts has no room in the state of one of the legs. That is asked before something is told to
// any of them: where it is not noted, it would be lost with the others.
func (c *Call) roomOn(legs []*Leg) error {
	for _, leg := range legs {
		if _, err := c.State(leg); errors.Is(err, ErrStateTooLong) {
			return err
		}
	}
	return nil
}

// without are the legs that are not among others.
func without(legs, others []*Leg) []*Leg {
	return slices.DeleteFunc(legs, func(leg *Leg) bool { return slices.Contains(others, leg) })
}

// change takes a thing's Data for the state of the legs.
func (c *Call) change(k *Kept) {
	raw, err := json.Marshal(k.Data)
	if err != nil {
		panic("something that is to last is no JSON: " + err.Error())
	}
	k.noted = raw
	k.changes++
}

// legs are those that know of it.
func (k *Kept) legs(c *Call) []*Leg {
	if k.Leg != nil {
		return []*Leg{k.Leg}
	}
	return slices.Clone(c.Legs)
}

// unoccupied is a leg on which something can be noted at once, so that a code does not wait for what its presser is being
// sent: the presser's own if nothing is under way for it, else another's of which that is so. nil: nobody is there.
func (t *Task) unoccupied(k *Kept) (leg *Leg) {
	legs := k.legs(t.Call)
	if i := slices.Index(legs, t.Leg); i > 0 {
		legs = slices.Insert(slices.Delete(legs, i, i+1), 0, t.Leg)
	}
	for _, l := range legs {
		if l.lane.Idle() {
			return l
		}
		if leg == nil {
			leg = l
		}
	}
	return leg
}

// save writes the leg's state on its channel.
func (t *Task) save(leg *Leg) error {
	if leg == nil {
		return ErrGone
	}
	return t.Do(leg.Lane(), t.saving(leg))
}

// saving is the request of save.
func (t *Task) saving(leg *Leg) func() error {
	save := t.Call.calls.cfg.Save
	if save == nil {
		return func() error { return nil }
	}
	return save(t, leg)
}

// knownOn says that a leg's channel has been told of what lasts by the name.
func (c *Call) knownOn(leg *Leg, name string) {
	for _, k := range c.lasting {
		if k.Name == name && (k.Leg == nil || k.Leg == leg) {
			k.knows = append(k.knows, leg)
		}
	}
}

// noteBeside lets legs know what lasts now, beside the call's tasks.
func (c *Call) noteBeside(legs ...*Leg) {
	if len(legs) == 0 {
		return
	}
	c.spawn("note", nil, nil, func(t *Task) error {
		t.noteOn(legs)
		return nil
	})
}

// notePauses are those before each try to let a channel know what lasts.
var notePauses = []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second}

// noteOn lets legs know what lasts now. A channel that cannot take it is asked again: what is noted on another alone is lost with
// that, and what is over would begin again after a restart.
func (t *Task) noteOn(legs []*Leg) {
	var err error
	for _, pause := range notePauses {
		if len(legs) == 0 || pause > 0 && t.Sleep(pause) != nil {
			return
		}
		legs = slices.DeleteFunc(slices.Clone(legs), func(leg *Leg) bool {
			if leg.Gone || t.ending != nil {
				return true
			}
			failed := t.save(leg)
			switch {
			case failed == nil, errors.Is(failed, ErrGone):
				return true
			case errors.Is(failed, ErrStateTooLong): // a leg that has come later: no pause makes room
				t.notTaken(leg, failed)
				return true
			}
			err = failed
			return false
		})
	}
	for _, leg := range legs {
		t.notTaken(leg, err)
	}
}

func (t *Task) notTaken(leg *Leg, err error) {
	t.Call.Log.Warn("a channel does not take what lasts on its call", "leg", leg.Label(), "error", err)
}

// noteMade lets a leg know what lasts if that is otherwise than its channel was made with (FirstState).
func (c *Call) noteMade(leg *Leg) {
	if leg.made == "" {
		return
	}
	now, err := c.FirstState(leg.ID, leg.Dialled, leg.LinkedID)
	if err != nil || now != leg.made {
		c.noteBeside(leg)
	}
	leg.made = ""
}

// MadeWith says with which FirstState the leg's channel was made, before Add.
func (l *Leg) MadeWith(state string) { l.made = state }

// keptName is the name of a thing that lasts, where none is given to it.
func keptName(account, call, id string) string { return account + "/" + call + "/" + id }

// saved is what the state of a leg of that account has of what lasts.
func (c *Call) saved(leg *Leg, account string) (saved []savedKept) {
	for _, k := range c.lasting {
		if k.noted == nil || k.Leg != nil && k.Leg != leg {
			continue
		}
		s := savedKept{Module: k.Module, Leg: k.Leg != nil, Changes: k.changes, Data: k.noted}
		if id, usual := strings.CutPrefix(k.Name, keptName(k.Account, c.ID, "")); usual {
			s.ID = id
		} else {
			s.Name = k.Name
		}
		switch k.Account {
		case account:
		case "":
			s.Account = nobody
		default:
			s.Account = k.Account
		}
		saved = append(saved, s)
	}
	return saved
}

// findKept takes up what a leg's state has of what lasts. Of what several legs have, what was told last holds.
func (c *Call) findKept(leg *Leg) {
	for _, s := range leg.kept {
		switch s.Account {
		case "":
			s.Account = leg.Owner.Account
		case nobody:
			s.Account = ""
		}
		name := cmp.Or(s.Name, keptName(s.Account, c.ID, s.ID))
		i := slices.IndexFunc(c.lasting, func(k *Kept) bool { return k.Name == name })
		switch {
		case i < 0 || c.lasting[i].changes < s.Changes:
		case c.lasting[i].changes == s.Changes:
			c.lasting[i].knows = append(c.lasting[i].knows, leg)
			continue
		default:
			continue
		}
		k := &Kept{Name: name, Module: s.Module, Account: s.Account, Again: true, keep: c.calls.cfg.Modules[s.Module].Keep, noted: s.Data, changes: s.Changes, knows: []*Leg{leg}}
		if s.Leg {
			k.Leg = leg
		}
		if k.keep.run == nil || json.Unmarshal(s.Data, k.read()) != nil {
			c.Log.Error("a process before this one has begun something on the call that is not known here", "module", s.Module,
				"do", "nothing: it is left as it stands; before a change of version, wait for calls to end")
			continue
		}
		if i >= 0 {
			c.lasting[i] = k
			continue
		}
		c.lasting = append(c.lasting, k)
		c.Register(name)
	}
	leg.kept = nil
}

// read makes Data, to be read into.
func (k *Kept) read() any {
	k.Data = k.keep.data()
	return k.Data
}
