package actions

import (
	"errors"
	"maps"

	"metaflows/flows/calls"
)

// ringOne dials a single callee, a phone inside the bridge: ringing, early media and the answer reach the caller without us, also
// if we die meanwhile (actions/README.md, Dialling).
func (d *dialling) ringOne() (*calls.Leg, string, error) {
	callee, err := d.callee(d.args.targets[0])
	d.tried = true
	if callee == nil || d.caller.Gone {
		return nil, d.unreached(), err
	}
	connect := d.connectCaller
	if d.args.callerID != nil || !callee.Phone() { // else its subroutine would see the caller
		connect = d.connectAside
	}
	ready, err := d.runCalleePredials(connect, callee)
	if err != nil || len(ready) == 0 {
		return nil, d.unreached(), err
	}
	return d.ringIn(callee)
}

// unreached is the DIALSTATUS of a callee that was not dialled.
func (d *dialling) unreached() string {
	if d.caller.Gone {
		return statusCancel
	}
	return statusUnavailable
}

// ringIn dials the callee, unless that was done, and brings it together with the caller.
func (d *dialling) ringIn(callee *calls.Leg) (*calls.Leg, string, error) {
	ring := d.ringInside
	if !callee.Phone() {
		ring = d.ringApart
	}
	if err := ring(callee); err != nil {
		return nil, "", err
	}
	switch {
	case d.verdict != "":
		return nil, d.verdict, nil
	case d.caller.Gone:
		return nil, statusCancel, nil
	case callee.Up():
		return callee, statusAnswer, nil
	}
	next, err := d.follow(callee)
	switch {
	case err != nil:
		return nil, "", err
	case next != nil:
		return d.ringIn(next)
	}
	return nil, d.statusOf(callee), nil
}

// ringInside puts the callee into the caller's bridge, dials it there, unless that was done, and waits for what comes of it.
func (d *dialling) ringInside(callee *calls.Leg) error {
	join := d.dialInside
	if callee.Called {
		join = func(callee *calls.Leg) error { return d.bridge(d.caller, callee) }
	}
	if err := join(callee); err != nil || d.caller.Gone {
		return err
	}
	return d.await([]*calls.Leg{callee}, func() bool { return d.caller.Gone || callee.Failed() || callee.Up() })
}

// dialInside tells the caller's channel of the dial, puts both into the bridge, and dials: each when the one before has been answered.
func (d *dialling) dialInside(callee *calls.Leg) error {
	if err := errors.Join(d.takeKept()(), d.haveBridge()); err != nil || d.caller.Gone {
		return err
	}
	vars, pushes := d.toldOfDial(callee), 0
	if d.pushed == 0 {
		maps.Copy(vars, d.safe(true))
		pushes = 1
	}
	d.pushed += pushes
	joining, dial := d.call.JoiningAll(d.caller, callee), d.calling(callee)
	err := d.t.Do(d.caller.Lane(), d.telling(vars).Alone(), joining.Request(), calls.Then(callee.Lane(), dial))
	switch failed := joining.Over(d.t); {
	case !failed && err != nil && !callee.Bridged(): // the caller's channel has not been told
		d.pushed -= pushes
	case failed && d.caller.Gone:
		err = nil
	case failed && !errors.Is(err, calls.ErrUnavailable): // one of them can be there
		if err = d.t.JoinEach(d.caller, callee); err == nil && !d.caller.Gone {
			err = d.t.Do(callee.Lane(), dial.Alone())
		}
	}
	return err
}

// dialOne dials a single callee outside of the caller's bridge, unless that was done.
func (d *dialling) dialOne(callee *calls.Leg) error {
	if callee.Called {
		return nil
	}
	return d.t.Step(d.caller.Lane(), d.telling(d.toldOfDial(callee)), calls.Then(callee.Lane(), d.calling(callee)))
}

// toldOfDial is what the caller's channel is told before a single callee is dialled.
func (d *dialling) toldOfDial(callee *calls.Leg) map[string]string {
	vars := d.dialVars()
	if d.made = d.args.elsewhere; !d.made {
		vars[calls.VarPartner] = callee.Name
	}
	return vars
}
