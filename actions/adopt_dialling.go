package actions

import (
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// goOnDialling goes on with a call that nobody is known to have answered.
func (a *adoption) goOnDialling() error {
	for _, leg := range a.legs {
		if a.inBridge[leg] {
			a.call.Joined(leg) // nothing is absorbed before the answer
		}
	}
	a.endExtras()
	callees := a.call.Peers(a.caller)
	if slices.ContainsFunc(callees, (*calls.Leg).Up) {
		// Before all else: the guard would cut a call that was answered meanwhile.
		if err := a.insist(a.t, func() error { return a.set(a.t, a.caller, a.restore()) }, "clearing the limit of the dialling"); err != nil {
			return a.abandon(err)
		}
	}
	switch {
	case a.refused != nil:
		return a.refuse(a.refused)
	case a.args.single() && len(callees) > 0 && (a.args.calleePredial == "" || a.rung()):
		return a.conclude(a.ringIn(callees[0]))
	case a.args.single() && a.rung() && a.caller.Up() && !a.wasUp: // it has answered and hung up meanwhile
		return a.missedAll()
	case a.args.single() && a.rung(): // it was dialled, and has ended meanwhile
		return a.giveBack(statusNoAnswer)
	case !a.args.single() && a.made:
		return a.conclude(a.ringThem(callees, a.hush))
	}
	for _, leg := range callees { // nobody was dialled yet
		a.Set.hangUp(a.t, leg, "ending a callee that was not dialled")
		a.call.Drop(leg)
	}
	if err := a.runCallerPredial(); err != nil {
		return a.abandon(err)
	}
	return a.conclude(a.ring())
}

// inSubroutine sets right what Asterisk says of a caller on whose channel a subroutine may be running.
func (a *adoption) inSubroutine() {
	var note dialNote
	if !a.caller.Note(dialName, &note) || note.Running == nil {
		return
	}
	a.words = note.Running.Args
	_, place, _ := strings.Cut(note.Running.Standing, "|")
	if parts := strings.Split(place, ","); len(parts) == 3 {
		a.caller.Channel.Context, a.caller.Channel.Extension = parts[0], parts[1]
	}
}

// rung says that a single callee was dialled.
func (a *adoption) rung() bool { return a.partners[a.caller] != "" || a.made }

// missedAll ends a call that was answered and hung up by its callee while nobody looked.
func (a *adoption) missedAll() error {
	a.answeredAt = time.Now()
	a.caller.Answered, a.caller.Goes = a.answeredAt, a.args.goOn
	a.t.PublishAll("call.answered", func(*calls.Notice) {})
	if err := a.tellAnswer(a.partners[a.caller], func() bool { return true }); err != nil {
		return a.abandon(err)
	}
	return a.hangUp(a.answeredAt)
}
