package actions

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"metaflows/flows/calls"
)

// What a transfer may dial (actions/README.md, Blind transfer): anything else could leave the transferor's context, as
// 1@admin/n did.
var (
	targetForm  = regexp.MustCompile(`^[0-9A-Za-z*#+_.-]{1,64}$`)
	contextForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,79}$`)
)

// transferData is the data of Kazoo's schema metaflows.transfer, and the reading of timeout in seconds.
type transferData struct {
	Target       string   `json:"target"`
	Captures     []string `json:"captures"`
	TransferType string   `json:"transfer_type"`
	Timeout      int      `json:"timeout"`
}

// defaultRing is how many seconds a transfer's target and a ring-back ring.
const defaultRing = 20

// reachedTime is how long the call that a transfer has led to may take to say who has answered there. One whose extension
// has answered before it dialled takes as long as it rings.
const reachedTime = time.Second

// transfer sends the peer to an extension of the transferor's context. Blind: the peer stays in its bridge and gets the
// target there by a Local channel (ari/ASTERISK.md, A target in the bridge), so that the transfer can be watched to its end
// and undone.
func (s *Set) transfer() calls.Module {
	m := calls.Define("transfer", transferData{TransferType: "blind", Timeout: defaultRing}, s.runTransfer)
	m.Owned, m.Resume = true, s.resumeTransfer
	m.Serves = []calls.ChannelAction{{Name: "transfer", Reply: "transfer initiated", Bridged: true, Params: []calls.Param{
		{Name: "target", Missing: "No target destination specified"}, {Name: "transfer-type", Key: "transfer_type"}, {Name: "transfer_type"},
		{Name: "moh"}, {Name: "takeback_dtmf"}, {Name: "timeout"},
	}}}
	m.Reasons = calls.Reasons{
		"invalid_target": calls.WrongRequest, "no_context": calls.WrongRequest, "no_extension": calls.WrongRequest,
		"in_progress": calls.WrongMoment, "not_two_legs": calls.WrongMoment,
		"busy": calls.Others, "congestion": calls.Others, "no_answer": calls.Others, "transferee_gone": calls.Others, "unreachable": calls.Others,
	}
	m.Lacks = []calls.Lack{{Key: "transfer_type", Value: "attended", Message: "attended transfers are stored, but this version cannot do them; the action will fail"}}
	return m
}

// blindTransfer is one of them on its way.
type blindTransfer struct {
	*Set
	t          *calls.Task
	call       *calls.Call
	transferor *calls.Leg
	transferee *calls.Leg
	extension  string
	context    string
	number     string // the transferor's own, as far as it may be shown: it has it again when it is rung back
	ring       time.Duration
	resumed    bool // a process before this one began it
}

func (s *Set) runTransfer(t *calls.Task, data transferData) (calls.Next, error) {
	if data.TransferType != "blind" {
		return calls.Stop, calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("transfer_type %q is not built, blind is", data.TransferType))
	}
	captures, err := t.Flow.Captures()
	if err != nil {
		return calls.Stop, err
	}
	release, err := t.Claim()
	if err != nil {
		return calls.Stop, err
	}
	defer release()
	transferor, transferee, err := t.Pair()
	if err != nil {
		return calls.Stop, err
	}
	x := &blindTransfer{
		Set: s, t: t, call: t.Call, transferor: transferor, transferee: transferee, extension: data.extension(captures),
		context: t.Flow.Context(), ring: time.Duration(data.Timeout) * time.Second,
	}
	if x.ring <= 0 {
		x.ring = defaultRing * time.Second
	}
	if err := x.check(); err != nil {
		return calls.Stop, err
	}
	if err := x.ask(); err != nil {
		return calls.Stop, err
	}
	t.Accept(x.extension)
	return calls.Stop, x.run()
}

// extension is where to: the code's capture, else the document's captures, else its target. The schema's default
// ["no_match"] and an empty list count as absent.
func (d transferData) extension(pressed []string) string {
	for _, captures := range [][]string{pressed, d.Captures} {
		if len(captures) > 0 && captures[0] != "" && captures[0] != "no_match" {
			return captures[0]
		}
	}
	return d.Target
}

// check refuses what cannot work.
func (x *blindTransfer) check() error {
	switch {
	case !targetForm.MatchString(x.extension):
		return calls.Fail("invalid_target", errors.New("accepted are 1 to 64 of 0-9 A-Z a-z * # + _ . -"))
	case x.context == "":
		return calls.Broken("no_context", giveContext, errors.New("the transferor has no dialplan context: METAFLOWS_CONTEXT"))
	case !contextForm.MatchString(x.context):
		return calls.Broken("no_context", giveContext, fmt.Errorf("%q is no dialplan context: accepted are 1 to 79 of A-Z a-z 0-9 _ . -", x.context))
	}
	return nil
}

// extensionExists is the dialplan's function that is 1 where a context has an extension.
func extensionExists(context, extension string) string {
	return "DIALPLAN_EXISTS(" + context + "," + extension + ",1)"
}

// ask refuses an extension that does not exist, before anything is touched.
func (x *blindTransfer) ask() error {
	question := extensionExists(x.context, x.extension)
	answer, err := x.variables(x.t, x.transferor, question)
	if err != nil {
		return err
	}
	if answer[question] != "1" {
		return calls.Fail("no_extension", fmt.Errorf("context %s has no such extension", x.context))
	}
	if !x.transferor.Withheld {
		x.number = x.transferor.CallerNum
	}
	return x.remind(x.t, x.transferee)
}

// run does it: target made, transferor out, target in, dialled; then whatever becomes of it. When Asterisk refuses, the
// transferor is put back.
func (x *blindTransfer) run() error {
	if err := x.t.Part(x.transferor); err != nil {
		return err
	}
	// Its end must not be the transferee's any more, also if it hangs up now.
	channel := x.transferor.ID
	untied := x.t.Beside(x.transferor.Lane(), func() error {
		return x.pbx.SetVariables(channel, map[string]string{calls.VarPartner: ""})
	})
	target, err := x.outbound(x.t, "Local/"+x.extension+"@"+x.context+"/n", x.transferee, calls.RoleTarget, x.extension, map[string]string{
		"TRANSFERERNAME":       x.transferor.Name,
		"METAFLOWS_TRANSFEROR": x.transferor.Endpoint(),
	})
	if err == nil {
		if err = untied(); err != nil && !errors.Is(err, calls.ErrDetached) && x.t.Ending() == nil {
			err = nil // it is gone, or the tie is undone when the target is in its place
		}
	}
	if err == nil {
		err = x.exchange(target)
	}
	if err != nil {
		return x.undo(err)
	}
	x.t.Publish(x.notice("transfer.ringing", "", ""))
	x.dismiss()
	return x.await(target)
}

// undo puts the transferor back.
func (x *blindTransfer) undo(err error) error {
	if errors.Is(err, calls.ErrDetached) || x.t.Ending() != nil {
		return err
	}
	if !x.transferor.Gone {
		_ = x.insist(x.t, func() error { return x.t.Join(x.transferor) }, "putting the transferor back")
	}
	x.settle(x.transferor)
	x.tie(x.transferor, x.transferee)
	return err
}

// await waits for the target, and sees to what becomes of it.
func (x *blindTransfer) await(target *calls.Leg) error {
	x.ringFor(target)
	err := x.t.Until(x.ring+guardTime, func() bool { return target.Up() || target.Failed() || x.transferee.Gone })
	switch {
	case x.t.Ending() != nil:
		return err
	case x.transferee.Gone:
		x.dropLeg(target)
		return calls.Fail("transferee_gone", nil)
	case target.Up():
		return x.complete(target)
	}
	_ = x.t.Until(time.Second, func() bool { return target.Cause != 0 })
	reason := failureOf(target)
	x.dropLeg(target) // its own timeout may not have come
	return x.giveBack(reason)
}

// exchange puts the target in the transferor's place, as far as that is not done: where the target was dialled, it is.
func (x *blindTransfer) exchange(target *calls.Leg) error {
	if target.Called {
		return nil
	}
	// Before anybody moves, the transferee's channel learns what a restart must know.
	x.checkpoint(stageRing, "")
	save := x.telling(x.t, x.transferee, map[string]string{calls.VarPartner: target.Name, handDown: "1"})
	bridge, leaving := x.call.Bridge, x.transferor.ID
	err := x.t.Do(x.transferee.Lane(), unlessGone(save), calls.Then(x.transferor.Lane(), func() error {
		return x.pbx.RemoveFromBridge(bridge, leaving)
	}))
	if err == nil || gone(err) || x.resumed && errors.Is(err, calls.ErrConflict) { // it was out of the bridge already
		err = nil
		if !target.Bridged() {
			err = x.t.Join(target)
		}
	}
	if err == nil {
		dialled, caller := target.ID, x.transferee.ID
		err = x.t.Do(target.Lane(), func() error { return x.pbx.DialChannel(dialled, caller, x.ring) })
	}
	if err == nil || gone(err) { // a target that is gone at once is an outcome of the dial
		return nil
	}
	if !errors.Is(err, calls.ErrDetached) {
		x.dropLeg(target)
	}
	return err
}

// dismiss lets the transferor go after a tone.
func (x *blindTransfer) dismiss() {
	leg := x.transferor
	x.call.Release(leg)
	x.t.Go("dismiss", func(t *calls.Task) error {
		defer x.hangUp(t, leg, "hanging up the transferor")
		return x.soundAlone(t, leg, confirmTone)
	})
}

// ringFor lets the transferee hear ringing while somebody is rung. A bridge of two passes it on by itself; one that is
// recorded does not, and would cut off what Asterisk generates (POST ring) with its silence.
func (x *blindTransfer) ringFor(rung *calls.Leg) {
	x.t.Go("ringing", func(t *calls.Task) error {
		over := func() bool { return rung.Up() || rung.Failed() || x.transferee.Gone }
		if err := t.Until(0, func() bool { return rung.State == "Ringing" || over() }); err != nil || over() || !x.call.Recorded() {
			return err
		}
		return x.whisper(t, x.transferee, ringTone, func(func() bool) error { return t.Until(0, over) })
	})
}

// complete: target and transferee talk. Each ends with the other from now on.
func (x *blindTransfer) complete(target *calls.Leg) error {
	target.Answered = x.transferee.Answered
	x.tie(target, x.transferee)
	known := func() bool { return target.Reached != nil || target.Gone || x.transferee.Gone }
	if x.call.Beyond(target) { // it says who has answered, a moment before or after the answer shows here
		if err := x.t.Until(reachedTime, known); err != nil && x.t.Ending() != nil {
			return err
		}
	}
	answered := x.notice("transfer.answered", "", "")
	target.TellReached(&answered)
	x.t.Publish(answered)
	x.t.Publish(x.notice("transfer.completed", "completed", ""))
	x.settle(target)
	return nil
}

// settle ends the checkpoint: transferee and other talk.
func (x *blindTransfer) settle(other *calls.Leg) {
	x.t.Settle(x.transferee)
	x.tie(x.transferee, other)
}

// tie lets the end of a leg be the end of another, too, for the case that the application dies; nil for nobody's. Who is
// rung ends with the transferee from the start, the transferee with whom it talks to; with g the caller goes on alone.
func (x *blindTransfer) tie(leg, other *calls.Leg) {
	partner := ""
	if other != nil && !other.Goes {
		partner = other.Name
	}
	x.quietly(func() error {
		return x.save(x.t, leg, map[string]string{calls.VarPartner: partner})
	}, "naming the partner")
}

// notice is an event about this transfer.
func (x *blindTransfer) notice(kind, result, reason string) calls.Notice {
	n := x.t.Notice(kind)
	n.OtherChannel, n.Result, n.Reason = x.transferee.ID, result, reason
	return n
}

// failureOf is why a target was not reached, in the words of events.
func failureOf(target *calls.Leg) string {
	switch target.Cause {
	case causeBusy:
		return "busy"
	case causeNoAnswer, 0:
		return "no_answer"
	case causeCongestion:
		return "congestion"
	default:
		return "unreachable"
	}
}
