package actions

import (
	"errors"

	"metaflows/flows/calls"
)

// exchange makes sure that the target is in the transferor's place and dialled.
func (x *blindTransfer) exchange(target *calls.Leg) error {
	if target.Called { // there
		return nil
	}
	// Before anybody moves, the transferee's channel learns what a restart must know.
	x.enter(stageRing, "")
	save := x.noting(x.t, x.transferee, map[string]string{calls.VarPartner: target.Name, handDown: "1"})
	then := []calls.Request{calls.Then(x.transferor.Lane(), x.removing())}
	joins := !target.Bridged()
	if joins {
		then = append(then, calls.Then(target.Lane(), x.joining(target)))
	}
	then = append(then, calls.Then(target.Lane(), x.dialling(target)))
	err := x.t.Step(x.transferee.Lane(), unlessGoneInTurn(save), then...)
	if err == nil && joins {
		x.call.Joined(target)
	}
	if err != nil && !errors.Is(err, calls.ErrDetached) {
		x.dropLeg(target)
	}
	return err
}

// removing is the request that takes the transferor out of the bridge.
func (x *blindTransfer) removing() calls.Sending {
	bridge, leaving, again := x.call.Bridge, x.transferor.ID, x.again
	return unlessGoneInTurn(func(turn *calls.Turn) error {
		err := x.pbx.In(turn).RemoveFromBridge(bridge, leaving)
		if again && errors.Is(err, calls.ErrConflict) { // it was out of it already
			return nil
		}
		return err
	})
}

// joining is the request that puts the target in; that it is gone at once is an outcome of the dial.
func (x *blindTransfer) joining(target *calls.Leg) calls.Sending {
	join := x.call.Joining(target)
	return unlessGoneInTurn(func(turn *calls.Turn) error { return join(x.pbx.In(turn)) })
}

// dialling is the request that dials it.
func (x *blindTransfer) dialling(target *calls.Leg) calls.Sending {
	dialled, caller, ring := target.ID, x.transferee.ID, x.ring()
	return unlessGoneInTurn(func(turn *calls.Turn) error { return x.pbx.In(turn).DialChannel(dialled, caller, ring) })
}

// undo makes sure that the transferor is in its place.
func (x *blindTransfer) undo(err error) error {
	if errors.Is(err, calls.ErrDetached) || x.t.Ending() != nil {
		return err
	}
	if !x.transferor.Gone && !x.transferor.Bridged() {
		_ = x.insist(x.t, func() error { return x.t.Join(x.transferor) }, "putting the transferor back")
	}
	x.settle(x.transferor)
	x.tie(x.transferor, x.transferee)
	return err
}
