package actions

import (
	"encoding/json"
	"errors"
	"time"

	"metaflows/flows/calls"
)

// RehearsedAttended is no product: an attended transfer, made of what modules have, as doc.go tells how. The peer waits, the
// transferor talks to the target, and then any two of them do, or all.
func (s *Set) RehearsedAttended() calls.Module {
	m := calls.Define("attended", attendedData{Class: "default", Timeout: defaultRing}, s.runAttended)
	m.Owned, m.Resume = true, s.resumeAttended
	return m
}

type attendedData struct {
	Target  string `json:"target"`
	Class   string `json:"moh"`
	Timeout int    `json:"timeout"`
}

// Who waits, out of the bridge and with music, and how the transfer ends.
const (
	waitsPeer   = "peer"
	waitsTarget = "target"
	waitsNobody = ""

	endsNot      = ""
	endsBack     = "back"
	endsComplete = "complete"
)

// attendedNote is how an attended transfer is to stand, on the transferee. It is noted before anything is done about it, and each
// step makes it so: at first, and after a restart. There is one once the target has a channel.
type attendedNote struct {
	Waits  string `json:"w"`
	Ends   string `json:"e,omitempty"`
	Reason string `json:"r,omitempty"` // why back
	Ring   int    `json:"t"`           // seconds
	Class  string `json:"m"`           // of the music
}

// attendedTransfer is one of them on its way.
type attendedTransfer struct {
	*Set
	t                              *calls.Task
	note                           attendedNote
	transferor, transferee, target *calls.Leg
	until                          time.Time // when the target has rung for long enough
	answered                       bool      // which has been told
}

func (s *Set) runAttended(t *calls.Task, data attendedData) (calls.Next, error) {
	captures, err := t.Flow.Captures()
	if err != nil {
		return calls.Stop, err
	}
	release, err := t.Claim()
	if err != nil {
		return calls.Stop, err
	}
	defer release()
	x := &attendedTransfer{Set: s, t: t, note: attendedNote{Waits: waitsPeer, Ring: data.Timeout, Class: data.Class}}
	if x.transferor, x.transferee, err = t.Pair(); err != nil {
		return calls.Stop, err
	}
	extension, context := data.Target, t.Flow.Context()
	if len(captures) > 0 {
		extension = captures[0]
	}
	if !targetForm.MatchString(extension) || !contextForm.MatchString(context) {
		return calls.Stop, calls.Fail("invalid_target", nil)
	}
	question := extensionExists(context, extension)
	if answer, err := x.variables(t, x.transferor, question); err != nil || answer[question] != "1" {
		return calls.Stop, calls.Fail("no_extension", err)
	}
	t.Accept(extension)
	// Before anybody is moved: a restart knows by the note that it was made, and never needs what was pressed.
	x.target, err = s.outbound(t, "Local/"+extension+"@"+context+"/n", x.transferor, calls.RoleTarget, extension, map[string]string{
		"TRANSFERERNAME": x.transferor.Name, "METAFLOWS_TRANSFEROR": x.transferor.Endpoint(),
	})
	if err != nil {
		return calls.Stop, err
	}
	return calls.Stop, x.run()
}

// resumeAttended goes on with one that a process before this one has begun.
func (s *Set) resumeAttended(t *calls.Task, transferee *calls.Leg, data json.RawMessage) (calls.Next, error) {
	x := &attendedTransfer{Set: s, t: t, transferor: t.Leg, transferee: transferee, target: &calls.Leg{Gone: true}}
	if err := json.Unmarshal(data, &x.note); err != nil {
		return calls.Stop, err
	}
	for _, leg := range t.Call.Legs {
		if leg.Role == calls.RoleTarget && leg != t.Leg && leg != transferee {
			x.target = leg
		}
	}
	return calls.Stop, x.run()
}

// run does it from wherever it stands.
func (x *attendedTransfer) run() error {
	x.until = time.Now().Add(time.Duration(x.note.Ring)*time.Second + guardTime)
	err := x.goOn()
	if err == nil || x.note.Ends != endsNot || x.t.Ending() != nil || errors.Is(err, calls.ErrDetached) || x.transferee.Gone {
		return err
	}
	return errors.Join(err, x.back(calls.Reason(err))) // Asterisk has refused something
}

func (x *attendedTransfer) goOn() error {
	switch x.note.Ends {
	case endsBack:
		return x.back(x.note.Reason)
	case endsComplete:
		return x.complete()
	}
	keys := x.t.TakeKeys(x.transferor, "*1", "*2", "*3", "*4")
	defer keys.Done()
	for {
		// Nobody ends with another while one waits.
		untied := map[string]string{calls.VarPartner: "", handDown: "1"}
		if err := errors.Join(x.tell(untied), x.unlessGone(x.save(x.t, x.transferor, untied)), x.seat(), x.ring()); err != nil {
			return err
		}
		err := x.await(func() bool { return keys.Any() || x.transferor.Gone })
		switch pressed := keys.Pressed(); {
		case x.t.Ending() != nil:
			return err
		case x.transferee.Gone:
			return x.withoutTransferee()
		case x.target.Failed():
			return x.back(failureOf(x.target))
		case x.transferor.Gone, pressed == "*2":
			return x.complete()
		case err != nil:
			return x.back("no_answer")
		case pressed == "*1":
			return x.back("takeback")
		case !x.target.Up(): // with whom nobody talks yet
		case pressed == "*3":
			x.note.Waits = waitsNobody
		case pressed == "*4" && x.note.Waits == waitsPeer:
			x.note.Waits = waitsTarget
		case pressed == "*4":
			x.note.Waits = waitsPeer
		}
	}
}

// await returns when something is so, or has happened to the target or the transferee.
func (x *attendedTransfer) await(what func() bool) error {
	over := func() bool { return what() || x.transferee.Gone || x.target.Failed() }
	if !x.target.Up() {
		err := x.t.Until(max(time.Until(x.until), time.Millisecond), func() bool { return over() || x.target.Up() })
		if err != nil || over() {
			return err
		}
	}
	if !x.answered {
		x.answered = true
		x.t.Publish(x.say("transfer.answered", "", ""))
	}
	return x.t.Until(0, over)
}

// tell notes how it is to stand from now on, with variables of the transferee's channel.
func (x *attendedTransfer) tell(vars map[string]string) error {
	x.t.Checkpoint(x.transferee, x.note)
	return x.unlessGone(x.save(x.t, x.transferee, vars))
}

// seat makes sure that who waits is out of the bridge and hears music, and then that the others are in it and hear each other.
func (x *attendedTransfer) seat() error {
	by, waits := x.t.Flow.Action, map[*calls.Leg]bool{
		x.transferee: x.note.Waits == waitsPeer, x.target: x.note.Waits == waitsTarget,
	}
	var errs []error
	do := func(err error) { errs = append(errs, x.unlessGone(err)) }
	for _, leg := range []*calls.Leg{x.transferee, x.target} {
		if waits[leg] && !leg.Gone {
			do(x.t.Take(leg, calls.Music, by, x.note.Class))
			do(x.t.Take(leg, calls.Apart, by, ""))
		}
	}
	for _, leg := range []*calls.Leg{x.transferee, x.target} {
		if !waits[leg] && !leg.Gone {
			do(x.t.GiveBack(leg, calls.Music, by))
			do(x.t.GiveBack(leg, calls.Apart, by))
			if _, apart := leg.InForce(calls.Apart); !apart && !leg.Bridged() && !leg.Gone {
				do(x.t.Join(leg))
			}
		}
	}
	return errors.Join(errs...)
}

// ring makes sure that the target is dialled, on behalf of the transferor while that is there.
func (x *attendedTransfer) ring() error {
	if x.target.Called || x.target.Gone {
		return nil
	}
	caller := x.transferor
	if caller.Gone {
		caller = x.transferee
	}
	x.target.Called = true
	err := x.t.Do(x.target.Lane(), x.ringing(x.target, caller, time.Duration(x.note.Ring)*time.Second))
	x.t.Publish(x.say("transfer.ringing", "", ""))
	return x.unlessGone(err)
}

// back brings transferor and transferee together again.
func (x *attendedTransfer) back(reason string) error {
	x.note.Ends, x.note.Waits, x.note.Reason = endsBack, waitsNobody, reason
	err := x.tell(nil)
	x.end(x.target, "ending a transfer's target")
	if err = errors.Join(err, x.seat()); err != nil {
		return err
	}
	result := "returned"
	if x.transferor.Gone {
		result = "lost"
	}
	x.t.Publish(x.say("transfer.returned", result, reason))
	if err := x.settle(x.transferor); err != nil || reason == "takeback" {
		return err
	}
	return calls.Fail(reason, nil)
}

// complete lets the transferor go, and transferee and target talk, as soon as that answers.
func (x *attendedTransfer) complete() error {
	x.note.Ends, x.note.Waits = endsComplete, waitsNobody
	err := x.tell(nil)
	x.end(x.transferor, "letting the transferor go")
	if err = errors.Join(err, x.seat(), x.ring()); err != nil {
		return err
	}
	if !x.target.Up() && !x.target.Failed() { // who has come to a bridge is not told that another rings there
		x.quietly(func() error { return ask(x.t, x.transferee, x.pbx.Ring) }, "letting the transferee hear ringing")
	}
	err = x.await(x.target.Up)
	switch {
	case x.t.Ending() != nil:
		return err
	case x.transferee.Gone:
		x.end(x.target, "ending a transfer's target")
		return calls.Fail("transferee_gone", nil)
	case !x.target.Up(): // the product rings the transferor back
		return x.back(failureOf(x.target))
	}
	x.t.Publish(x.say("transfer.completed", "completed", ""))
	return x.settle(x.target)
}

// withoutTransferee: the other two go on as a call, if they talk.
func (x *attendedTransfer) withoutTransferee() error {
	x.note.Waits = waitsNobody
	if !x.target.Up() {
		x.end(x.target, "ending a transfer's target")
	} else if err := errors.Join(x.seat(), x.tie(x.transferor, x.target), x.tie(x.target, x.transferor)); err != nil {
		return err
	}
	return calls.Fail("transferee_gone", nil)
}

// settle ends the transfer: the transferee talks to another, and each ends with the other.
func (x *attendedTransfer) settle(other *calls.Leg) error {
	x.t.Settle(x.transferee)
	return errors.Join(x.tie(other, x.transferee), x.tie(x.transferee, other))
}

// tie lets a leg, which was answered, end with another.
func (x *attendedTransfer) tie(leg, other *calls.Leg) error {
	if leg.Gone || other.Gone {
		return nil
	}
	if leg.Answered.IsZero() {
		leg.Answered = other.Answered
	}
	partner := map[string]string{calls.VarPartner: other.Name}
	if other.Goes {
		partner[calls.VarPartner] = ""
	}
	return x.unlessGone(x.save(x.t, leg, partner))
}

// end lets a leg go.
func (x *attendedTransfer) end(leg *calls.Leg, doing string) {
	if !leg.Gone {
		x.hangUp(x.t, leg, doing)
		x.t.Call.Release(leg)
	}
}

// unlessGone: who is gone needs nothing any more.
func (x *attendedTransfer) unlessGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// say makes a notice about the transfer.
func (x *attendedTransfer) say(kind, result, reason string) calls.Notice {
	n := x.t.Notice(kind)
	n.OtherChannel, n.Result, n.Reason = x.transferee.ID, result, reason
	return n
}
