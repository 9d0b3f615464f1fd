package actions

import (
	"maps"
	"time"

	"metaflows/flows/calls"
)

// save writes variables of a leg's channel, and with them what a restart must know of it (METAFLOWS_STATE).
func (s *Set) save(t *calls.Task, leg *calls.Leg, vars map[string]string) error {
	return t.Do(leg.Lane(), s.telling(t, leg, vars))
}

// telling is the request that writes what a leg's state is now, and variables. Both go in the leg's lane, so that no older
// state is written over a newer one.
func (s *Set) telling(t *calls.Task, leg *calls.Leg, vars map[string]string) func() error {
	return s.noting(t, leg, vars).Alone()
}

// noting is telling in a step.
func (s *Set) noting(t *calls.Task, leg *calls.Leg, vars map[string]string) calls.Sending {
	state, err := t.Call.State(leg)
	if err != nil {
		return func(*calls.Turn) error { return err }
	}
	channel, all := leg.ID, map[string]string{calls.VarState: state}
	maps.Copy(all, vars)
	return func(turn *calls.Turn) error { return s.pbx.In(turn).SetVariables(channel, all) }
}

// Save is calls.Config.Save.
func (s *Set) Save(t *calls.Task, leg *calls.Leg) func() error { return s.telling(t, leg, nil) }

// dialName is the note of the dialling on the caller.
const dialName = "dial"

// dialNote is what a restart must know of a call's dialling. What is dialled is in the caller's dialplan.
type dialNote struct {
	Began  int64  `json:"b"` // unix ms
	Limit  string `json:"t,omitempty"`
	Group  string `json:"c,omitempty"`
	Named  string `json:"n,omitempty"`
	Pushed int    `json:"h,omitempty"`
	Made   bool   `json:"m,omitempty"`
	Up     bool   `json:"u,omitempty"` // it was up when it came
	Hides  bool   `json:"w,omitempty"` // calls.Leg.Withheld
	Untold bool   `json:"a,omitempty"` // of an answer: the guard of the dialling stands

	Running *predialNote `json:"r,omitempty"`
	Ran     bool         `json:"e,omitempty"`
	Spent   int64        `json:"s,omitempty"` // ms
}

// tell is save of the caller, with how far the dialling is.
func (d *dialling) tell(vars map[string]string) error {
	return d.t.Do(d.caller.Lane(), d.telling(vars).Alone())
}

// telling is the request of tell.
func (d *dialling) telling(vars map[string]string) calls.Sending {
	d.note()
	return d.Set.noting(d.t, d.caller, vars)
}

// note notes on the caller how far the dialling is.
func (d *dialling) note() {
	note := dialNote{
		Began: d.began.UnixMilli(), Group: d.own["CHANNEL(callgroup)"], Named: d.own["CHANNEL(namedcallgroup)"], Pushed: d.pushed, Made: d.made, Up: d.wasUp,
		Hides: d.caller.Withheld, Untold: d.untold, Running: d.running, Ran: d.ran, Spent: d.spent.Milliseconds(),
	}
	if d.ownTimeout() > 0 {
		note.Limit = d.own["TIMEOUT(absolute)"]
	}
	d.caller.SetNote(dialName, note)
}

// takeUp restores what the caller's note says.
func (d *dialling) takeUp() {
	d.resumed = true
	if d.began = d.answeredAt; d.began.IsZero() {
		d.began = time.Now()
	}
	var note dialNote
	if d.caller == nil || !d.caller.Note(dialName, &note) {
		if d.caller != nil {
			d.caller.Withheld = true // nobody knows
		}
		return
	}
	d.caller.Withheld, d.untold = note.Hides, note.Untold
	d.began, d.pushed, d.made, d.wasUp = time.UnixMilli(note.Began), note.Pushed, note.Made, note.Up
	d.running, d.ran, d.spent = note.Running, note.Ran, time.Duration(note.Spent)*time.Millisecond
	d.own = map[string]string{
		"TIMEOUT(absolute)": note.Limit, "CHANNEL(callgroup)": note.Group, "CHANNEL(namedcallgroup)": note.Named,
	}
}
