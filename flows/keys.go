package flows

import (
	"errors"
	"slices"
	"time"
)

// press gives a key to its leg's keypad. Before the answer digits pass.
func (c *Call) press(ev Digit) {
	leg := c.leg(ev.Channel)
	if leg == nil || !c.open {
		return
	}
	begin, again := leg.echo.hear(ev)
	c.offset = ev.Arrived.Sub(ev.Stamp)
	if busy := leg.echo.busy(ev); busy > 0 {
		c.calm = later(c.calm, ev.Arrived.Add(busy))
	}
	kept := leg.absorbed(begin)
	if !kept {
		for _, peer := range c.Peers(leg) {
			peer.echo.sent(begin, later(ev.Stamp, leg.echo.free))
		}
	}
	if again {
		leg.keypad.Correct(kept)
		return
	}
	c.stamp, leg.released = ev.Stamp, ev.Arrived
	leg.keypad.Press(ev.Key, kept, ev.Arrived)
}

// expireKeys: the timer of a leg's keys has fired, for the given time: a call that was held up may look later, and keys
// that came in time still stand behind it.
func (c *Call) expireKeys(leg *Leg, at time.Time) {
	leg.timerAt = time.Time{}
	if leg.keypad != nil {
		c.stamp = at
		leg.keypad.Expire(at)
	}
}

// serveKeys carries out what a leg's keypad asks for: its timer, its absorb, its relay.
func (c *Call) serveKeys(leg *Leg) {
	c.wake(leg, leg.keypad.Deadline())
	if leg.torn && leg.bridged && !leg.turning && !c.needed(leg) {
		leg.torn = false
		leg.mending++
		c.addAgain(leg, leg.asked, func() { leg.mending = max(0, leg.mending-1) })
	}
	if want := leg.keypad.Absorb(); leg.bridged && want != leg.asked && !leg.turning && !leg.balked && !c.needed(leg) {
		// While a key is down, or Asterisk still at a digit, the other party would hear it cut, twice or not at all.
		if at := later(c.calm, c.keysUp(leg, want)); c.clock.now().Before(at) {
			c.wake(leg, at)
		} else {
			c.absorb(leg, want)
		}
	}
	// A relay waits until the leg's absorb is on, else a digit that is passed through would not queue behind it
	// (ari-facts 15).
	if leg.bridged && (!leg.asked || leg.turning) {
		return
	}
	if digits := leg.keypad.Relay(); digits != "" {
		c.relay(leg, digits)
	}
}

// Asterisk tells of a key when it is released, so that one that is down is not known of. Right after the report of a key no
// other of the leg is down, and after a pause probably none.
const (
	justReleased = 25 * time.Millisecond
	typingPause  = 300 * time.Millisecond // of another leg
	ownPause     = 5 * time.Second        // of the leg whose absorb is switched off: who types on is relayed on
)

// keysUp is from when a leg may be added again for all that is known of keys that are down; what is past is now. Who is
// added again while another's key is down hears it twice; and a key that is down when its own absorb is switched off ends
// for the others without having begun. To switch it on comes after a key of its own, whose next one does not begin yet.
func (c *Call) keysUp(added *Leg, on bool) (at time.Time) {
	now := c.clock.now()
	for _, leg := range c.Legs {
		pause := typingPause
		if leg == added {
			pause = ownPause
		}
		if leg == added && on {
			continue
		}
		if since := now.Sub(leg.released); since > justReleased && since < pause {
			at = later(at, leg.released.Add(pause))
		}
	}
	return at
}

// mend: a leg has left the bridge for a moment or for good. In a bridge that mixes, the others are then left without the end
// of a digit of its that was passing, and hear nothing of anybody until another digit ends (22.10: softmix_bridge_write
// drops what bridge_channel_settle_owed_events writes). Asterisk ends what a channel is being sent when that channel
// leaves: so each of them is added again.
func (c *Call) mend(channel string) {
	i := slices.IndexFunc(c.all, func(l *Leg) bool { return l.ID == channel })
	if i < 0 || !c.mixes() {
		return
	}
	leg := c.all[i]
	if leg.mending > 0 { // that was it being added again
		leg.mending--
		return
	}
	hangsUp := leg.bridged && len(leg.joins) == 0
	if n := len(leg.since); hangsUp || n > 0 && leg.since[n-1].absorb { // or nothing of it was passing
		return
	}
	for _, peer := range c.Peers(leg) {
		peer.torn = peer.bridged
	}
}

// mixes says that the call's bridge may be one that mixes: it is recorded, or was until now.
func (c *Call) mixes() bool {
	return len(c.Recordings) > 0 || c.clock.now().Sub(c.recorded) < unmixTime
}

// unmixTime is more than Asterisk takes to turn a bridge back when its recording is over.
const unmixTime = time.Second

// needed says that a leg must stay in the bridge now. To be added again it leaves it for a moment, and a recorder that is
// alone there leaves, too: the recording ends (22.10). So while the call is recorded, another one must be there.
func (c *Call) needed(leg *Leg) bool {
	return len(c.Recordings) > 0 && !slices.ContainsFunc(c.Legs, func(l *Leg) bool { return l != leg && l.bridged && !l.turning })
}

// absorbRetry is the time after which absorb that could not be switched is tried again.
const absorbRetry = time.Second

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

// absorb switches whether a leg's keys are kept from the others, by adding it to its bridge again. Where that fails it is
// as it was: what was absorbed goes on being relayed, what was not goes on being heard.
func (c *Call) absorb(leg *Leg, on bool) {
	c.addAgain(leg, on, func() {
		leg.asked, leg.balked = !on, true
		c.clock.after(absorbRetry, func() { c.post(carried{func(error) { leg.balked = false }, nil}) })
	})
}

// addAgain adds a leg to its bridge again, with the given absorb. failed runs if Asterisk refuses.
func (c *Call) addAgain(leg *Leg, on bool, failed func()) {
	channel, bridge := leg.ID, c.Bridge
	leg.asked, leg.turning = on, true
	leg.joins = append(leg.joins, on)
	c.carry(leg, func() error { return c.calls.cfg.Line.AddToBridge(bridge, channel, on) }, func(err error) {
		leg.turning = false
		if err == nil && len(leg.joins) > 1 { // an earlier one was never confirmed, and will not be
			leg.joins = leg.joins[len(leg.joins)-1:]
		}
		if err != nil && leg.bridged && leg.ID == channel {
			leg.joins = leg.joins[:max(0, len(leg.joins)-1)]
			failed()
			if !errors.Is(err, ErrGone) {
				c.Log.Warn("absorbing digits could not be switched", "leg", leg.Name, "on", on, "error", err)
			}
		}
	})
}

// relay sends digits that were no code to every other leg. The next ones wait until all have heard them.
func (c *Call) relay(from *Leg, digits string) {
	pending := 0
	for _, to := range c.Peers(from) {
		if !to.bridged {
			continue
		}
		pending++
		channel, began := to.ID, c.clock.now()
		first := began.Add(relayLead - c.offset)
		to.echo.sent(first, first.Add(relayTime(len(digits))))
		c.carry(to, func() error { return c.calls.cfg.Line.SendDigits(channel, digits) }, func(err error) {
			if late := c.clock.now().Add(-relayGap - c.offset); late.Sub(first.Add(relayTime(len(digits)))) > relayLate {
				to.echo.sent(first, late) // something else had kept the channel busy before
			}
			if err != nil && !errors.Is(err, ErrGone) {
				c.Log.Warn("digits could not be relayed", "leg", to.Name, "count", len(digits), "error", err)
			}
			if pending--; pending == 0 {
				from.keypad.Relayed()
			}
		})
	}
	if pending == 0 {
		from.keypad.Relayed()
	}
}

// relayLead is the silence before the first digit of a relay (ari-facts 1.3).
const relayLead = 100 * time.Millisecond

// relayGap is the silence after each digit of a relay.
const relayGap = 100 * time.Millisecond

// relayLate is how much later than due a relay's answer may come, without that anything has held it up.
const relayLate = 30 * time.Millisecond

// relayTime is how long digits are played after that, to the end of the last one.
func relayTime(digits int) time.Duration {
	return time.Duration(digits)*(100*time.Millisecond+relayGap) - relayGap
}

// carry runs a command for a leg outside of the call's goroutine, after those sent for it before; then runs on the
// call's goroutine.
func (c *Call) carry(leg *Leg, command func() error, then func(error)) {
	leg.busy++
	c.clock.carry(leg, command, func(err error) {
		c.post(carried{func(err error) { leg.busy--; then(err) }, err})
	})
}

// Beside sends a command for a leg without waiting for it, after those that are under way for the leg; the function that it
// returns waits, and gives what the command has returned, or why it could not be waited for.
func (t *Task) Beside(leg *Leg, command func() error) (wait func() error) {
	done := false
	var said error
	t.Call.carry(leg, command, func(err error) { said, done = err, true })
	return func() error {
		if err := t.Until(0, func() bool { return done }); err != nil {
			return err
		}
		return said
	}
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

// carried: a command of a courier has been answered.
type carried struct {
	then func(error)
	err  error
}

func (keyTimer) event() {}
func (carried) event()  {}

// keypadReport turns what a leg's keypad concludes into events and flows.
type keypadReport struct {
	call *Call
	leg  *Leg
}

func (r keypadReport) Armed(col *Collector) { r.publish("code.armed", col, Notice{}) }

func (r keypadReport) Matched(col *Collector, m *Match, by Decision) {
	r.publish("code.matched", col, Notice{
		Path: m.Kind + "s." + m.Key, Document: string(m.Scope), Digits: len(m.Collected), Result: string(by), Module: m.Node.Module,
	})
	r.call.matched = append(r.call.matched, matched{owner: col.Owner, presser: r.leg, match: m, stamp: r.call.stamp})
}

func (r keypadReport) Unmatched(col *Collector, keys int) {
	r.publish("code.unmatched", col, Notice{Digits: keys})
}

// publish adds who pressed and whose code it is.
func (r keypadReport) publish(kind string, col *Collector, n Notice) {
	about := r.call.NoticeAbout(r.leg, kind)
	about.Account = col.Owner.Owner.Account
	about.ID += ":" + col.Owner.ID + ":" + r.call.stamp.UTC().Format("150405.000")
	about.Path, about.Document, about.Digits, about.Result, about.Module = n.Path, n.Document, n.Digits, n.Result, n.Module
	r.call.publish(about)
}
