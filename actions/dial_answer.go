package actions

import (
	"strconv"
	"time"

	"metaflows/flows/calls"
)

// answered tells both channels what the dialplan and a restart must know, and lets codes work. They do from the first moment,
// however long Asterisk takes, so that the two may be parted before it has been told of them.
func (d *dialling) answered(callee *calls.Leg) error {
	now := time.Now()
	d.t.Announce(d.caller, callee) // before the answer can be seen there
	callee.Answered, d.caller.Answered, d.answeredAt = now, now, now
	d.caller.Goes = d.args.goOn
	d.call.Open()
	told := func() {
		d.t.PublishAll("call.answered", func(n *calls.Notice) { n.Time, n.Duration = now, now.Sub(d.began).Milliseconds() })
	}
	d.t.First(told) // before anything that a code does
	// An answer is not passed on by a bridge that is no simple one; when it was, this changes nothing
	// (ari/ASTERISK.md, Create and dial).
	err := d.insist(d.t, func() error { return ask(d.t, d.caller, d.pbx.Answer) }, "answering the caller")
	d.t.First(nil)
	told()
	if err != nil {
		return err
	}
	return d.tellOfAnswer(callee)
}

// tellOfAnswer is what both channels are told, and both parties hear, when a callee has answered.
func (d *dialling) tellOfAnswer(callee *calls.Leg) error {
	sounds := d.soundsOfLimit()
	d.limitTo(callee)
	if err := d.insist(d.t, func() error { return d.save(d.t, callee, d.calleeAnswered(callee, sounds)) }, "telling the callee's channel of the answer"); err != nil {
		return err
	}
	d.tellLimit(callee, sounds, true)
	d.sendDigits(callee)
	return d.tellAnswer(callee.Name, func() bool { return d.together(callee) })
}

// calleeAnswered is what a callee's channel is told of its answer.
func (d *dialling) calleeAnswered(callee *calls.Leg, sounds limitSounds) map[string]string {
	vars := map[string]string{}
	if !d.args.goOn && d.together(callee) {
		vars[calls.VarPartner] = d.caller.Name
	}
	if d.args.elsewhere || d.args.calledSound+d.args.callingSound != "" {
		vars["TIMEOUT(absolute)"] = "0"
	}
	if lasts := d.args.limit.lasts; lasts > 0 {
		if sounds.timeout != "" { // we end it, after the sound, if we are there
			lasts += guardTime
		}
		vars["TIMEOUT(absolute)"] = seconds(lasts)
	}
	return vars
}

// tellAnswer tells the caller's channel that a callee has answered, with which it ends if the two are together then.
func (d *dialling) tellAnswer(callee string, together func() bool) error {
	vars, own := d.restore(), d.own
	vars["DIALSTATUS"] = statusAnswer
	vars["DIALEDPEERNAME"] = callee
	vars["METAFLOWS_ANSWERED"] = strconv.FormatInt(d.answeredAt.Unix(), 10)
	return d.insist(d.t, func() error {
		if delete(vars, calls.VarPartner); together() {
			vars[calls.VarPartner] = callee
		}
		d.untold, d.own = false, nil
		err := d.tell(vars)
		if err != nil { // what else is saved of it is not to say so
			d.untold, d.own = true, own
			d.note()
		}
		return err
	}, "telling the caller's channel of the answer")
}

// together says that the callee talks to the caller. If not, an action is parting them, or has: with whom they end then is
// said by that.
func (d *dialling) together(callee *calls.Leg) bool {
	return d.call.Peer(d.caller) == callee && callee.Bridged() && d.caller.Bridged()
}
