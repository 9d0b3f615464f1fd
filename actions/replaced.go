package actions

import (
	"errors"
	"time"

	"metaflows/flows"
)

// partingTime is how long a phone that has transferred its call may take to hang up.
const partingTime = 5 * time.Second

// Replaced gives a channel that has taken a leg's place what belongs to the place, and asks whose it is. left is the leg's
// channel before. Where the leg was picked up it leaves: Asterisk exchanges the insides of the two until it is out of the
// application, and what is set before can end on the wrong one. A phone that has sent the others elsewhere (REFER) is there
// until it hangs up, and must not end them by that.
func (s *Set) Replaced(t *flows.Task, leg *flows.Leg, left string) error {
	if leg.Phone() {
		leg.Asked = true
		defer func() { leg.Asked = false }()
		if err := awaitLeft(t, left, time.Second); err != nil && !errors.Is(err, flows.ErrTimeout) {
			return err
		}
		if _, err := s.askOwner(t, leg); err != nil {
			return err
		}
		return s.tieReplaced(t, leg)
	}
	err := s.insist(t, func() error {
		return s.pbx.SetVariables(left, map[string]string{flows.VarPartner: ""})
	}, "untying a phone that has transferred its call")
	if err == nil {
		err = s.tieReplaced(t, leg)
	}
	if errors.Is(err, flows.ErrDetached) {
		return err
	}
	err = errors.Join(err, awaitLeft(t, left, partingTime))
	if errors.Is(err, flows.ErrTimeout) || errors.Is(err, flows.ErrCallEnded) {
		s.drop(t, left, "hanging up a phone that has transferred its call")
	}
	return err
}

func awaitLeft(t *flows.Task, channel string, d time.Duration) error {
	return t.AwaitFor(d, func(ev flows.Event) bool {
		gone, ok := ev.(flows.Left)
		return ok && gone.Channel == channel
	})
}

// tieReplaced tells the channel of a leg that was replaced whose it is and with whom it ends, and the other party's.
func (s *Set) tieReplaced(t *flows.Task, leg *flows.Leg) error {
	vars := map[string]string{flows.VarCall: t.Call.ID, flows.VarRole: leg.Role, pushHandler: orphanHandler}
	peer := t.Call.Peer(leg)
	if peer != nil && t.Call.Answered() && !peer.Goes {
		vars[flows.VarPartner] = peer.Name
	}
	if err := s.insist(t, func() error { return s.tell(t, leg, vars) }, "telling a channel whose place it has taken"); err != nil {
		return err
	}
	if peer == nil || leg.Goes || !t.Call.Answered() && peer.Role != flows.RoleCaller {
		return nil
	}
	return s.insist(t, func() error {
		return s.tell(t, peer, map[string]string{flows.VarPartner: leg.Name})
	}, "naming the partner")
}
