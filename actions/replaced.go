package actions

import (
	"errors"
	"time"

	"metaflows/flows/calls"
)

// partingTime is how long a phone that has transferred its call may take to hang up.
const partingTime = 5 * time.Second

// Replaced gives a channel that has taken a leg's place what belongs to the place, and asks whose it is. left is the leg's
// channel before. Where the leg was picked up it leaves: Asterisk exchanges the insides of the two until it is out of the
// application, and what is set before can end on the wrong one. A phone that has sent the others elsewhere (REFER) is there
// until it hangs up: it must not end them by that, and what its channel tells of the call holds for it no more.
func (s *Set) Replaced(t *calls.Task, leg *calls.Leg, left string) error {
	parted := t.Expect(func(ev calls.Event) bool { return ev == calls.Event(calls.Left{Channel: left}) })
	if leg.Phone() {
		leg.Asked = true
		defer func() { leg.Asked = false }()
		if err := t.Until(time.Second, parted); err != nil && !errors.Is(err, calls.ErrTimeout) {
			return err
		}
		if _, err := s.askOwner(t, leg); err != nil {
			return err
		}
		return s.tieReplaced(t, leg)
	}
	err := s.moveOut(t, leg, left)
	if errors.Is(err, calls.ErrDetached) {
		return err
	}
	err = errors.Join(err, t.Until(partingTime, parted))
	if errors.Is(err, calls.ErrTimeout) || errors.Is(err, calls.ErrCallEnded) {
		s.drop(t, left, "hanging up a phone that has transferred its call")
	}
	return err
}

// moveOut lets what the channel of a phone that has transferred its call says of that hold for the one that has its place.
func (s *Set) moveOut(t *calls.Task, leg *calls.Leg, left string) error {
	vars := map[string]string{calls.VarPartner: "", calls.VarRole: roleExtra}
	err := s.insist(t, func() error {
		return t.Do(t.Call.Lane(left), func() error { return s.pbx.SetVariables(left, vars) })
	}, "untying a phone that has transferred its call")
	if err == nil {
		err = s.tieReplaced(t, leg)
	}
	return err
}

// tieReplaced tells the channel of a leg that was replaced whose it is and with whom it ends, and the other party's.
func (s *Set) tieReplaced(t *calls.Task, leg *calls.Leg) error {
	vars := map[string]string{calls.VarCall: t.Call.ID, calls.VarRole: leg.Role, pushHandler: orphanHandler}
	peer := t.Call.Peer(leg)
	if peer != nil && t.Call.Answered() && !peer.Goes {
		vars[calls.VarPartner] = peer.Name
	}
	if err := s.insist(t, func() error { return s.save(t, leg, vars) }, "telling a channel whose place it has taken"); err != nil {
		return err
	}
	rung := peer != nil && !peer.Up() && peer.Role != calls.RoleCaller // it does not end who waits for it
	if peer == nil || leg.Goes || rung {
		return nil
	}
	return s.insist(t, func() error {
		return s.save(t, peer, map[string]string{calls.VarPartner: leg.Name})
	}, "naming the partner")
}
