package actions

import (
	"encoding/json"
	"errors"
	"time"

	"metaflows/flows/calls"
)

// How far a transfer has come, as its checkpoint says.
const (
	stageRing = "ring" // the target is made; from here on transferor and target are exchanged
	stageBack = "back" // it has failed, the transferor is rung back
)

// transferNote is a transfer's checkpoint, on the transferee.
type transferNote struct {
	Stage  string `json:"s"`
	Ring   int    `json:"t"` // seconds
	Reason string `json:"r,omitempty"`
}

func (x *blindTransfer) checkpoint(stage, reason string) {
	x.t.Checkpoint(x.transferee, transferNote{Stage: stage, Ring: int(x.ring / time.Second), Reason: reason})
}

// resumeTransfer goes on with a transfer that a process before this one began.
func (s *Set) resumeTransfer(t *calls.Task, transferee *calls.Leg, data json.RawMessage) (calls.Next, error) {
	var note transferNote
	if err := json.Unmarshal(data, &note); err != nil || note.Stage != stageRing && note.Stage != stageBack {
		return calls.Stop, calls.Broken("error", "nothing: before a change of version, wait for calls to end", errors.New("the checkpoint of the transfer is not understood"))
	}
	x := &blindTransfer{
		Set: s, t: t, call: t.Call, transferor: t.Leg, transferee: transferee, resumed: true, ring: time.Duration(note.Ring) * time.Second,
	}
	if note.Stage == stageBack {
		return calls.Stop, x.resumeBack(note.Reason)
	}
	return calls.Stop, x.resumeRing()
}

// resumeRing goes on where transferor and target were being exchanged, or the target rang.
func (x *blindTransfer) resumeRing() error {
	target := x.other(calls.RoleTarget)
	switch {
	case target == nil && x.transferor.Bridged(): // it has ended before the two were exchanged
		x.tie(x.transferor, x.transferee)
		x.settle(x.transferor)
		return calls.Fail("unreachable", nil)
	case target == nil:
		x.letGo()
		return x.giveBack("unreachable")
	}
	if !target.Called {
		if err := x.t.Part(x.transferor); err != nil {
			return err
		}
	}
	if err := x.exchange(target); err != nil {
		return x.undo(err)
	}
	x.t.Publish(x.notice("transfer.ringing", "", ""))
	if target.Called {
		x.letGo()
	} else {
		x.dismiss()
	}
	return x.await(target)
}

// letGo hangs up a transferor that a process before this one has taken out of the bridge. A tone may be playing to it that
// nobody would end, and every other command for it would wait for that.
func (x *blindTransfer) letGo() {
	if !x.transferor.Gone {
		x.hangUp(x.t, x.transferor, "hanging up the transferor")
		x.call.Release(x.transferor)
	}
}

// resumeBack goes on where the transferor was being rung back.
func (x *blindTransfer) resumeBack(reason string) error {
	x.letGo()
	if back := x.other(""); back != nil {
		leg, err := x.awaitBack(back)
		return x.givenBack(leg, reason, err)
	}
	var leg *calls.Leg
	rung, err := x.variables(x.t, x.transferee, calls.VarPartner) // once: it names who was rung
	if err == nil && rung[calls.VarPartner] == "" {
		leg, err = x.ringBack()
	}
	if gone(err) {
		err = nil // the transferee is
	}
	return x.givenBack(leg, reason, err)
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
