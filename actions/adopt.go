package actions

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// adoption is a call that a process before this one has left in Asterisk, on its way to be one of this process
// (actions/README.md, Restart).
type adoption struct {
	*dialling
	legs     []*calls.Leg
	inBridge map[*calls.Leg]bool
	partners map[*calls.Leg]string // METAFLOWS_PARTNER
	nameless []*calls.Leg          // without a state of their own: in the place of another leg
	extras   []calls.Found         // that were there for others, or whose place another channel has: they end
}

// Adopt takes up a call of the channels that were found. It ends when the call is over.
func (s *Set) Adopt(t *calls.Task, found []calls.Found) error {
	a := &adoption{dialling: &dialling{Set: s, t: t, call: t.Call}, inBridge: map[*calls.Leg]bool{}, partners: map[*calls.Leg]string{}}
	found = a.withoutExtras(found)
	if err := a.read(found); err != nil {
		return a.notUnderstood(found, err)
	}
	a.call.TakeUp(a.legs)       // before the first question: what happens to them meanwhile is seen
	if !a.answeredAt.IsZero() { // before that nothing is absorbed
		a.giveKeys()
	}
	if err := a.identifyNameless(); err != nil {
		return err
	}
	if err := a.succeed(); err != nil {
		return err
	}
	a.takeUp()
	a.tellAdopted()
	switch {
	case a.caller != nil && a.alone(found):
		return a.goOnAlone()
	case a.caller != nil && a.answeredAt.IsZero():
		return a.goOnDialling()
	case a.answeredAt.IsZero(): // callees without a caller
		a.endExtras()
		if err := a.t.KeepOn(); err != nil { // it may have been recorded, by who has left
			return err
		}
		a.t.EndOthers()
		for _, leg := range a.call.Peers(nil) {
			a.Set.hangUp(a.t, leg, "ending a callee without a caller")
		}
		a.close(reasons[statusCancel])
		return nil
	}
	return a.goOnTalking()
}

// withoutExtras are those of the channels that may be legs.
func (a *adoption) withoutExtras(found []calls.Found) (legs []calls.Found) {
	for _, f := range found {
		if f.Vars[calls.VarRole] != roleExtra {
			legs = append(legs, f)
			continue
		}
		a.extras = append(a.extras, f)
		a.answeredAt = cmp.Or(a.answeredAt, formerly(f).Answered)
	}
	return legs
}

// formerly is the leg that such a channel was, if it was one.
func formerly(f calls.Found) *calls.Leg {
	state, _, _ := calls.ParseState(f.State, f.ID)
	return state.Leg(f.Channel, roleExtra)
}

// endExtras ends the others; a subroutine that one was there for goes on.
func (a *adoption) endExtras() {
	for _, f := range a.extras {
		a.drop(a.t, f.ID, "ending a channel that was there for others")
		if f.Bridge != "" && f.Bridge != a.call.Bridge {
			a.deleteBridge(a.t, f.Bridge, "removing the bridge of a subroutine")
		}
	}
}

// read makes legs of the channels.
func (a *adoption) read(found []calls.Found) error {
	for _, f := range found {
		if f.Elsewhere && f.Bridge == "" { // somebody has sent it there meanwhile
			a.takenAway = true
			continue
		}
		state, ok, err := calls.ParseState(f.State, f.ID)
		if err != nil {
			return err
		}
		leg := calls.NewLeg(f.Channel, "")
		if ok {
			leg = state.Leg(f.Channel, f.Vars[calls.VarRole])
		} else {
			a.nameless = append(a.nameless, leg)
		}
		leg.Called = f.Dialled
		a.inBridge[leg], a.partners[leg] = f.Bridge == a.call.Bridge, f.Partner
		a.legs = append(a.legs, leg)
		if leg.Role == calls.RoleCaller && leg.Dialled == "" && a.caller == nil { // one that was dialled is being rung back
			a.caller = leg
			if a.words = f.Args; ok {
				a.inSubroutine()
			}
			if len(a.words) > 0 {
				a.args, a.refused = parseDial(a.words)
			}
		}
		a.answeredAt = cmp.Or(a.answeredAt, leg.Answered)
	}
	for _, leg := range a.nameless {
		leg.Owner, leg.Context = flows.Owner{}, "" // what its channel says may be another's
		if leg.Role = calls.RoleCallee; a.caller == nil {
			leg.Role = calls.RoleCaller
		}
		if leg.LinkedID = leg.ID; len(a.legs) > 0 {
			leg.LinkedID = a.legs[0].LinkedID
		}
		leg.Answered, leg.Called = a.answeredAt, true
	}
	return nil
}

// identifyNameless asks whose the legs are that have no state.
func (a *adoption) identifyNameless() error {
	for _, leg := range a.nameless {
		if _, err := a.askOwner(a.t, leg); err != nil {
			return err
		}
	}
	return nil
}

// succeed gives a leg without a state what is noted on the one whose place it has taken, where the process before this one has
// not come to that: a flow does not go on with a phone that has transferred its call.
func (a *adoption) succeed() error {
	var left []*calls.Leg
	for _, f := range a.extras {
		left = append(left, formerly(f))
	}
	left = append(left, a.legs...)
	for _, leg := range a.nameless {
		i := slices.IndexFunc(left, func(former *calls.Leg) bool {
			return a.inBridge[leg] && !a.inBridge[former] && leg.Succeed(former)
		})
		if i < 0 {
			continue
		}
		former := left[i]
		if a.caller == former {
			a.caller, leg.Role = leg, former.Role
		}
		a.call.Release(former)
		a.legs = slices.DeleteFunc(a.legs, func(l *calls.Leg) bool { return l == former })
		a.extras = slices.DeleteFunc(a.extras, func(f calls.Found) bool { return f.ID == former.ID })
		if err := a.moveOut(a.t, leg, former.ID); err != nil {
			return err
		}
		a.drop(a.t, former.ID, "hanging up a phone that has transferred its call")
	}
	return nil
}

// alone says that the caller entered alone, by Stasis(metaflows).
func (a *adoption) alone(found []calls.Found) bool {
	for _, f := range found {
		if f.ID == a.caller.ID {
			return f.Args != nil && strings.Join(f.Args, "") == ""
		}
	}
	return false
}

// notUnderstood leaves a call of another version talking.
func (a *adoption) notUnderstood(found []calls.Found, err error) error {
	a.call.Log.Error("a call that another version of metaflows has left is not understood: it goes on without codes",
		"channel", found[0].Name, "error", err, "do", "nothing: it ends as plain calls do; before a change of version, wait for calls to end where codes matter")
	for _, f := range found {
		leg := calls.NewLeg(f.Channel, f.Vars[calls.VarRole])
		a.call.TakeUp([]*calls.Leg{leg})
		a.inBridge[leg] = f.Bridge == a.call.Bridge
	}
	if len(found) > 1 { // to add who is alone there ends a recording, and nobody knows whether there is one
		a.giveKeys()
	}
	a.endExtras()
	a.t.PublishAll("call.abandoned", func(n *calls.Notice) { n.Reason = "not_understood" })
	if err := a.t.Until(0, func() bool { return len(a.call.Legs) == 0 }); err != nil {
		return err
	}
	a.t.PublishAll("call.ended", func(n *calls.Notice) { n.Reason = "hangup" })
	return nil
}

// retold is how long ago something may be that is told again: the stream knows the event by its id.
const retold = 5 * time.Minute

// tellAdopted tells that there is somebody again who listens. What the process before has told is told again only where it
// may have been too late for that.
func (a *adoption) tellAdopted() {
	if time.Since(a.began) > retold {
		a.call.Told("call.started")
	} else {
		a.started()
	}
	if !a.answeredAt.IsZero() {
		a.announce()
		if time.Since(a.answeredAt) > retold {
			a.call.Told("call.answered")
		} else {
			a.t.PublishAll("call.answered", func(n *calls.Notice) {
				n.Time, n.Duration = a.answeredAt, a.answeredAt.Sub(a.began).Milliseconds()
			})
		}
	}
	now := time.Now()
	a.t.PublishAll("call.adopted", func(n *calls.Notice) { n.ID += ":" + strconv.FormatInt(now.UnixMilli(), 36) })
}

// announce tells a transfer that has led here, and that was taken up too, who has answered.
func (a *adoption) announce() {
	if a.caller != nil {
		a.t.Announce(a.caller, a.call.Peer(a.caller))
	}
}
