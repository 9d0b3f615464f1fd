package actions

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"metaflows/flows/calls"
)

// refuse ends a call with which nothing is done because of what parseDial says.
func (d *dialling) refuse(err error) error {
	if errors.Is(err, errNobody) {
		d.call.Log.Info("nothing is dialled", "channel", d.caller.Label(), "error", err)
		return d.giveBack(statusUnavailable)
	}
	d.call.Log.Error("the dialplan's Stasis() arguments are not understood: nothing is dialled", "channel", d.caller.Label(), "error", err,
		"do", "correct that line of extensions.conf: asterisk-conf/README.md says what is accepted")
	return d.giveBack(statusInvalid)
}

// giveBack ends a call whose callee was not reached: the caller goes on at the next priority with DIALSTATUS.
func (d *dialling) giveBack(status string) error {
	d.t.EndOthers()
	d.started()
	reason := reasons[status]
	if status == statusNoAnswer && slices.ContainsFunc(d.unfollowed(), redirected) {
		reason = "redirected"
	}
	cause := causeNormal
	if d.args.elsewhere {
		cause = calls.CauseAnsweredElsewhere
	}
	learned := d.hangupCause()
	d.each(d.caller, func(leg *calls.Leg) { d.hangUpWith(d.t, leg, cause, "ending a callee that was not reached") })
	if !d.caller.Gone {
		vars := map[string]string{"DIALSTATUS": status}
		if d.pushed > 0 {
			maps.Copy(vars, d.restore())
		} else {
			if d.own == nil || d.own[earlierCall] != "" {
				for _, name := range ofEarlierCall {
					vars[name] = ""
				}
			}
			if d.tried {
				vars[pushHandler] = orphanHandler
			} else {
				learned = 0
			}
		}
		vars["METAFLOWS_HANGUPCAUSE"] = strconv.Itoa(learned)
		d.leave(d.caller, vars)
	}
	d.close(reason)
	return nil
}

// hangUp ends an answered call: who is left is hung up, a caller with option g goes on in the dialplan.
func (d *dialling) hangUp(ended time.Time) error {
	d.t.EndOthers()
	left := d.call.Left()
	d.untie()
	d.each(nil, func(leg *calls.Leg) {
		switch {
		case leg.Goes:
			d.leave(leg, map[string]string{
				"DIALSTATUS":            statusAnswer,
				"DIALEDTIME":            strconv.Itoa(int(ended.Sub(d.began).Seconds())),
				"ANSWEREDTIME":          strconv.Itoa(int(ended.Sub(leg.Answered).Seconds())),
				"METAFLOWS_HANGUPCAUSE": strconv.Itoa(d.causeOf(left)),
			})
		case leg.Ending && d.t.Until(time.Second, func() bool { return leg.Gone }) == nil:
		default:
			d.Set.hangUp(d.t, leg, "hanging up who is left")
		}
	})
	if d.call.Overdue() {
		d.close("time_limit")
	} else {
		d.close("hangup")
	}
	return nil
}

// each does something once with every leg that is on the call, but one; and again where another channel takes the leg's place
// meanwhile.
func (d *dialling) each(but *calls.Leg, do func(*calls.Leg)) {
	done := map[string]bool{}
	for {
		n := slices.IndexFunc(d.call.Legs, func(l *calls.Leg) bool { return l != but && !done[l.ID] })
		if n < 0 {
			return
		}
		leg := d.call.Legs[n]
		done[leg.ID] = true
		do(leg)
	}
}

// untie sees to it that who has left the application and lives, since somebody has redirected it, does not end with those
// who are left here: their hangup handlers would end it.
func (d *dialling) untie() {
	if !d.takenAway && !slices.ContainsFunc(d.call.Left(), d.lives) {
		return
	}
	d.each(nil, func(leg *calls.Leg) {
		d.quietly(func() error { return d.set(d.t, leg, map[string]string{calls.VarPartner: ""}) }, "untying who is left")
	})
}

// lives says whether a leg that has left the application has a channel still.
func (d *dialling) lives(leg *calls.Leg) bool {
	if leg.Cause != 0 || leg.Ending {
		return false
	}
	_, err := d.variables(d.t, leg, calls.VarPartner)
	return err == nil || errors.Is(err, calls.ErrConflict)
}

// causeOf is the Q.850 cause of the leg that has left last.
func (d *dialling) causeOf(left []*calls.Leg) int {
	if len(left) > 0 {
		leg := left[len(left)-1]
		if d.awaitCause(leg); leg.Cause != 0 {
			return leg.Cause
		}
	}
	return causeNormal
}

// leave gives the caller back to the dialplan, without anything of ours but what vars says and one hangup handler, which
// tells the phone of a caller that was not answered why (METAFLOWS_HANGUPCAUSE), as Asterisk does it after Dial(). One
// request empties the rest, and says that the caller is on its way, so that a restart does not take it for a new one.
func (d *dialling) leave(leg *calls.Leg, vars map[string]string) {
	_ = d.t.Part(leg)
	d.t.Unclaim(leg)
	d.popHandlers(d.pushed - 1)
	for _, name := range []string{calls.VarCall, calls.VarRole, calls.VarState, calls.VarPartner, calls.VarDialled} {
		vars[name] = ""
	}
	maps.Copy(vars, d.unsetPredial())
	vars[calls.VarReturning] = calls.Returning
	err := d.insist(d.t, func() error { return d.set(d.t, leg, vars) }, "preparing the caller for the dialplan")
	if err == nil {
		err = d.insist(d.t, func() error { return ask(d.t, leg, d.pbx.Continue) }, "giving the caller back to the dialplan")
	}
	if err != nil {
		d.Set.hangUp(d.t, leg, "hanging up a caller that cannot go on")
	}
}

// popHandlers takes the last handlers that we pushed off the caller. Below them are somebody else's, so none is taken off
// twice: where Asterisk has not answered, it is asked for the state that goes with each before that is tried again.
func (d *dialling) popHandlers(n int) {
	for range n {
		d.pushed--
		asked := false
		err := d.insist(d.t, func() error {
			if asked {
				if done, err := d.kept(); done || err != nil {
					return err
				}
			}
			asked = true
			return d.tell(map[string]string{popHandler: ""})
		}, "taking a hangup handler off the caller")
		switch {
		case errors.Is(err, calls.ErrUnavailable): // it may be off: rather one of ours stays than somebody else's goes
			return
		case err != nil:
			d.pushed++
			return
		}
	}
}

// kept says whether the caller's channel has the state that was written last.
func (d *dialling) kept() (bool, error) {
	state, err := d.call.State(d.caller)
	if err != nil {
		return false, err
	}
	vars, err := d.variables(d.t, d.caller, calls.VarState)
	return vars[calls.VarState] == state, err
}

// close removes the bridge and tells that the call is over.
func (d *dialling) close(reason string) {
	d.t.Quiet()
	d.deleteBridge(d.t, d.call.Bridge, "removing the bridge")
	var talked time.Duration
	if !d.answeredAt.IsZero() {
		talked = time.Since(d.answeredAt)
	}
	d.t.PublishAll("call.ended", func(n *calls.Notice) {
		n.Reason, n.Duration = reason, talked.Milliseconds()
	})
}

// abandon ends a call that cannot be handled because of err: the process stops, or Asterisk refuses. In the first case
// nothing is touched.
func (d *dialling) abandon(err error) error {
	if d.t.Ending() != nil || errors.Is(err, calls.ErrDetached) {
		return err
	}
	if gone(err) { // the caller is: nobody else's absence is an error
		return d.giveBack(statusCancel)
	}
	d.call.Log.Error("the call could not be dialled", "channel", d.caller.Label(), "error", err,
		"do", "see by metaflows doctor whether Asterisk answers, and what its own log says at this time")
	return d.giveBack(statusUnavailable)
}

// keep answers a channel that came alone and keeps it until it hangs up.
func (d *dialling) keep() error {
	d.started()
	if err := d.prepare(false); err != nil {
		return d.abandon(err)
	}
	return d.lone()
}

// lone answers and keeps a channel that is prepared.
func (d *dialling) lone() error {
	err := ask(d.t, d.caller, d.pbx.Answer)
	if err == nil {
		err = d.bridge(d.caller)
	}
	if err == nil && d.caller.Answered.IsZero() {
		d.caller.Answered = time.Now()
		err = d.tell(nil)
	}
	if err != nil {
		return d.abandon(err)
	}
	d.answeredAt = d.caller.Answered
	d.call.Open()
	d.t.Announce(d.caller, nil)
	d.t.PublishAll("call.answered", func(*calls.Notice) {})
	return d.stay()
}

// stay keeps a channel that is alone until it hangs up.
func (d *dialling) stay() error {
	return d.t.Rest(func() bool { return d.caller.Gone }, func(*calls.Task) error { return d.hangUp(time.Now()) })
}
