package actions

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"metaflows/flows"
)

// outbound makes a channel of ours on behalf of another leg, waits until it is in the application and makes it a leg of
// the call.
func (s *Set) outbound(t *flows.Task, target string, originator *flows.Leg, role string, variables map[string]string) (*flows.Leg, error) {
	id := t.Call.Name(flows.ArgLeg)
	dialled := target
	if strings.HasPrefix(target, "Local/") { // it is never rung back, and its extension was pressed
		dialled = ""
	}
	spec := flows.ChannelSpec{ID: id, Endpoint: target, Originator: originator.ID, Args: []string{t.Call.ID}, Variables: map[string]string{
		flows.VarCall: t.Call.ID, flows.VarRole: role, flows.VarState: t.Call.FirstState(id, dialled, originator.LinkedID), pushHandler: orphanHandler,
	}}
	maps.Copy(spec.Variables, variables)
	var entered *flows.Started
	if err := s.pbx.CreateChannel(spec); err != nil {
		if errors.Is(err, flows.ErrUnavailable) { // it may be there all the same, or come yet: then it is a stray
			s.quietly(func() error { return s.pbx.Hangup(id, 0) }, "ending a channel that may have been made")
		}
		return nil, err
	}
	err := t.AwaitFor(enterWait, func(ev flows.Event) bool {
		switch ev := ev.(type) {
		case flows.Started:
			if ev.Channel.ID == id {
				entered = &ev
			}
		case flows.Destroyed:
			return ev.Channel == id
		}
		return entered != nil
	})
	if entered == nil {
		s.quietly(func() error { return s.pbx.Hangup(id, 0) }, "ending a channel that never entered")
		if err == nil {
			err = flows.ErrGone
		}
		return nil, fmt.Errorf("%s did not enter the application: %w", id, err)
	}
	leg := flows.NewLeg(entered.Channel, role)
	leg.Dialled, leg.LinkedID = dialled, originator.LinkedID
	t.Call.Add(leg)
	if err := s.identify(t, leg); err != nil {
		s.drop(t, id, "ending a channel that cannot be asked")
		t.Call.Drop(leg)
		return nil, err
	}
	return leg, nil
}

// identify completes whose leg it is, and keeps that on its channel where a dial could give it more: it lets what the
// caller hands down reach every variable that the endpoint does not set (ari-facts 14).
func (s *Set) identify(t *flows.Task, leg *flows.Leg) error {
	vars := leg.Channel.Vars // what the directory says of a device is not on its channel
	if !leg.Phone() || leg.Context != "" && vars["METAFLOWS_USER"] != "" && leg.Owner.Device != "" {
		return nil
	}
	if leg.Context == "" && !leg.Outsider() {
		own, err := s.pbx.Variables(leg.ID, "TRANSFER_CONTEXT")
		if err != nil && !gone(err) {
			return err
		}
		leg.Context = own["TRANSFER_CONTEXT"]
	}
	if err := s.tell(t, leg, nil); err != nil && !gone(err) {
		return err
	}
	return nil
}

// bridgeLegs makes the call's bridge, unless there is one, and puts legs into it that are not in it.
func (s *Set) bridgeLegs(call *flows.Call, legs ...*flows.Leg) error {
	call.Register(call.Bridge)
	if err := s.pbx.CreateBridge(call.Bridge); err != nil && !errors.Is(err, flows.ErrConflict) {
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
