package actions

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"metaflows/flows"
)

// enterWait is how long a channel that we made may take to enter the application; it takes about a millisecond.
const enterWait = 5 * time.Second

// guardTime is what a call that is being dialled has beyond its dial time if the application hangs meanwhile.
const guardTime = 10 * time.Second

// orphanHandler hangs up the channel in METAFLOWS_PARTNER, or the one in its argument, when its own channel ends: it acts
// also when the application does not (asterisk-conf ships it).
const orphanHandler = "metaflows-orphan,s,1"

// dialling is one Stasis(metaflows,dial,...) on its way.
type dialling struct {
	*Set
	t      *flows.Task
	call   *flows.Call
	caller *flows.Leg
	args   dialArgs
	own    map[string]string // the caller's values that are put back
	began  time.Time
	pushed int // hangup handlers of ours on the caller's channel
}

// dial rings the callees, bridges the one that answers first, and stays until the call is over.
func (d *dialling) dial(words []string) error {
	t, caller := d.t, d.caller
	var err error
	if d.args, err = parseDial(words); err != nil {
		t.Call.Log.Error("the dialplan's Stasis() arguments are not understood: nothing is dialled", "channel", caller.Name, "error", err)
		return d.giveBack(statusInvalid)
	}
	if err := d.prepare(true); err != nil {
		return d.abandon(err)
	}
	if !caller.Outsider() { // else the callee's account decides where its story is told
		d.started()
	}
	var callee *flows.Leg
	var status string
	if len(d.args.targets) == 1 && !d.args.ringing && !d.args.music {
		callee, status, err = d.ringOne()
	} else {
		callee, status, err = d.ringAll()
	}
	if err != nil {
		return d.abandon(err)
	}
	if callee == nil {
		return d.giveBack(status)
	}
	if err := d.answered(callee); err != nil {
		return d.abandon(err)
	}
	if err := t.Until(0, t.Call.Over); err != nil {
		return err
	}
	return d.hangUp(time.Now())
}

// prepare reads what the caller brings and makes its channel safe to leave alone, or to leave ringing.
func (d *dialling) prepare(rings bool) error {
	var err error
	d.own, err = d.pbx.Variables(d.caller.ID, "TRANSFER_CONTEXT", "CHANNEL(callgroup)", "CHANNEL(namedcallgroup)",
		"TIMEOUT(absolute)", "CHANNEL(linkedid)")
	if err != nil {
		return err
	}
	d.caller.LinkedID = d.own["CHANNEL(linkedid)"]
	if d.caller.Context == "" && !d.caller.Outsider() {
		d.caller.Context = firstOf(d.own["TRANSFER_CONTEXT"], d.caller.Channel.Context)
	}
	vars := map[string]string{
		"METAFLOWS_CALL": d.call.ID, "METAFLOWS_ROLE": flows.RoleCaller, "CHANNEL(hangup_handler_push)": orphanHandler,
	}
	if rings {
		guard := d.args.seconds + guardTime
		if own := d.ownTimeout(); own > 0 {
			guard = min(guard, own)
		}
		for _, name := range []string{"DIALEDPEERNAME", "DIALEDTIME", "ANSWEREDTIME", "METAFLOWS_ANSWERED", "METAFLOWS_HANGUPCAUSE"} {
			vars[name] = "" // an earlier call's
		}
		vars["DIALSTATUS"] = statusCancel
		vars["CHANNEL(callgroup)"] = "" // else a pickup takes the caller instead of the ringing phone (ari-facts 14)
		vars["CHANNEL(namedcallgroup)"] = ""
		vars["TIMEOUT(absolute)"] = seconds(guard)
	}
	if err := d.pbx.SetVariables(d.caller.ID, vars); err != nil {
		return err
	}
	d.pushed++
	return nil
}

// ownTimeout is what was left of the caller's own TIMEOUT(absolute) when it came, 0 for none.
func (d *dialling) ownTimeout() time.Duration {
	s, err := strconv.ParseFloat(d.own["TIMEOUT(absolute)"], 64)
	if err != nil || s <= 0 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// restore is what puts the caller's own values back.
func (d *dialling) restore() map[string]string {
	rest := "0"
	if own := d.ownTimeout(); own > 0 {
		rest = seconds(max(time.Second, own-time.Since(d.began)))
	}
	return map[string]string{
		"TIMEOUT(absolute)":       rest,
		"CHANNEL(callgroup)":      d.own["CHANNEL(callgroup)"],
		"CHANNEL(namedcallgroup)": d.own["CHANNEL(namedcallgroup)"],
	}
}

// callee makes the channel of a dialstring and waits until it is in the application. A nil leg without an error says that
// it cannot be dialled.
func (d *dialling) callee(target string) (*flows.Leg, error) {
	leg, err := d.outbound(d.t, target, d.caller.ID, flows.RoleCallee, nil)
	if err != nil {
		if ending := d.t.Ending(); ending != nil {
			return nil, ending
		}
		d.call.Log.Info("a callee cannot be dialled", "dialstring", target, "error", err)
		return nil, nil
	}
	leg.LinkedID = d.caller.LinkedID
	d.started()
	return leg, nil
}

// started tells every account on the call, once, that there is one.
func (d *dialling) started() { d.t.PublishAll("call.started", func(*flows.Notice) {}) }

// outbound makes a channel of ours, waits until it is in the application and makes it a leg of the call.
func (s *Set) outbound(t *flows.Task, target, originator, role string, variables map[string]string) (*flows.Leg, error) {
	id := t.Call.Name(flows.ArgLeg)
	spec := flows.ChannelSpec{ID: id, Endpoint: target, Originator: originator, Args: []string{t.Call.ID}, Variables: map[string]string{
		"METAFLOWS_CALL": t.Call.ID, "METAFLOWS_ROLE": role, "CHANNEL(hangup_handler_push)": orphanHandler,
	}}
	maps.Copy(spec.Variables, variables)
	var entered *flows.Started
	if err := s.pbx.CreateChannel(spec); err != nil {
		if errors.Is(err, flows.ErrUnavailable) { // it may be there all the same, or come yet: then it is a stray
			s.quietly(func() error { return s.pbx.Hangup(id, 0) }, "ending a channel that may have been made")
		}
		return nil, err
	}
	err := t.AwaitFor(enterWait, func(ev flows.Event) bool {
		switch ev := ev.(type) {
		case flows.Started:
			if ev.Channel.ID == id {
				entered = &ev
			}
		case flows.Destroyed:
			return ev.Channel == id
		}
		return entered != nil
	})
	if entered == nil {
		s.quietly(func() error { return s.pbx.Hangup(id, 0) }, "ending a channel that never entered")
		if err == nil {
			err = flows.ErrGone
		}
		return nil, fmt.Errorf("%s did not enter the application: %w", target, err)
	}
	leg := flows.NewLeg(entered.Channel, role)
	leg.Dialled = target
	if leg.Context == "" && !leg.Outsider() {
		own, err := s.pbx.Variables(id, "TRANSFER_CONTEXT")
		if err != nil && !gone(err) {
			s.drop(t, id, "ending a channel that cannot be asked")
			return nil, err
		}
		leg.Context = own["TRANSFER_CONTEXT"]
	}
	t.Call.Add(leg)
	return leg, nil
}

// ringOne dials a single callee inside the bridge: ringing, early media and the answer reach the caller without us, also
// if we die meanwhile (design 6, Dialling).
func (d *dialling) ringOne() (*flows.Leg, string, error) {
	callee, err := d.callee(d.args.targets[0])
	if callee == nil {
		return nil, statusUnavailable, err
	}
	if err := d.bridge(d.caller, callee); err != nil {
		return nil, "", err
	}
	if err := d.pbx.SetVariables(d.caller.ID, map[string]string{"METAFLOWS_PARTNER": callee.Name}); err != nil {
		return nil, "", err
	}
	if err := d.pbx.DialChannel(callee.ID, d.caller.ID, d.args.seconds); err != nil && !gone(err) {
		return nil, "", err
	}
	if err := d.t.Until(d.args.seconds+guardTime, func() bool { return d.caller.Gone || callee.Failed() || callee.Up() }); err != nil {
		return nil, "", err
	}
	switch {
	case d.caller.Gone:
		return nil, statusCancel, nil
	case callee.Up():
		return callee, statusAnswer, nil
	}
	d.awaitCause(callee)
	return nil, d.statusOf(callee), nil
}

// awaitCause waits for the cause of a leg that has left: Asterisk tells it right after.
func (d *dialling) awaitCause(leg *flows.Leg) {
	_ = d.t.Until(time.Second, func() bool { return leg.Cause != 0 })
}

// statusOf is how a callee ended; a redirection is told.
func (d *dialling) statusOf(leg *flows.Leg) string {
	if redirected(leg) {
		d.call.Log.Info("the callee redirects; following it is not built", "dialstring", leg.Dialled)
	}
	return statusOf(leg)
}

// bridge makes the call's bridge and puts legs into it.
func (s *Set) bridgeLegs(call *flows.Call, legs ...*flows.Leg) error {
	call.Register(call.Bridge)
	if err := s.pbx.CreateBridge(call.Bridge); err != nil {
		return err
	}
	for _, leg := range legs {
		if err := call.Join(leg); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func (d *dialling) bridge(legs ...*flows.Leg) error { return d.bridgeLegs(d.call, legs...) }

// answered tells both channels what the dialplan and a restart must know, and lets codes work.
func (d *dialling) answered(callee *flows.Leg) error {
	now := time.Now()
	callee.Answered, d.caller.Answered = now, now
	d.caller.Goes = d.args.goOn
	d.call.Open()
	// An answer is not passed on by a bridge that is no simple one; when it was, this changes nothing (ari-facts 2.2).
	err := d.insist(d.t, func() error { return d.pbx.Answer(d.caller.ID) }, "answering the caller")
	d.t.PublishAll("call.answered", func(n *flows.Notice) { n.Duration = now.Sub(d.began).Milliseconds() })
	if err != nil {
		return err
	}
	if !d.args.goOn {
		if err := d.insist(d.t, func() error {
			return d.pbx.SetVariables(callee.ID, map[string]string{"METAFLOWS_PARTNER": d.caller.Name})
		}, "naming the partner"); err != nil {
			return err
		}
	}
	vars := d.restore()
	vars["METAFLOWS_PARTNER"] = callee.Name
	vars["DIALSTATUS"] = statusAnswer
	vars["DIALEDPEERNAME"] = callee.Name
	vars["METAFLOWS_ANSWERED"] = strconv.FormatInt(now.Unix(), 10)
	return d.insist(d.t, func() error { return d.pbx.SetVariables(d.caller.ID, vars) }, "telling the caller's channel of the answer")
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// seconds writes a time as Asterisk reads it in TIMEOUT(absolute).
func seconds(d time.Duration) string {
	return strconv.FormatFloat(math.Ceil(d.Seconds()*1000)/1000, 'f', -1, 64)
}
