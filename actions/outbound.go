package actions

import (
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
	var entered *calls.Started
	over := t.Expect(func(ev calls.Event) bool {
		switch ev := ev.(type) {
		case calls.Started:
			if ev.Channel.ID == id {
				entered = &ev
			}
		case calls.Destroyed:
			return ev.Channel == id
		}
		return entered != nil
	})
	lane := t.Call.Lane(id)
	end := func() error { return t.Do(lane, func() error { return s.pbx.Hangup(id, 0) }) }
	if err := t.Do(lane, func() error { return s.pbx.CreateChannel(spec) }); err != nil {
		if errors.Is(err, calls.ErrUnavailable) || errors.Is(err, calls.ErrCallEnded) { // it may be there all the same, or come yet: then it is a stray
			s.quietly(end, "ending a channel that may have been made")
		}
		return nil, err
	}
	err = t.Until(enterWait, over)
	if entered == nil {
		s.quietly(end, "ending a channel that never entered")
		if err == nil {
			err = calls.ErrGone
		}
		return nil, fmt.Errorf("%s did not enter the application: %w", id, err)
	}
	leg := calls.NewLeg(entered.Channel, role)
	leg.Dialled, leg.LinkedID = dialled, originator.LinkedID
	t.Call.Add(leg)
	if err := s.identify(t, leg, number); err != nil {
		s.hangUp(t, leg, "ending a channel that cannot be asked")
		t.Call.Drop(leg)
		return nil, err
	}
	return leg, nil
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

// ring dials a leg on behalf of another. Asterisk gives it the other's language then: a phone has its own again.
func (s *Set) ring(leg, caller *calls.Leg, timeout time.Duration) error {
	return s.ringing(leg, caller, timeout)()
}

// ringing is the request of ring.
func (s *Set) ringing(leg, caller *calls.Leg, timeout time.Duration) func() error {
	channel, from, own := leg.ID, caller.ID, map[string]string{"CHANNEL(language)": leg.Language}
	differs := leg.Phone() && leg.Language != caller.Language
	return func() error {
		err := s.pbx.DialChannel(channel, from, timeout)
		if err == nil && differs {
			s.quietly(func() error { return s.pbx.SetVariables(channel, own) }, "giving a callee its own language")
		}
		return err
	}
}

// bridgeLegs makes the call's bridge, unless there is one, and puts legs into it that are not in it.
func (s *Set) bridgeLegs(call *calls.Call, legs ...*calls.Leg) error {
	call.Register(call.Bridge)
	if err := s.pbx.CreateBridge(call.Bridge); err != nil && !errors.Is(err, calls.ErrConflict) {
		return err
	}
	for _, leg := range legs {
		if leg.Bridged() {
			continue
		}
		if err := call.Join(leg); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}
