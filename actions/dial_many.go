package actions

import (
	"errors"
	"slices"
	"sync"

	"metaflows/flows/calls"
)

// ringAll dials outside of the bridge: several callees at once, or one while the caller hears ringing or music instead of
// what the callee sends. The first answer joins, the others are cancelled as answered elsewhere; one that cannot be
// dialled does not fail the others.
func (d *dialling) ringAll() (*calls.Leg, string, error) {
	stop, err := d.entertain()
	if err != nil {
		return nil, "", err
	}
	var rung []*calls.Leg
	for _, target := range d.args.targets {
		callee, err := d.callee(target)
		if err != nil {
			stop()
			return nil, "", err
		}
		if d.caller.Gone {
			stop()
			return nil, statusCancel, nil
		}
		if callee == nil {
			continue
		}
		rung = append(rung, callee)
		if err := d.attach(callee); err != nil {
			stop()
			return nil, "", err
		}
	}
	if rung, err = d.runCalleePredials(d.connectAside, rung...); err != nil {
		stop()
		return nil, "", err
	}
	d.made = true
	if err := d.tell(d.dialVars()); err != nil {
		stop()
		return nil, "", err
	}
	return d.ringThem(rung, stop)
}

// ringThem dials those that have not been dialled and waits for the first answer; stop ends what the caller hears
// meanwhile.
func (d *dialling) ringThem(rung []*calls.Leg, stop func()) (*calls.Leg, string, error) {
	stop = sync.OnceFunc(stop)
	defer stop()
	for _, callee := range rung {
		if d.caller.Gone || slices.ContainsFunc(rung, (*calls.Leg).Up) { // meanwhile
			break
		}
		if err := d.ringBeside(callee); err != nil {
			return nil, "", err
		}
	}
	first, err := d.awaitFirst(rung)
	if err != nil {
		return nil, "", err
	}
	if first == nil || d.args.calledSound == "" || d.args.callingSound != "" { // else the caller hears ringing meanwhile
		stop()
	}
	if d.verdict != "" {
		return nil, d.verdict, nil
	}
	if d.caller.Gone {
		return nil, statusCancel, nil
	}
	if first == nil {
		return nil, d.worst(rung), nil
	}
	if err := d.tell(map[string]string{calls.VarPartner: first.Name}); err != nil {
		return nil, "", err
	}
	d.popHandlers(d.pushed - 1) // no cancelled callee counts any more
	for _, callee := range rung {
		if callee != first {
			d.dismiss(callee)
		}
	}
	if err := d.introduce(first); err != nil {
		return nil, "", err
	}
	if d.caller.Gone {
		return nil, statusCancel, nil
	}
	stop()
	return first, statusAnswer, d.bridge(d.caller, first)
}

// attach lets a callee end with the caller, but with option c.
func (d *dialling) attach(callee *calls.Leg) error {
	if d.args.elsewhere {
		return nil
	}
	d.pushed++
	err := d.tell(map[string]string{pushHandler: orphanHandler + "(" + callee.Name + ")"})
	if err != nil {
		d.pushed--
	}
	return err
}

// ringBeside dials a callee outside of the bridge, unless that was done. An error is only the call's end.
func (d *dialling) ringBeside(callee *calls.Leg) error {
	if callee.Called {
		return nil
	}
	err := d.t.Do(callee.Lane(), d.calling(callee).Alone())
	if err == nil {
		return nil
	}
	if d.t.Ending() != nil || errors.Is(err, calls.ErrDetached) {
		return err
	}
	d.call.Log.Error("a callee cannot be dialled", "dialstring", callee.Dialled, "error", err,
		"do", "see what Asterisk's own log says at this time; the others ring")
	d.quietly(func() error { return d.t.Do(callee.Lane(), d.hangingUp(callee).Alone()) }, "ending a callee that cannot be dialled")
	return nil
}

// calling is the request that dials a callee. That it is gone is an outcome of the dial.
func (d *dialling) calling(callee *calls.Leg) calls.Sending {
	channel, shown, ring := callee.ID, d.shownVars(), d.ringUp(callee, d.caller, d.rings())
	return unlessGoneInTurn(func(turn *calls.Turn) error {
		if shown != nil {
			if err := d.pbx.In(turn.First()).SetVariables(channel, shown); err != nil {
				return err
			}
		}
		return ring(turn)
	})
}

// awaitFirst waits until one of the callees answers, all have failed or the caller has gone; nil but for an answer. Who is
// called in the place of one that redirects is among them.
func (d *dialling) awaitFirst(rung []*calls.Leg) (first *calls.Leg, err error) {
	for {
		err := d.await(rung, func() bool {
			left := len(rung)
			for _, callee := range rung {
				if callee.Up() {
					first = callee
				}
				if callee.Failed() {
					left--
				}
			}
			return d.caller.Gone || first != nil || left == 0 || slices.ContainsFunc(rung, d.pointsOn)
		})
		if err != nil || d.verdict != "" || d.caller.Gone || first != nil {
			return first, err
		}
		n := slices.IndexFunc(rung, d.pointsOn)
		if n < 0 {
			return nil, nil
		}
		from := rung[n]
		next, err := d.follow(from)
		if err != nil {
			return nil, err
		}
		if next == nil {
			continue
		}
		rung[n] = next
		d.divert(from)
		if err := d.attach(next); err != nil {
			return nil, err
		}
		if err := d.ringBeside(next); err != nil {
			return nil, err
		}
	}
}

// dismiss cancels a callee that another one was faster than. An account that had nobody else on the call learns it.
func (d *dialling) dismiss(callee *calls.Leg) {
	if !callee.Gone {
		d.quietly(func() error {
			return ask(d.t, callee, func(channel string) error { return d.pbx.Hangup(channel, d.args.others) })
		}, "cancelling another callee")
	}
	n := d.call.NoticeAbout(callee, "call.ended")
	n.Reason = "answered_elsewhere"
	d.call.Drop(callee)
	if !slices.Contains(d.call.Accounts(), n.Account) {
		n.ID = calls.CallEventID(d.call.ID, "call.ended", n.Account)
		d.t.Publish(n)
	}
}

// entertain lets the caller hear ringing or music while it waits; the result ends it.
func (d *dialling) entertain() (stop func(), err error) {
	if !d.args.music {
		return d.hush, ask(d.t, d.caller, d.pbx.Ring)
	}
	if err := ask(d.t, d.caller, d.pbx.Progress); err != nil {
		return nil, err
	}
	return d.hush, ask(d.t, d.caller, func(channel string) error { return d.pbx.StartMOH(channel, d.args.class) })
}

// hush ends what the caller hears while it waits.
func (d *dialling) hush() {
	if d.args.music {
		d.quietly(func() error { return ask(d.t, d.caller, d.pbx.StopMOH) }, "ending the music")
		return
	}
	d.quietly(func() error { return ask(d.t, d.caller, d.pbx.StopRinging) }, "ending the ringing")
}

// worst is the DIALSTATUS when none of the callees was reached.
func (d *dialling) worst(rung []*calls.Leg) string {
	statuses := make([]string, 0, len(rung))
	for _, callee := range rung {
		d.awaitCause(callee)
		statuses = append(statuses, d.statusOf(callee))
	}
	return worst(statuses)
}
