package actions

import (
	"errors"
	"slices"
	"time"

	"metaflows/flows/calls"
)

// How far a transfer has come, as its checkpoint says. Before the first nothing is saved.
const (
	stageRing = "ring" // the target is made; from here on transferor and target are exchanged
	stageBack = "back" // it has failed, the transferor is rung back
)

// transferNote is a transfer's checkpoint, on the transferee.
type transferNote struct {
	Stage  string `json:"s"`
	Ring   int    `json:"t"` // seconds
	Reason string `json:"r,omitempty"`
	// Number is the transferor's own, as far as it may be shown: it has it again when it is rung back.
	Number string `json:"n,omitempty"`
}

// blindTransfer is one of them on its way.
type blindTransfer struct {
	*Set
	transferNote
	again      bool // a process before this one has entered the stage
	t          *calls.Task
	call       *calls.Call
	transferor *calls.Leg
	transferee *calls.Leg
	extension  string
	context    string
	making     *calls.Task // of the target
	made       struct {
		leg *calls.Leg
		err error
	}
	tied map[*calls.Leg]*calls.Leg // with whom a leg ends, as its channel is told
	over bool                      // the rest is others' business
}

// reachedTime is how long the call that a transfer has led to may take to say who has answered there. One whose extension
// has answered before it dialled takes as long as it rings.
const reachedTime = time.Second

// run is the whole of it: target made, transferor out, target in, dialled, transferor let go; then whatever becomes of it.
// When Asterisk refuses, the transferor is put back. Each step makes sure of something: it finds it done or does it. So a
// restart enters the run at the stage that was saved, and nothing of it is told twice.
func (x *blindTransfer) run() error {
	x.tied = map[*calls.Leg]*calls.Leg{}
	defer func() { x.over = true }()
	if x.Stage == stageBack {
		return x.giveBack(x.Reason)
	}
	target, err := x.prepare()
	if target == nil && x.again && !x.transferor.Bridged() { // the target has ended after the two were exchanged
		return x.giveBack("unreachable")
	}
	if err == nil {
		err = x.exchange(target)
	}
	if err != nil {
		return x.undo(err)
	}
	x.t.Publish(x.notice("transfer.ringing", "", ""))
	x.letGo(!target.Called)
	return x.await(target)
}

// enter saves how far it has come, with the next that is saved of the transferee.
func (x *blindTransfer) enter(stage, reason string) {
	x.again = x.again && x.Stage == stage
	x.Stage, x.Reason = stage, reason
	x.t.Checkpoint(x.transferee, x.transferNote)
}

// ring is how long somebody is rung.
func (x *blindTransfer) ring() time.Duration { return time.Duration(x.Ring) * time.Second }

// prepare makes sure that the target is made, and that the transferor can be taken out of the bridge. The target is nil where
// there is none.
func (x *blindTransfer) prepare() (target *calls.Leg, err error) {
	if x.again {
		switch target = x.other(calls.RoleTarget); {
		case target == nil:
			return nil, calls.Fail("unreachable", nil)
		case target.Called: // the transferor is out
			return target, nil
		}
		return target, x.t.Part(x.transferor)
	}
	if err := x.t.Part(x.transferor); err != nil {
		return nil, err
	}
	// Its end must not be the transferee's any more, also if it hangs up now.
	channel := x.transferor.ID
	untied := x.t.Beside(x.transferor.Lane(), func() error {
		return x.pbx.SetVariables(channel, map[string]string{calls.VarPartner: ""})
	})
	if err := x.t.Until(0, x.making.Done); err != nil {
		return nil, err
	}
	if x.made.err == nil {
		if err := untied(); err != nil && (errors.Is(err, calls.ErrDetached) || x.t.Ending() != nil) {
			return nil, err
		} // else it is gone, or the tie is undone when the target is in its place
	}
	return x.made.leg, x.made.err
}

// make makes the target, beside the question whether there is such an extension: as long as it is not dialled nobody notices.
func (x *blindTransfer) make() {
	x.making = x.t.Go("target", func(t *calls.Task) error {
		x.made.leg, x.made.err = x.outbound(t, "Local/"+x.extension+"@"+x.context+"/n", x.transferee, calls.RoleTarget, x.extension, map[string]string{
			"TRANSFERERNAME":       x.transferor.Name,
			"METAFLOWS_TRANSFEROR": x.transferor.Endpoint(),
		})
		return nil
	})
}

// unmake ends a target that is not to be dialled.
func (x *blindTransfer) unmake() {
	if x.t.Until(0, x.making.Done) == nil && x.made.leg != nil {
		x.dropLeg(x.made.leg)
		x.call.Drop(x.made.leg)
	}
}

// other is the leg of a role, or of any but the target's, beside the transferor and the transferee.
func (x *blindTransfer) other(role string) *calls.Leg {
	for _, leg := range x.call.Peers(x.transferee) {
		if leg != x.transferor && (leg.Role == role || role == "" && leg.Role != calls.RoleTarget) {
			return leg
		}
	}
	return nil
}

// letGo makes sure that the transferor is let go, after a tone if it is told that it is done. Who may have been told by a
// process before this one is not: a tone may be playing to it that nobody would end, and every other command for it would
// wait for that.
func (x *blindTransfer) letGo(told bool) {
	leg := x.transferor
	switch {
	case told:
		x.call.Release(leg)
		x.t.Go("dismiss", func(t *calls.Task) error {
			defer x.hangUp(t, leg, "hanging up the transferor")
			return x.soundAlone(t, leg, confirmTone)
		})
	case slices.Contains(x.call.Legs, leg):
		x.hangUp(x.t, leg, "hanging up the transferor")
		x.call.Release(leg)
	}
}

// await waits for the target, and sees to what becomes of it.
func (x *blindTransfer) await(target *calls.Leg) error {
	err := x.t.Until(x.ring()+guardTime, func() bool { return target.Up() || target.Failed() || x.transferee.Gone })
	switch {
	case x.t.Ending() != nil:
		return err
	case x.transferee.Gone:
		x.dropLeg(target)
		return calls.Fail("transferee_gone", nil)
	case target.Up():
		return x.complete(target)
	}
	_ = x.t.Until(time.Second, func() bool { return target.Cause != 0 })
	reason := failureOf(target)
	x.dropLeg(target) // its own timeout may not have come
	return x.giveBack(reason)
}

// complete: target and transferee talk. Each ends with the other from now on.
func (x *blindTransfer) complete(target *calls.Leg) error {
	target.Answered = x.transferee.Answered
	x.tie(target, x.transferee)
	known := func() bool { return target.Reached != nil || target.Gone || x.transferee.Gone }
	if x.call.Beyond(target) { // it says who has answered, a moment before or after the answer shows here
		if err := x.t.Until(reachedTime, known); err != nil && x.t.Ending() != nil {
			return err
		}
	}
	answered := x.notice("transfer.answered", "", "")
	target.TellReached(&answered)
	x.t.Publish(answered)
	x.t.Publish(x.notice("transfer.completed", "completed", ""))
	x.settle(target)
	return nil
}

// settle ends the checkpoint: transferee and other talk.
func (x *blindTransfer) settle(other *calls.Leg) {
	x.t.Settle(x.transferee)
	x.tie(x.transferee, other)
}

// tie lets the end of a leg be the end of another, too, for the case that the application dies; nil for nobody's. Who is
// rung ends with the transferee from the start, the transferee with whom it talks to; with g the caller goes on alone. What the
// leg's state lacks by now is told with it: where Asterisk refuses, it is told again beside the transfer.
func (x *blindTransfer) tie(leg, other *calls.Leg) {
	x.tied[leg] = other
	tell := func(t *calls.Task) error {
		vars := map[string]string{}
		if now, still := x.tied[leg]; still && now == other && (!x.over || !x.call.Held()) {
			vars[calls.VarPartner] = ""
			if other != nil && !other.Goes {
				vars[calls.VarPartner] = other.Name
			}
		}
		return x.save(t, leg, vars)
	}
	err := tell(x.t)
	if errors.Is(err, calls.ErrUnavailable) && x.t.Ending() == nil {
		x.t.Go("tie", func(t *calls.Task) error {
			return x.insist(t, func() error { return tell(t) }, "naming the partner")
		})
		return
	}
	x.quietly(func() error { return err }, "naming the partner")
}

// notice is an event about this transfer.
func (x *blindTransfer) notice(kind, result, reason string) calls.Notice {
	n := x.t.Notice(kind)
	n.OtherChannel, n.Result, n.Reason = x.transferee.ID, result, reason
	return n
}

// failureOf is why a target was not reached, in the words of events.
func failureOf(target *calls.Leg) string {
	switch target.Cause {
	case causeBusy:
		return "busy"
	case causeNoAnswer, 0:
		return "no_answer"
	case causeCongestion:
		return "congestion"
	default:
		return "unreachable"
	}
}
