package actions

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"metaflows/flows"
)

// giveBack ends a call whose callee was not reached: the caller goes on at the next priority with DIALSTATUS.
func (d *dialling) giveBack(status string) error {
	d.t.EndOthers()
	d.started()
	reason := reasons[status]
	if status == statusNoAnswer && slices.ContainsFunc(d.call.Left(), func(l *flows.Leg) bool { return l.Forward != "" }) {
		reason = "redirected"
	}
	for _, leg := range d.call.Peers(d.caller) {
		d.quietly(func() error { return d.pbx.Hangup(leg.ID, causeNormal) }, "ending a callee that was not reached")
	}
	if !d.caller.Gone {
		vars := map[string]string{"DIALSTATUS": status}
		if d.own != nil {
			maps.Copy(vars, d.restore())
		}
		d.leave(d.caller, vars)
	}
	d.close(reason)
	return nil
}

// hangUp ends an answered call: who is left is hung up, a caller with option g goes on in the dialplan.
func (d *dialling) hangUp(ended time.Time) error {
	d.t.EndOthers()
	for _, leg := range d.call.Peers(nil) {
		if leg.Goes {
			d.leave(leg, map[string]string{
				"DIALSTATUS":            statusAnswer,
				"DIALEDTIME":            strconv.Itoa(int(ended.Sub(d.began).Seconds())),
				"ANSWEREDTIME":          strconv.Itoa(int(ended.Sub(leg.Answered).Seconds())),
				"METAFLOWS_HANGUPCAUSE": strconv.Itoa(d.lastCause()),
			})
			continue
		}
		d.quietly(func() error { return d.pbx.Hangup(leg.ID, causeNormal) }, "hanging up who is left")
	}
	d.close("hangup")
	return nil
}

// lastCause is the Q.850 cause of the leg that hung up.
func (d *dialling) lastCause() int {
	if left := d.call.Left(); len(left) > 0 {
		leg := left[len(left)-1]
		if d.awaitCause(leg); leg.Cause != 0 {
			return leg.Cause
		}
	}
	return causeNormal
}

// leave gives the caller back to the dialplan, without anything of ours but what vars says.
func (d *dialling) leave(leg *flows.Leg, vars map[string]string) {
	_ = d.t.Part(leg)
	for _, name := range []string{"METAFLOWS_CALL", "METAFLOWS_ROLE", "METAFLOWS_STATE", "METAFLOWS_PARTNER"} {
		vars[name] = ""
	}
	if d.own != nil {
		vars["CHANNEL(hangup_handler_pop)"] = ""
	}
	d.quietly(func() error { return d.pbx.SetVariables(leg.ID, vars) }, "preparing the caller for the dialplan")
	d.quietly(func() error { return d.pbx.Continue(leg.ID) }, "giving the caller back to the dialplan")
}

// close removes the bridge and tells that the call is over.
func (d *dialling) close(reason string) {
	d.t.Quiet()
	d.quietly(func() error { return d.pbx.DeleteBridge(d.call.Bridge) }, "removing the bridge")
	var talked time.Duration
	if !d.caller.Answered.IsZero() {
		talked = time.Since(d.caller.Answered)
	}
	d.t.PublishAll("call.ended", func(n *flows.Notice) {
		n.Reason, n.Duration = reason, talked.Milliseconds()
	})
}

// abandon ends a call that cannot be handled because of err: the process stops, or Asterisk refuses. In the first case
// nothing is touched.
func (d *dialling) abandon(err error) error {
	if d.t.Ending() != nil {
		return err
	}
	if gone(err) { // the caller is: nobody else's absence is an error
		return d.giveBack(statusCancel)
	}
	d.call.Log.Error("the call could not be dialled", "channel", d.caller.Name, "error", err)
	return d.giveBack(statusUnavailable)
}

// keep answers a channel that came alone and keeps it until it hangs up.
func (s *Set) keep(t *flows.Task, leg *flows.Leg) error {
	t.PublishAll("call.started", func(*flows.Notice) {})
	if err := s.pbx.Answer(leg.ID); err != nil && !gone(err) {
		return err
	}
	if err := s.bridgeLegs(t.Call, leg); err != nil {
		return err
	}
	defer s.quietly(func() error { return s.pbx.DeleteBridge(t.Call.Bridge) }, "removing the bridge")
	leg.Answered = time.Now()
	t.Call.Open()
	t.PublishAll("call.answered", func(*flows.Notice) {})
	if err := t.Until(0, func() bool { return leg.Gone }); err != nil {
		return err
	}
	t.EndOthers()
	t.PublishAll("call.ended", func(n *flows.Notice) {
		n.Reason, n.Duration = "hangup", time.Since(leg.Answered).Milliseconds()
	})
	return nil
}
