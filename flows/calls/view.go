package calls

import (
	"slices"
	"time"

	"metaflows/flows"
)

// View is how a call stands, for who looks at it from outside. Nobody changes one that was told.
type View struct {
	ID       string
	Accounts []string // those that the call concerns, see Call.Accounts
	Answered bool
	Legs     []LegView // on the call now, in the order of their coming
	Past     []LegView // that have left, and for which there are commands
	Actions  []ActionView
	Kept     []KeptView // what lasts
}

// LegView is one leg of it.
type LegView struct {
	Channel   string
	Endpoint  string // "" for a Local channel, whose name has an extension in it that somebody may have pressed
	Role      string
	Owner     flows.Owner
	State     string // of the channel, as Asterisk has it: Ring, Ringing, Up
	Number    string // of its party, and name, as Asterisk knows them
	Name      string
	Extension string // that it has dialled, if it came in by the dialplan
	Dialled   string // the dialstring it was dialled with, else ""
	LinkedID  string
	SIPCallID string
	Began     time.Time // when its channel was made
	Answered  time.Time // when it was connected; zero before
}

// ActionView is one action that runs.
type ActionView struct {
	ID      string
	Module  string
	Path    string
	Channel string // the presser's
	Account string // the owner's
	Began   time.Time
}

// KeptView is one thing that lasts on it.
type KeptView struct {
	Name    string
	Module  string
	Account string // whose it is
	Channel string // of the leg that it is about; "": of none
	Shows   any    // by its module (Shower); nil: nothing
}

// show tells how the call stands, if that is news. It is asked after everything that happens to the call, so where nothing
// is new it only compares.
func (c *Call) show() {
	if c.calls.cfg.Changed == nil {
		return
	}
	c.look()
	now, was := &c.sight, &c.shown
	if now.Answered == was.Answered && slices.Equal(now.Legs, was.Legs) && slices.Equal(now.Past, was.Past) &&
		slices.Equal(now.Actions, was.Actions) && slices.Equal(now.Kept, was.Kept) {
		return
	}
	c.shown = View{
		ID: c.ID, Accounts: c.Accounts(), Answered: c.up, Legs: slices.Clone(now.Legs), Past: slices.Clone(now.Past),
		Actions: slices.Clone(now.Actions), Kept: slices.Clone(now.Kept),
	}
	c.calls.cfg.Changed(c.shown)
}

// look takes the call in.
func (c *Call) look() {
	v := &c.sight
	v.Answered = c.up
	v.Legs, v.Past, v.Actions, v.Kept = v.Legs[:0], v.Past[:0], v.Actions[:0], v.Kept[:0]
	for _, leg := range c.Legs {
		v.Legs = append(v.Legs, leg.view())
	}
	for _, run := range c.commandOrder {
		if e := c.commands[run]; e != nil && c.leg(e.channel) == nil {
			v.Past = append(v.Past, e.past)
		}
	}
	for _, f := range c.flows {
		if f.Action != "" {
			v.Actions = append(v.Actions, ActionView{f.Action, f.module, f.Path, f.Presser.ID, f.Account(), f.began})
		}
	}
	for _, k := range c.lasting {
		v.Kept = append(v.Kept, k.view())
	}
}

func (k *Kept) view() KeptView {
	v := KeptView{Name: k.Name, Module: k.Module, Account: k.Account}
	if k.Leg != nil {
		v.Channel = k.Leg.ID
	}
	if data, ok := k.Data.(Shower); ok {
		v.Shows = data.Show()
	}
	return v
}

func (l *Leg) view() LegView {
	v := LegView{
		Channel: l.ID, Role: l.Role, Owner: l.Owner, State: l.State, Number: l.CallerNum, Name: l.CallerNam, Dialled: l.Dialled,
		LinkedID: l.LinkedID, SIPCallID: l.SIPCallID, Began: l.Created, Answered: l.Answered,
	}
	if l.Phone() {
		v.Endpoint = l.Endpoint()
	}
	if l.Role == RoleCaller && l.Dialled == "" {
		v.Extension = l.Extension
	}
	return v
}
