package actions

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// unrecorded is set on the half of a transfer's Local channel that is in our bridge. The talk over it has a call record
// already: that of the far half, from whoever is there to the extension's party, as Asterisk's own blind transfer has it.
// Being party A makes the pair with whom it meets in our bridge its own record, which is then not written. A callee's is
// recorded, as by Dial(): else the call would be in no record of its caller (ari/ASTERISK.md, Call records).
var unrecorded = map[string]string{"CDR_PROP(party_a)": "1", "CDR_PROP(disable)": "1"}

// outbound makes a channel of ours on behalf of another leg, waits until it is in the application and makes it a leg of
// the call. number is its caller id where its endpoint gives it none; "" for none.
func (s *Set) outbound(t *calls.Task, target string, originator *calls.Leg, role, number string, variables map[string]string) (*calls.Leg, error) {
	o, err := s.beginOutbound(t, target, originator, originator.LinkedID, role, number, variables)
	if err != nil {
		return nil, err
	}
	leg, kept, err := s.endOutbound(t, o, originator)
	if err == nil {
		err = s.keptOr(t, leg, kept)
	}
	if err != nil {
		return nil, err
	}
	return leg, nil
}

// outgoing is a leg on its way into the application.
type outgoing struct {
	*making
	dialled, role, number, linked string
	state                         string // that it is made with
}

// beginOutbound asks for the channel of outbound. linked is the originator's linkedid, as far as it is known.
func (s *Set) beginOutbound(t *calls.Task, target string, originator *calls.Leg, linked, role, number string, variables map[string]string) (*outgoing, error) {
	id := t.Call.Name(calls.ArgLeg)
	dialled := target
	local := strings.HasPrefix(target, "Local/")
	if local { // it is never rung back, and its extension was pressed
		dialled = ""
	}
	state, err := t.Call.FirstState(id, dialled, linked)
	if err != nil {
		return nil, err
	}
	spec := calls.ChannelSpec{ID: id, Endpoint: target, Originator: originator.ID, Args: []string{t.Call.ID}, Variables: map[string]string{
		calls.VarCall: t.Call.ID, calls.VarRole: role, calls.VarState: state, pushHandler: orphanHandler,
	}}
	maps.Copy(spec.Variables, variables)
	if local { // it has no number of its own
		spec.Variables[callerNumber] = number
		if role == calls.RoleTarget {
			maps.Copy(spec.Variables, unrecorded)
		}
	}
	return &outgoing{s.makeChannel(t, spec), dialled, role, number, linked, state}, nil
}

// endOutbound waits until the channel is in the application, and makes it a leg. Before it is dialled kept is to be called,
// which waits until its channel keeps what it has to.
func (s *Set) endOutbound(t *calls.Task, o *outgoing, originator *calls.Leg) (leg *calls.Leg, kept func() error, err error) {
	made, err := s.made(t, o.making)
	if err != nil {
		return nil, nil, err
	}
	leg = calls.NewLeg(made, o.role)
	leg.Dialled, leg.LinkedID = o.dialled, originator.LinkedID
	if leg.LinkedID == o.linked { // else it keeps all that it has to by identify
		leg.MadeWith(o.state)
	}
	t.Call.Add(leg)
	return leg, s.identify(t, leg, o.number, leg.LinkedID != o.linked), nil
}

// keptOr waits until a leg's channel keeps what it has to, and ends the leg where it does not.
func (s *Set) keptOr(t *calls.Task, leg *calls.Leg, kept func() error) error {
	err := kept()
	if err != nil {
		s.hangUp(t, leg, "ending a channel that cannot be asked")
		t.Call.Drop(leg)
	}
	return err
}

// making is a channel on its way into the application.
type making struct {
	id      string
	answer  func() error // waits for that of the request
	entered *calls.Started
	over    func() bool
	given   bool // up: who enters then is a stray
}

// create makes a channel and waits until it is in the application. Where that fails there is none.
func (s *Set) create(t *calls.Task, spec calls.ChannelSpec) (calls.Channel, error) {
	return s.made(t, s.makeChannel(t, spec))
}

// makeChannel asks for a channel. What comes of that is waited for by made, or it is ended by unmake.
func (s *Set) makeChannel(t *calls.Task, spec calls.ChannelSpec) *making {
	m := &making{id: spec.ID}
	m.over = t.Expect(func(ev calls.Event) bool {
		switch ev := ev.(type) {
		case calls.Started:
			if ev.Channel.ID == m.id && !m.given {
				m.entered = &ev
			}
		case calls.Destroyed:
			return ev.Channel == m.id
		}
		return m.entered != nil
	})
	m.answer = t.Beside(t.Call.Lane(m.id), func() error { return s.pbx.CreateChannel(spec) })
	return m
}

// made waits until a channel is in the application. Where that fails there is none.
func (s *Set) made(t *calls.Task, m *making) (calls.Channel, error) {
	err := m.answer()
	asked := err == nil || errors.Is(err, calls.ErrUnavailable) || errors.Is(err, calls.ErrCallEnded) // else it was not made for sure
	if err == nil {
		if err = t.Until(enterWait, m.over); m.entered != nil {
			return m.entered.Channel, nil
		}
		err = fmt.Errorf("%s did not enter the application: %w", m.id, cmp.Or(err, calls.ErrGone))
	}
	if m.given = true; asked {
		s.quietly(s.ending(t, m.id), "ending a channel that may have been made")
	}
	return calls.Channel{}, err
}

// unmake ends a channel that nobody waits for.
func (s *Set) unmake(t *calls.Task, m *making) {
	m.given = true
	s.quietly(s.ending(t, m.id), "ending a channel that is not needed")
}

// ending ends a channel that is no leg.
func (s *Set) ending(t *calls.Task, channel string) func() error {
	return func() error {
		return t.Do(t.Call.Lane(channel), func() error { return s.pbx.Hangup(channel, 0) })
	}
}

// identify completes whose leg it is and by which number, and keeps that on its channel where a dial could give it more: it
// lets what the caller hands down reach every variable that the endpoint does not set (ari/ASTERISK.md, What a created channel has).
// What it asks for that goes beside what the task does; kept waits for it. stale: what the channel was made with is not true.
func (s *Set) identify(t *calls.Task, leg *calls.Leg, number string, stale bool) (kept func() error) {
	own := map[string]string{}
	if leg.CallerNum == "" && number != "" {
		leg.CallerNum, own[callerNumber] = number, number
	}
	vars := leg.Channel.Vars // what the directory says of a device is not on its channel
	complete := !leg.Phone() || leg.Context != "" && vars["METAFLOWS_USER"] != "" && leg.Owner.Device != ""
	if complete && len(own) == 0 && !stale {
		return func() error { return nil }
	}
	if complete || leg.Context != "" || leg.Outsider() {
		saved := t.Beside(leg.Lane(), s.telling(t, leg, own))
		return unlessGone(saved)
	}
	const where = "TRANSFER_CONTEXT"
	var set map[string]string
	channel := leg.ID
	asked := t.Beside(new(calls.Lane), func() (err error) {
		set, err = s.pbx.Variables(channel, where)
		return err
	})
	return unlessGone(func() error {
		if err := asked(); err != nil && !gone(err) {
			return err
		}
		leg.Context = set[where]
		return s.save(t, leg, own)
	})
}

// ringUp is the request that dials a leg on behalf of another. Asterisk gives it the other's language then: a phone has its
// own again.
func (s *Set) ringUp(leg, caller *calls.Leg, timeout time.Duration) calls.Sending {
	channel, from, own := leg.ID, caller.ID, map[string]string{"CHANNEL(language)": leg.Language}
	differs := leg.Phone() && leg.Language != caller.Language
	return func(turn *calls.Turn) error {
		err := s.pbx.In(turn).DialChannel(channel, from, timeout)
		if err == nil && differs {
			s.quietly(func() error { return s.pbx.SetVariables(channel, own) }, "giving a callee its own language")
		}
		return err
	}
}

// ringing is ringUp outside of a step.
func (s *Set) ringing(leg, caller *calls.Leg, timeout time.Duration) func() error {
	return s.ringUp(leg, caller, timeout).Alone()
}
