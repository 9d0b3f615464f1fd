package actions

import (
	"errors"
	"time"

	"metaflows/flows"
)

// giveBack returns the transferee to the transferor, who is rung once; the transferee hears ringing. The transfer has
// failed for reason either way, and that is what the flow branches on.
func (x *blindTransfer) giveBack(reason string) error {
	failure := flows.Fail(reason, nil)
	switch ok, err := x.ringBack(); {
	case err != nil:
		return err
	case ok:
		x.t.Publish(x.notice("transfer.returned", "returned", reason))
	case x.transferee.Gone:
		x.t.Publish(x.notice("transfer.returned", "transferee_gone", reason))
	default:
		x.t.Publish(x.notice("transfer.returned", "lost", reason))
		_ = x.t.Until(2*time.Second, x.sound(x.t, x.transferee, errorTone).Done)
	}
	return failure
}

// ringBack dials the transferor again and says whether it talks to the transferee. An error is only the call's end.
func (x *blindTransfer) ringBack() (bool, error) {
	dialstring := x.dialstring()
	if dialstring == "" {
		return false, nil
	}
	// Its phone is busy until it has been let go.
	if err := x.t.Until(2*time.Second, func() bool { return x.transferor.Gone }); x.t.Ending() != nil {
		return false, err
	}
	leg, err := x.outbound(x.t, dialstring, x.transferee.ID, x.transferor.Role, nil)
	if err != nil {
		if errors.Is(err, flows.ErrDetached) {
			return false, err
		}
		return false, x.t.Ending()
	}
	if err = x.call.Join(leg); err == nil {
		x.tie(x.transferee, leg)
		err = x.pbx.DialChannel(leg.ID, x.transferee.ID, x.ring)
	}
	if errors.Is(err, flows.ErrDetached) {
		return false, err
	}
	if err != nil && !gone(err) {
		x.call.Log.Warn("the transferor could not be rung back", "dialstring", dialstring, "error", err)
	}
	if err != nil {
		x.dropLeg(leg)
		return false, nil
	}
	x.ringFor(leg)
	err = x.t.Until(x.ring+guardTime, func() bool { return leg.Up() || leg.Failed() || x.transferee.Gone })
	if x.t.Ending() != nil {
		return false, err
	}
	if !leg.Up() || x.transferee.Gone {
		x.dropLeg(leg)
		return false, nil
	}
	leg.Answered = x.transferor.Answered
	x.t.Continue(leg)
	x.tie(leg, x.transferee)
	return true, nil
}

// dropLeg ends somebody who is rung.
func (x *blindTransfer) dropLeg(leg *flows.Leg) {
	if !leg.Gone {
		x.drop(x.t, leg.ID, "ending somebody who is rung")
	}
	x.call.Release(leg)
}

// dialstring is how the transferor is reached: as it was dialled, or by its endpoint if it was the caller; "" when there
// is nobody to ring: a Local leg or an outsider (design 5).
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
