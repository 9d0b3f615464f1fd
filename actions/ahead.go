package actions

import (
	"errors"

	"metaflows/flows/calls"
)

// ahead is what a dialling has asked Asterisk for beside what it waits for, so that the callee's INVITE goes out early.
type ahead struct {
	first    *outgoing    // the channel of a single callee
	bridging func() error // waits for the call's bridge; nil: nobody has asked for it
	keeping  func() error // waits until the callee's channel keeps what it has to before it is dialled; nil: it does
}

// goAhead asks for the channel of a single callee and for the bridge, before it is known what the caller brings: neither needs
// that of a phone, but for a linkedid that is another's, which is put right later. A caller that is a Local channel may come
// from whom it calls (d.sent), and what a subroutine does may be there for the callee's channel.
func (d *dialling) goAhead() {
	if d.refused != nil || !d.args.single() || d.args.predials() || !d.caller.Phone() {
		return
	}
	if d.args.direct() {
		d.askBridge()
	}
	target := d.args.targets[0]
	d.first, _ = d.beginCallee(target, d.caller.ID) // an error comes again when it is needed
}

// giveUpAhead ends what was asked for and is not needed.
func (d *dialling) giveUpAhead() {
	if d.first != nil {
		d.unmake(d.t, d.first.making)
		d.first = nil
	}
}

// beginCallee asks for the channel of a callee.
func (d *dialling) beginCallee(target, linked string) (*outgoing, error) {
	return d.beginOutbound(d.t, target, d.caller, linked, calls.RoleCallee, dialledNumber(d.caller.Extension, target), d.calleeVars())
}

// calleeLeg waits for the channel of a callee, for which it asks if nobody has.
func (d *dialling) calleeLeg(target string) (leg *calls.Leg, err error) {
	o := d.first
	if d.first = nil; o == nil {
		if o, err = d.beginCallee(target, d.caller.LinkedID); err != nil {
			return nil, err
		}
	}
	leg, kept, err := d.endOutbound(d.t, o, d.caller)
	if err != nil {
		return nil, err
	}
	if d.args.direct() {
		d.keeping = kept
		return leg, nil
	}
	if err := d.keptOr(d.t, leg, kept); err != nil {
		return nil, err
	}
	return leg, nil
}

// takeKept is what is to be waited for before a callee is dialled.
func (d *dialling) takeKept() func() error {
	kept := d.keeping
	if d.keeping = nil; kept == nil {
		return func() error { return nil }
	}
	return kept
}

// askBridge asks for the call's bridge.
func (d *dialling) askBridge() {
	bridge := d.call.Bridge
	d.call.Register(bridge)
	d.bridging = d.t.Beside(d.call.Lane(bridge), func() error { return d.pbx.CreateBridge(bridge) })
}

// haveBridge makes the call's bridge, unless there is one.
func (d *dialling) haveBridge() error {
	if d.bridging == nil {
		d.askBridge()
	}
	err := d.bridging()
	if err == nil || errors.Is(err, calls.ErrConflict) {
		return nil
	}
	d.bridging = nil
	return err
}

// bridge puts legs into the call's bridge that are not in it.
func (d *dialling) bridge(legs ...*calls.Leg) error {
	if err := d.haveBridge(); err != nil {
		return err
	}
	return d.t.JoinAll(legs...)
}
