package actions

import (
	"slices"

	"metaflows/flows/calls"
)

// goOnAlone goes on with a leg that came alone.
func (a *adoption) goOnAlone() error {
	if a.caller.Answered.IsZero() {
		for _, leg := range a.legs {
			if a.inBridge[leg] {
				a.call.Joined(leg)
			}
		}
		return a.lone()
	}
	a.call.Open()
	if err := a.t.KeepOn(); err != nil {
		return err
	}
	a.t.SettleClaims()
	return a.stay()
}

// goOnTalking goes on with a call that was answered: every leg starts unarmed, what lasts and what was under way are taken up.
// What must be before anybody begins something else is asked for before the first answer is waited for.
func (a *adoption) goOnTalking() error {
	a.call.Open()
	a.untold = a.caller != nil && (a.untold || a.caller.Answered.IsZero())
	callee := a.answeredBy()
	theirs := a.theirs(a.call.Resume())
	left, named := a.outside(theirs), a.namePartners(theirs)
	untold := a.untold
	if untold {
		_ = a.tellAnswered(callee) // logged; they talk
	}
	if err := a.t.KeepOn(); err != nil {
		return err
	}
	a.t.SettleClaims()
	for _, wait := range named {
		a.quietly(wait, "naming the partner")
	}
	a.endOutside(append(left, a.outside(theirs)...)) // those too who could not be brought back
	a.endExtras()
	if peer := a.call.Peer(a.caller); !untold && a.caller != nil && peer != nil && !peer.Answered.IsZero() {
		a.limitTo(peer)
		a.tellLimit(peer, a.soundsOfLimit(), false)
	}
	return a.talk()
}

// answeredBy makes an answered call of one of which not every channel knows that it is, and returns the callee; nil where that has
// left.
func (a *adoption) answeredBy() *calls.Leg {
	if !a.untold {
		return nil
	}
	a.caller.Answered, a.caller.Goes = a.answeredAt, a.args.goOn
	for _, leg := range a.call.Peers(a.caller) {
		if !leg.Answered.IsZero() || leg.Role == calls.RoleCallee && leg.Up() && a.inBridge[leg] {
			leg.Answered = a.answeredAt
			return leg
		}
	}
	return nil
}

// tellAnswered tells the channels of an answer where the process before this one has not come to that, though codes may have done
// something since.
func (a *adoption) tellAnswered(callee *calls.Leg) error {
	if err := a.insist(a.t, func() error { return ask(a.t, a.caller, a.pbx.Answer) }, "answering the caller"); err != nil {
		return err
	}
	if callee != nil {
		return a.tellOfAnswer(callee)
	}
	return a.tellAnswer(a.partners[a.caller], func() bool { return false })
}

// giveKeys lets the others hear the keys of every leg, before anything else is done.
func (a *adoption) giveKeys() {
	a.call.Rejoin(slices.DeleteFunc(slices.Clone(a.call.Legs), func(l *calls.Leg) bool { return !a.inBridge[l] }))
}

// theirs are the legs that flows which go on have business with: those that they are about, and who is being rung.
func (a *adoption) theirs(about []*calls.Leg) []*calls.Leg {
	if len(about) == 0 {
		return nil
	}
	return slices.DeleteFunc(a.call.Peers(nil), func(l *calls.Leg) bool {
		return !l.Answered.IsZero() && !slices.Contains(about, l)
	})
}

// outside takes from the call who was about to join or to leave, or to be dialled by us, and is no flow's. Who is apart by a
// claim is not among them, nor who has come by a phone's own transfer: whom it leads to rings without us.
func (a *adoption) outside(theirs []*calls.Leg) (left []*calls.Leg) {
	for _, leg := range a.legs {
		_, apart := leg.InForce(calls.Apart)
		in := a.inBridge[leg] || leg.Bridged() || apart
		undialled := calls.Ours(leg.ID) && !leg.Up() && !leg.Called
		if (!in || undialled) && slices.Contains(a.call.Legs, leg) && !slices.Contains(theirs, leg) {
			left = append(left, leg)
			a.call.Release(leg)
		}
	}
	return left
}

// endOutside ends those. Who talks must not end with them.
func (a *adoption) endOutside(left []*calls.Leg) {
	for _, leg := range left {
		if a.partners[leg] != "" {
			_ = a.insist(a.t, func() error {
				return a.set(a.t, leg, map[string]string{calls.VarPartner: ""})
			}, "untying a leg that takes part in nothing")
		}
		a.Set.hangUp(a.t, leg, "ending a leg that takes part in nothing")
	}
}

// namePartners lets who talks end with the other, but for those of flows, which see to that.
func (a *adoption) namePartners(theirs []*calls.Leg) (named []func() error) {
	for _, leg := range a.call.Peers(nil) {
		if slices.Contains(theirs, leg) {
			continue
		}
		partner := ""
		if peer := a.call.Peer(leg); peer != nil && !peer.Goes {
			partner = peer.Name
		}
		named = append(named, a.t.Beside(leg.Lane(), a.Set.telling(a.t, leg, map[string]string{calls.VarPartner: partner})))
	}
	return named
}
