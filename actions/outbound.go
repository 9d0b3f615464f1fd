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
	id := t.Call.Name(calls.ArgLeg)
	dialled := target
	local := strings.HasPrefix(target, "Local/")
	if local { // it is never rung back, and its extension was pressed
		dialled = ""
	}
	state, err := t.Call.FirstState(id, dialled, originator.LinkedID)
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
	made, err := s.create(t, spec)
	if err != nil {
		return nil, err
	}
	leg := calls.NewLeg(made, role)
	leg.Dialled, leg.LinkedID = dialled, originator.LinkedID
	leg.MadeWith(state)
	t.Call.Add(leg)
	if err := s.identify(t, leg, number); err != nil {
		s.hangUp(t, leg, "ending a channel that cannot be asked")
		t.Call.Drop(leg)
		return nil, err
	}
	return leg, nil
}

// create makes a channel and waits until it is in the application. Where that fails there is none.
func (s *Set) create(t *calls.Task, spec calls.ChannelSpec) (calls.Channel, error) {
	id, lane := spec.ID, t.Call.Lane(spec.ID)
	var entered *calls.Started
	given := false // up: who enters then is a stray
	over := t.Expect(func(ev calls.Event) bool {
		switch ev := ev.(type) {
		case calls.Started:
			if ev.Channel.ID == id && !given {
				entered = &ev
			}
		case calls.Destroyed:
			return ev.Channel == id
		}
		return entered != nil
	})
	err := t.Do(lane, func() error { return s.pbx.CreateChannel(spec) })
	asked := err == nil || errors.Is(err, calls.ErrUnavailable) || errors.Is(err, calls.ErrCallEnded) // else it was not made for sure
	if err == nil {
		if err = t.Until(enterWait, over); entered != nil {
			return entered.Channel, nil
		}
		err = fmt.Errorf("%s did not enter the application: %w", id, cmp.Or(err, calls.ErrGone))
	}
	if given = true; asked {
		s.quietly(s.ending(t, id), "ending a channel that may have been made")
	}
	return calls.Channel{}, err
}

// ending ends a channel that is no leg.
func (s *Set) ending(t *calls.Task, channel string) func() error {
	return func() error {
		return t.Do(t.Call.Lane(channel), func() error { return s.pbx.Hangup(channel, 0) })
	}
}

// identify completes whose leg it is and by which number, and keeps that on its channel where a dial could give it more: it
// lets what the caller hands down reach every variable that the endpoint does not set (ari/ASTERISK.md, What a created channel has).
func (s *Set) identify(t *calls.Task, leg *calls.Leg, number string) error {
	own := map[string]string{}
	if leg.CallerNum == "" && number != "" {
		leg.CallerNum, own[callerNumber] = number, number
	}
	vars := leg.Channel.Vars // what the directory says of a device is not on its channel
	complete := !leg.Phone() || leg.Context != "" && vars["METAFLOWS_USER"] != "" && leg.Owner.Device != ""
	if complete && len(own) == 0 {
		return nil
	}
	if !complete && leg.Context == "" && !leg.Outsider() {
		set, err := s.variables(t, leg, "TRANSFER_CONTEXT")
		if err != nil && !gone(err) {
			return err
		}
		leg.Context = set["TRANSFER_CONTEXT"]
	}
	if err := s.save(t, leg, own); err != nil && !gone(err) {
		return err
	}
	return nil
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

// bridgeLegs makes the call's bridge, unless there is one, and puts legs into it that are not in it.
func (s *Set) bridgeLegs(t *calls.Task, legs ...*calls.Leg) error {
	bridge := t.Call.Bridge
	t.Call.Register(bridge)
	if err := s.createBridge(t, bridge); err != nil && !errors.Is(err, calls.ErrConflict) {
		return err
	}
	for _, leg := range legs {
		if leg.Bridged() {
			continue
		}
		if err := t.Join(leg); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}
