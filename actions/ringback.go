package actions

import (
	"errors"
	"time"

	"metaflows/flows/calls"
)

// giveBack returns the transferee to the transferor, who is rung once; the transferee hears ringing. The transfer has
// failed for reason either way, and that is what the flow branches on.
func (x *blindTransfer) giveBack(reason string) error {
	x.letGo(false)
	if x.Stage != stageBack {
		x.enter(stageBack, reason)
		x.tie(x.transferee, nil)
	}
	back, err := x.ringBack()
	return x.givenBack(back, reason, err)
}

// givenBack tells how it went: back is the transferor, or nil; err is only the call's end.
func (x *blindTransfer) givenBack(back *calls.Leg, reason string, err error) error {
	switch {
	case err != nil:
		return err
	case back != nil:
		x.t.Publish(x.notice("transfer.returned", "returned", reason))
	case x.transferee.Gone:
		x.t.Publish(x.notice("transfer.returned", "transferee_gone", reason))
	default:
		x.t.Publish(x.notice("transfer.returned", "lost", reason))
		_ = x.t.Until(2*time.Second, x.sound(x.t, x.transferee, errorTone).Done)
	}
	if x.t.Ending() == nil {
		x.settle(back)
	}
	return calls.Fail(reason, nil)
}

// ringBack makes sure that the transferor was rung, once, and returns its leg when it talks to the transferee, nil if it does
// not. An error is only the call's end.
func (x *blindTransfer) ringBack() (*calls.Leg, error) {
	if back := x.other(""); back != nil {
		return x.awaitBack(back)
	}
	if x.again { // the transferee's channel names who was rung
		rung, err := x.variables(x.t, x.transferee, calls.VarPartner)
		if gone(err) {
			return nil, nil
		}
		if err != nil || rung[calls.VarPartner] != "" {
			return nil, err
		}
	}
	dialstring := x.dialstring()
	if dialstring == "" {
		return nil, nil
	}
	// Its phone is busy until it has been let go.
	if err := x.t.Until(2*time.Second, func() bool { return x.transferor.Gone }); x.t.Ending() != nil {
		return nil, err
	}
	leg, err := x.outbound(x.t, dialstring, x.transferee, x.transferor.Role, x.Number, nil)
	if err != nil {
		if errors.Is(err, calls.ErrDetached) {
			return nil, err
		}
		return nil, x.t.Ending()
	}
	return x.awaitBack(leg)
}

// awaitBack rings the transferor's new leg, as far as that is not done, and waits for its answer.
func (x *blindTransfer) awaitBack(leg *calls.Leg) (*calls.Leg, error) {
	var err error
	if !leg.Bridged() {
		err = x.t.Join(leg)
	}
	if err == nil && !leg.Called {
		delete(x.tied, x.transferee) // what follows says otherwise
		save := x.noting(x.t, x.transferee, map[string]string{calls.VarPartner: leg.Name, handDown: "1"})
		err = x.t.Step(x.transferee.Lane(), save, calls.Then(leg.Lane(), x.ringUp(leg, x.transferee, x.ring())))
	}
	if errors.Is(err, calls.ErrDetached) {
		return nil, err
	}
	if err != nil && !gone(err) {
		x.call.Log.Error("the transferor could not be rung back", "dialstring", leg.Dialled, "error", err,
			"do", "call back who was transferred; see what Asterisk's own log says at this time")
	}
	if err != nil {
		x.dropLeg(leg)
		return nil, nil
	}
	err = x.t.Until(x.ring()+guardTime, func() bool { return leg.Up() || leg.Failed() || x.transferee.Gone })
	if x.t.Ending() != nil {
		return nil, err
	}
	if !leg.Up() || x.transferee.Gone {
		x.dropLeg(leg)
		return nil, nil
	}
	leg.Answered = x.transferee.Answered
	x.t.Continue(leg)
	x.tie(leg, x.transferee)
	return leg, nil
}

// dropLeg ends somebody who is rung.
func (x *blindTransfer) dropLeg(leg *calls.Leg) {
	if !leg.Gone {
		x.hangUp(x.t, leg, "ending somebody who is rung")
	}
	x.call.Release(leg)
}

// dialstring is how the transferor is reached: as it was dialled, or by its endpoint if it was the caller; "" when there
// is nobody to ring: a Local leg or an outsider (actions/README.md, Blind transfer).
func (x *blindTransfer) dialstring() string {
	switch {
	case x.transferor.Dialled != "" && x.transferor.Phone():
		return x.transferor.Dialled
	case x.transferor.Phone() && !x.transferor.Outsider():
		return x.transferor.Endpoint()
	default:
		return ""
	}
}
