package calls

import (
	"errors"
	"slices"
	"time"
)

// press gives a key to its leg's keypad. Before the answer digits pass, unless something is awaited.
func (c *Call) press(ev Digit) {
	leg := c.leg(ev.Channel)
	if leg == nil || !c.open && len(leg.awaited) == 0 {
		return
	}
	again := leg.timeline.hear(ev)
	c.offset = ev.Arrived.Sub(ev.Stamp)
	kept := leg.bridged && leg.absorbed(leg.timeline.begun)
	if again {
		leg.keypad.Correct(kept)
	} else {
		c.stamp, leg.released = ev.Stamp, ev.Arrived
		leg.keypad.Press(ev.Key, kept, ev.Arrived.Add(-ev.Duration), ev.Arrived)
	}
	c.heard(leg)
}

// heard notes what the last key of a leg is for the bridge: until when Asterisk is at it, and that the others' phones are
// sent it, unless it is kept from them.
func (c *Call) heard(leg *Leg) {
	tl := &leg.timeline
	if busy := tl.busy(); busy > 0 {
		leg.calm = later(leg.calm, tl.last.Arrived.Add(busy))
	}
	if leg.absorbed(tl.begun) {
		return
	}
	leg.passed = tl.last.Arrived
	end := later(tl.last.Stamp, tl.free)
	for _, peer := range c.Peers(leg) {
		c.sent(peer, tl.begun, tl.begun)
		c.sent(peer, end, end) // between the two, of a key that is held, the other's phone is believed
	}
}

// sent notes that a leg's phone is or was sent digits. Of another's key this is known when that is released, and by then
// the leg's own last key may have been taken for one that was heard from its beginning.
func (c *Call) sent(to *Leg, begin, end time.Time) {
	if to.timeline.sent(begin, end) {
		to.keypad.Correct(to.absorbed(to.timeline.begun))
		c.heard(to)
	}
}

// expireKeys: the timer of a leg's keys has fired, for the given time: a call that was held up may look later, and keys
// that came in time still stand behind it.
func (c *Call) expireKeys(leg *Leg, at time.Time) {
	leg.timerAt = time.Time{}
	if leg.keypad != nil {
		c.stamp = at.Add(-c.offset)
		leg.keypad.Expire(at)
	}
}

// serveKeys carries out what a leg's keypad asks for: its timer, its absorb, its relay.
func (c *Call) serveKeys(leg *Leg) {
	c.wake(leg, leg.keypad.Deadline())
	if leg.bridged && !leg.turning && !leg.balked {
		c.turn(leg)
	}
	// A relay waits until the leg's absorb is on, else a digit that is passed through would not queue behind it
	// (ari/ASTERISK.md, Absorb and relay).
	if leg.bridged && !c.hurried && (!leg.asked || leg.unknown || leg.turning || c.arming(leg)) {
		return
	}
	if digits := leg.keypad.Relay(); digits != "" {
		c.relay(leg, digits)
	}
}

// arming says that another leg's keys are to be kept in a moment: a relay to it would come first, and hold that up to its end.
func (c *Call) arming(leg *Leg) bool {
	return slices.ContainsFunc(c.Peers(leg), func(l *Leg) bool {
		return l.bridged && !l.balked && !l.asked && c.keeps(l)
	})
}

// wake sees to it that the leg's keys are looked at again at a time, zero for none.
func (c *Call) wake(leg *Leg, at time.Time) {
	if at.IsZero() || !leg.timerAt.IsZero() && !at.Before(leg.timerAt) {
		return
	}
	if leg.timer != nil {
		leg.timer.Stop()
	}
	leg.timerAt = at
	leg.timer = c.clock.after(at.Sub(c.clock.now()), func() { c.post(keyTimer{leg, at}) })
}

// relay sends digits that were no code to every other leg. The next ones wait until all have heard them, or cannot.
func (c *Call) relay(from *Leg, digits string) {
	pending := 1
	done := func() {
		if pending--; pending == 0 {
			from.keypad.Relayed()
		}
	}
	for _, to := range c.Peers(from) {
		if to.bridged {
			pending++
			c.relayTo(from, to, digits, relayRetries, done)
		}
	}
	done()
}

// relayTo sends a relay to one leg. Where Asterisk refuses it, it is tried again after each of the pauses, while both legs are
// there: with it would go keys that the other party was to hear. Where nobody knows whether it was played it is not, rather
// than that digits are heard twice.
func (c *Call) relayTo(from, to *Leg, digits string, pauses []time.Duration, done func()) {
	channel, began := to.ID, c.clock.now()
	first := began.Add(relayLead - c.offset)
	c.sent(to, first, first.Add(relayTime(len(digits))))
	c.carry(to.Lane(), func() error { return c.calls.cfg.Line.SendDigits(channel, digits) }, func(err error) {
		if late := c.clock.now().Add(-relayGap - c.offset); late.Sub(first.Add(relayTime(len(digits)))) > relayLate {
			c.sent(to, first, late) // something else had kept the channel busy before
		}
		switch {
		case err == nil, errors.Is(err, ErrGone):
		case refusedNow(err) && len(pauses) > 0 && !c.hurried:
			c.clock.after(pauses[0], func() {
				c.post(carried{func(error) {
					if c.leg(from.ID) == from && c.leg(channel) == to && from.bridged && to.bridged {
						c.relayTo(from, to, digits, pauses[1:], done)
					} else {
						done()
					}
				}, nil})
			})
			return
		default:
			c.Log.Error("digits could not be relayed", "leg", to.Label(), "count", len(digits), "error", err,
				"do", "see what Asterisk's own log says at this time: the other party has not heard keys that were no code")
		}
		done()
	})
}

// relayRetries are the pauses before a relay that was refused is tried again. Meanwhile what is typed waits behind it.
var relayRetries = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second}

// refusedNow says of a relay's error that no digit was played, and that it may be otherwise the next time.
func refusedNow(err error) bool {
	return errors.Is(err, ErrUnsent) && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrConflict))
}

// relayLead is the silence before the first digit of a relay (ari/ASTERISK.md, Absorb and relay).
const relayLead = 100 * time.Millisecond

// relayGap is the silence after each digit of a relay.
const relayGap = 100 * time.Millisecond

// relayLate is how much later than due a relay's answer may come, without that anything has held it up.
const relayLate = 30 * time.Millisecond

// relayTime is how long digits are played after that, to the end of the last one.
func relayTime(digits int) time.Duration {
	return time.Duration(digits)*(100*time.Millisecond+relayGap) - relayGap
}

// SendDigits plays digits to a leg and returns when it has heard them. They should be few at a time: everything else for the
// leg waits meanwhile.
func (t *Task) SendDigits(leg *Leg, digits string) error {
	channel, first := leg.ID, t.Call.clock.now().Add(relayLead-t.Call.offset)
	t.Call.sent(leg, first, first.Add(relayTime(len(digits))))
	return t.Do(leg.Lane(), func() error { return t.Call.calls.cfg.Line.SendDigits(channel, digits) })
}

// stopKeys forgets a leg's keys: it hangs up, or is moved.
func (l *Leg) stopKeys() {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timerAt = time.Time{}
	if l.keypad != nil {
		l.keypad.Drop()
	}
}

// keyTimer: a leg's keypad may have something to end.
type keyTimer struct {
	leg *Leg
	at  time.Time
}

func (keyTimer) event() {}
