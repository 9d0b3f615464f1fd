package calls

import (
	"errors"
	"slices"
)

// Facet is something about a leg that tasks may want to be otherwise than it is by itself, several of them at a time.
type Facet string

// The facets of a leg. One that has a value is in force with that of who has claimed it last. How it sounds is a facet of each
// direction, so that who alters what a leg hears and who alters what it says do not meet.
const (
	// Music: it hears that and nobody else. The value is the class, "" for its channel's own.
	Music Facet = "music"
	// Muted: nobody hears it.
	Muted Facet = "muted"
	// Apart: it is out of the call's bridge.
	Apart Facet = "apart"
	// HeardVolume and SaidVolume: how loud it hears what it is sent (mode write of Kazoo's audio_level), and how loud it is heard
	// (mode read). The value is a number as Kazoo's level: 4 is four times the amplitude, -4 a quarter of it, 0 as it is by itself.
	HeardVolume Facet = "heard volume"
	SaidVolume  Facet = "said volume"
	// HeardPitch and SaidPitch: how high it hears what it is sent (sending_leg false of Kazoo's sound_touch), and how high it is
	// heard (true). The value is the factor of each frequency, from 0.1 to 4.0: 1.5 makes 660 Hz of 440, 1.0 is as it is by itself.
	HeardPitch Facet = "heard pitch"
	SaidPitch  Facet = "said pitch"
)

// claim is what somebody wants of a leg. It is noted in the leg's state, so that a restart knows what may be in force there.
type claim struct {
	Facet Facet  `json:"f"`
	By    string `json:"b,omitempty"` // "": nobody any more, and Asterisk may not have undone it yet
	Value string `json:"v,omitempty"`

	// found: by a process before this one, and nobody has taken it up. Of one that is nobody's any more: nobody is undoing it.
	found bool
}

// Take claims a facet of a leg with a value, and returns when that is in force; it is noted on the leg before. Who claims it last
// has its way, and when that one gives it back what was claimed before is in force again: nothing ends for who still claims it.
// by names the claim, and is the same after a restart: with Kept.Name it ends when that does, and what is noted of that on the leg
// is told by the same write; with Flow.Action it ends when the node has run, whatever it does and also when a restart goes on with
// it (Module.Resume). An error says that nothing was claimed, or is the call's end.
func (t *Task) Take(leg *Leg, facet Facet, by, value string) error {
	leg.claim(facet, by, value)
	err := t.ensure(leg, facet)
	switch {
	case err == nil:
		t.Call.knownOn(leg, by)
	case t.ending == nil:
		_ = t.GiveBack(leg, facet, by) // which is logged, and what counts is why it failed
	}
	return err
}

// ensure notes what is claimed of a leg, and asks for what is in force unless that is known to be so: where it is not, another's
// request may be under way and be refused, or a process before this one was killed before it asked.
func (t *Task) ensure(leg *Leg, facet Facet) error {
	if leg.known(facet) {
		if err := t.save(leg); err != nil || leg.known(facet) {
			return err
		}
	}
	return t.bring(leg, facet)
}

// GiveBack ends a claim, if there is one, and returns when what it has changed is undone. When the call is over nothing is asked:
// the leg's channel ends, or Unclaim is for it. An error says that Asterisk did not undo it, though asked more than once: the next
// GiveBack, of whatever name, asks again. While another task is undoing it that is waited for.
func (t *Task) GiveBack(leg *Leg, facet Facet, by string) error {
	for !leg.giveUp(facet, by) {
		if leg.Gone || t.ending != nil || !leg.undoing(facet) {
			return nil
		}
		if err := t.Until(0, func() bool { return leg.Gone || !leg.undoing(facet) }); err != nil {
			return err
		}
	}
	if leg.Gone || t.ending != nil {
		return nil
	}
	return t.bring(leg, facet)
}

// giveBackAll ends the claims of a name on all legs, the last first.
func (t *Task) giveBackAll(by string) (err error) {
	for _, leg := range slices.Clone(t.Call.Legs) {
		for _, c := range slices.Backward(slices.Clone(leg.claims)) {
			if c.By == by {
				err = errors.Join(err, t.GiveBack(leg, c.Facet, by))
			}
		}
	}
	return err
}

// SettleClaims undoes what a process before this one has claimed of the call's legs, but for what was taken up by Take, and
// what nodes have claimed that go on: their runs see to that.
func (t *Task) SettleClaims() {
	goesOn := func(action string) bool {
		return action != "" && slices.ContainsFunc(t.Call.flows, func(f *Flow) bool { return f.Action == action })
	}
	for _, leg := range slices.Clone(t.Call.Legs) {
		for _, facet := range leg.giveUpAll(func(c claim) bool { return c.found && !goesOn(c.By) }) {
			_ = t.bring(leg, facet) // logged
		}
	}
}

// Unclaim undoes what is claimed of a leg that leaves the call, and its bridge, and lives on.
func (t *Task) Unclaim(leg *Leg) {
	for _, facet := range leg.giveUpAll(func(claim) bool { return true }) {
		if facet != Apart {
			_ = t.bring(leg, facet) // logged
		}
	}
}

// bring lets a facet be as it is claimed now.
func (t *Task) bring(leg *Leg, facet Facet) error {
	value, claimed := leg.InForce(facet)
	delete(leg.brought, facet)
	var err error
	if bring := t.Call.calls.cfg.Bring; bring != nil {
		err = bring(t, leg, facet, value, claimed)
	}
	if now, still := leg.InForce(facet); err != nil || now != value || still != claimed {
		delete(leg.brought, facet) // also what another has asked for meanwhile: which of the two came last is not known
	} else if claimed {
		leg.hasBrought(facet, value)
	}
	switch i := leg.claimed(facet, ""); {
	case claimed || i < 0:
	case err == nil:
		leg.forget(facet, "")
	default:
		leg.claims[i].found = true
	}
	return err
}

// InForce is the value of a facet for who has claimed it last, and whether somebody claims it.
func (l *Leg) InForce(facet Facet) (value string, claimed bool) {
	if i := l.last(facet); i >= 0 {
		return l.claims[i].Value, true
	}
	return "", false
}

func (l *Leg) last(facet Facet) int {
	for i, c := range slices.Backward(l.claims) {
		if c.Facet == facet && c.By != "" {
			return i
		}
	}
	return -1
}

// claim notes a claim. It comes last, unless it was there with that value.
func (l *Leg) claim(facet Facet, by, value string) {
	if i := l.claimed(facet, by); i >= 0 && l.claims[i].Value == value {
		l.claims[i].found = false
		return
	}
	l.forget(facet, by)
	l.claims = append(l.claims, claim{Facet: facet, By: by, Value: value})
}

// known says that Asterisk has done what is claimed of a facet now.
func (l *Leg) known(facet Facet) bool {
	value, claimed := l.InForce(facet)
	brought, is := l.brought[facet]
	return claimed && is && brought == value
}

// hasBrought notes that Asterisk has done what is claimed of a facet.
func (l *Leg) hasBrought(facet Facet, value string) {
	if l.brought == nil {
		l.brought = map[Facet]string{}
	}
	l.brought[facet] = value
}

// giveUp ends a claim, and says whether another value is in force by that, or none any more. Where nobody claims the facet any
// more that is noted until it is undone; of one that a process before this one has given up nobody knows, and it is to be asked
// for, as one that could not be undone.
func (l *Leg) giveUp(facet Facet, by string) (asks bool) {
	was, claimed := l.InForce(facet)
	if by == "" || l.claimed(facet, by) < 0 {
		i := l.claimed(facet, "")
		asks = i >= 0 && l.claims[i].found
		if asks {
			l.claims[i].found = false
		}
		return asks
	}
	l.forget(facet, by)
	now, still := l.InForce(facet)
	if !still {
		l.claims = append(l.claims, claim{Facet: facet})
	}
	return claimed != still || was != now
}

// giveUpAll is giveUp for some, and names the facets that are to be asked for: those too of them that were given up before and
// are not known to be undone.
func (l *Leg) giveUpAll(which func(claim) bool) (ask []Facet) {
	for _, c := range slices.Clone(l.claims) {
		if which(c) && (l.giveUp(c.Facet, c.By) || c.By == "") && !slices.Contains(ask, c.Facet) {
			ask = append(ask, c.Facet)
		}
	}
	return ask
}

// undoing says that nobody claims a facet any more, and that a task is undoing it.
func (l *Leg) undoing(facet Facet) bool {
	i := l.claimed(facet, "")
	return i >= 0 && !l.claims[i].found
}

func (l *Leg) claimed(facet Facet, by string) int {
	return slices.IndexFunc(l.claims, func(c claim) bool { return c.Facet == facet && c.By == by })
}

// forget takes a claim off, and what is not known to be undone where it is claimed again or is undone.
func (l *Leg) forget(facet Facet, by string) {
	l.claims = slices.DeleteFunc(l.claims, func(c claim) bool { return c.Facet == facet && (c.By == by || c.By == "") })
}
