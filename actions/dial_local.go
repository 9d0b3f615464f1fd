package actions

import (
	"maps"
	"strings"

	"metaflows/flows/calls"
)

// An extension that is called through a Local channel may say that it is busy and stay, as with Busy() and Congestion(). A
// bridge of two passes that on, which ends a caller that is not answered (ari/ASTERISK.md, Create and dial). So such a callee
// is dialled apart, and what the caller would hear of it there is passed on by us.

// ringApart dials a callee in a bridge of its own, unless that was done, waits for what comes of it, and brings the
// two together at the answer.
func (d *dialling) ringApart(callee *calls.Leg) error {
	ring := func() error {
		if err := d.hearApart(callee); err != nil || d.verdict != "" || d.caller.Gone || !callee.Up() || callee.Bridged() {
			return err
		}
		return d.bridge(d.caller, callee)
	}
	if callee.Called {
		return ring()
	}
	// In no bridge the cause with which it ends at once would often be lost.
	return d.aside("removing the bridge of a callee that is alone", func(bridge string) error {
		err := ask(d.t, callee, func(channel string) error { return d.pbx.AddToBridge(bridge, channel, false) })
		if err != nil && !gone(err) {
			return err
		}
		return ring()
	})
}

// aside uses a bridge that is not the call's, and removes it when use has returned.
func (d *dialling) aside(removing string, use func(bridge string) error) error {
	bridge := d.call.Name(strings.TrimSuffix(calls.BridgePrefix, "-"))
	if err := d.createBridge(d.t, bridge); err != nil {
		return err
	}
	defer d.deleteBridge(d.t, bridge, removing)
	return use(bridge)
}

// hearApart is ringApart until the answer.
func (d *dialling) hearApart(callee *calls.Leg) error {
	over := func() bool { return d.caller.Gone || callee.Failed() || callee.Up() }
	adopted := callee.Called // nobody knows what was told while no process was there
	if err := d.dialOne(callee); err != nil {
		return err
	}
	d.apart = true
	if !callee.Bridged() {
		err := d.await([]*calls.Leg{callee}, func() bool { return over() || callee.Heard || adopted })
		if err != nil || d.verdict != "" || over() {
			return err
		}
		if err := d.ringCaller(callee, over); err != nil || d.verdict != "" || over() {
			return err
		}
		if err := ask(d.t, d.caller, d.pbx.Progress); err != nil {
			return err
		}
	}
	return d.hearEarly(callee, over)
}

// ringCaller lets the caller hear ringing until there is early media, or the ringing is over.
func (d *dialling) ringCaller(callee *calls.Leg, over func() bool) error {
	if callee.Early {
		return nil
	}
	defer d.hush()
	if err := ask(d.t, d.caller, d.pbx.Ring); err != nil {
		return err
	}
	return d.await([]*calls.Leg{callee}, func() bool { return over() || callee.Early })
}

// hearEarly brings caller and callee together before the answer, in a bridge with a third that is silent: one that mixes passes
// on what is said and nothing else. Where there can be none the caller waits for the answer.
func (d *dialling) hearEarly(callee *calls.Leg, over func() bool) error {
	await := func() error { return d.await([]*calls.Leg{callee}, over) }
	spec, err := d.extra()
	if err != nil {
		return err
	}
	mixes := false
	_, err = d.borrow(d.t, spec, func(third *calls.Channel) error {
		if err := d.bridge(); err != nil {
			return err
		}
		if err := d.addToBridge(d.t, d.call.Bridge, third.ID); err != nil {
			return err
		}
		mixes = true
		if err := d.bridge(d.caller, callee); err != nil {
			return err
		}
		return await()
	})
	if err == nil || mixes || d.t.Ending() != nil {
		return err
	}
	d.call.Log.Info("a caller does not hear its callee before the answer", "channel", d.caller.Label(), "error", err)
	return await()
}

// extra is a channel that is there to be in a bridge with others, and is never dialled.
func (d *dialling) extra() (calls.ChannelSpec, error) {
	id := d.call.Name(calls.ArgLeg)
	state, err := d.call.FirstState(id, "", d.caller.LinkedID)
	spec := calls.ChannelSpec{ID: id, Endpoint: "Local/s@" + predialContext + "/n", Originator: d.caller.ID, Variables: map[string]string{
		calls.VarCall: d.call.ID, calls.VarRole: roleExtra, calls.VarState: state,
	}}
	maps.Copy(spec.Variables, unrecorded)
	return spec, err
}
