package calls

import (
	"slices"

	"metaflows/flows"
)

// listener is a collector that looks in a leg's keys for its owner's codes.
type listener struct {
	flows.Collector
	owner *Leg
}

// newKeypad gives the leg's keys a keypad to which nobody listens yet.
func (l *Leg) newKeypad(c *Call) {
	l.keypad, l.listeners = flows.NewKeypad(keypadReport{c, l}, c.calls.cfg.Absorb && l.Phone()), nil
	for _, k := range l.awaited { // on this one nothing was pressed before
		k.since = 0
	}
	l.await(l.awaited)
}

// listener is the one that looks for owner's codes, a new one if there is none yet.
func (l *Leg) listener(owner *Leg, source func() *flows.Effective) *listener {
	for _, known := range l.listeners {
		if known.owner == owner {
			return known
		}
	}
	return &listener{flows.Collector{Source: source, Self: owner == l}, owner}
}

// listen says who listens to the leg's keys, its own owner first.
func (l *Leg) listen(listeners []*listener) {
	l.listeners = listeners
	collectors := make([]*flows.Collector, len(listeners))
	for i, known := range listeners {
		collectors[i] = &known.Collector
	}
	l.keypad.Listen(collectors)
}

// rewire says which collectors look at which leg's keys (flows/README.md, Whose keys): the leg's own, and those of
// every other owner that may hear it. What owners have configured is looked at key by key.
func (c *Call) rewire() {
	for _, presser := range c.Legs {
		if c.calls.handing.Load() {
			presser.listen(nil)
			continue
		}
		var listeners []*listener
		for _, owner := range append([]*Leg{presser}, c.Peers(presser)...) {
			if owner != presser && !owner.mayHear(presser) || owner.Outsider() {
				continue
			}
			listeners = append(listeners, presser.listener(owner, func() *flows.Effective {
				if !c.open {
					return nil
				}
				return c.calls.cfg.Effective(owner.Owner)
			}))
		}
		presser.listen(listeners)
	}
}

// mayHear says whether the leg's owner may hear another leg: one of the same account, or an outsider.
func (l *Leg) mayHear(other *Leg) bool {
	return other.Outsider() || other.Owner.Account == l.Owner.Account
}

// keypadReport turns what a leg's keypad concludes into events and flows.
type keypadReport struct {
	call *Call
	leg  *Leg
}

func (r keypadReport) Armed(col *flows.Collector) { r.publish("code.armed", r.owner(col), Notice{}) }

func (r keypadReport) Matched(col *flows.Collector, m *flows.Match, by flows.Decision) {
	owner := r.owner(col)
	r.publish("code.matched", owner, Notice{
		Path: m.Kind + "s." + m.Key, Document: string(m.Scope), Digits: len(m.Collected), Result: string(by), Module: m.Node.Module,
	})
	r.call.matched = append(r.call.matched, matched{
		owner: owner, presser: r.leg, match: m, stamp: r.call.stamp, by: by, pressed: r.leg.released,
	})
}

func (r keypadReport) Unmatched(col *flows.Collector, keys int) {
	r.publish("code.unmatched", r.owner(col), Notice{Digits: keys})
}

// owner is whose codes a collector of the leg looks for.
func (r keypadReport) owner(of *flows.Collector) *Leg {
	i := slices.IndexFunc(r.leg.listeners, func(l *listener) bool { return &l.Collector == of })
	return r.leg.listeners[i].owner
}

// publish adds who pressed and whose code it is.
func (r keypadReport) publish(kind string, owner *Leg, n Notice) {
	about := r.call.NoticeAbout(r.leg, kind)
	about.Account = owner.Owner.Account
	about.ID += ":" + owner.ID + ":" + r.call.stamp.UTC().Format("150405.000")
	about.Path, about.Document, about.Digits, about.Result, about.Module = n.Path, n.Document, n.Digits, n.Result, n.Module
	r.call.publish(about)
}
