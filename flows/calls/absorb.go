package calls

import (
	"errors"
	"slices"
	"time"
)

// turn adds a leg to its bridge again if that is due: to switch whether its keys are kept from the others, or to end a digit
// that it is being sent.
func (c *Call) turn(leg *Leg) {
	if !leg.removed.IsZero() {
		c.putBack(leg)
		return
	}
	if want := c.keeps(leg) && !c.hurried || leg.spared && leg.asked; want != leg.asked || leg.unknown {
		at := c.keysUp(leg)
		if want {
			at = c.mayKeep(leg)
		}
		if c.hurried || !c.clock.now().Before(at) {
			c.addAgain(leg, want)
			return
		}
		c.wake(leg, at)
	}
	if leg.torn && slices.ContainsFunc(c.Legs, func(l *Leg) bool { return l != leg && l.present() }) {
		c.addAgain(leg, leg.asked)
	}
}

// Spare lets a leg be that is likely to leave its bridge in a moment: its keys stay kept from the others, where they are, until
// over is called. To let them pass it would be added again, and what takes it out would wait for that.
func (t *Task) Spare(leg *Leg) (over func()) {
	leg.spared = true
	return func() {
		if leg.spared = false; leg.keypad != nil {
			t.Call.serveKeys(leg)
		}
	}
}

// keeps says that a leg's keys are to be kept from the others: its keypad wants it, or the last key of a code was put back and
// begins for the bridge in a moment.
func (c *Call) keeps(leg *Leg) bool {
	return leg.keypad.Absorb() || leg.timeline.putBack && leg.keypad.Swallowed() && c.clock.now().Before(leg.calm)
}

// Asterisk tells of a key when it is released, so that one that is down is not known of. Right after the report of a key no
// other of the leg is down, and after a pause probably none.
const (
	justReleased = 25 * time.Millisecond
	typingPause  = 300 * time.Millisecond // of another leg
	ownPause     = 5 * time.Second        // of the leg whose absorb is switched off: who types on is relayed on
)

// keysUp is from when a leg's keys may pass again for all that is known of keys that are down; what is past is now. A key
// that is down then ends for the others without having begun. While Asterisk is still at a digit, whoever hears it would hear
// it cut, twice or not at all.
func (c *Call) keysUp(added *Leg) (at time.Time) {
	for _, leg := range c.Legs {
		pause := typingPause
		if leg == added && !leg.keypad.Closed() { // else there is not so much time
			pause = ownPause
		}
		at = later(at, later(leg.calm, c.paused(leg.released, pause)))
	}
	return at
}

// mayKeep is from when a leg's keys may be kept from the others; what is past is now. A code goes on at once, so that this
// waits for the end of the leg's own digit alone, as early as that may be: its next one does not begin for flows.MinGap after that,
// for the bridge. Only another whose keys pass, and of whom one has just passed, is waited for: the leg would hear its digit twice.
func (c *Call) mayKeep(leg *Leg) (at time.Time) {
	at = leg.timeline.ends()
	for _, peer := range c.Peers(leg) {
		if kept := peer.asked && len(peer.joins) == 0; !kept {
			at = later(at, later(peer.calm, c.paused(peer.passed, typingPause)))
		}
	}
	return at
}

// paused is when no key will have been pressed for a time since the last one, zero if that is past or another is not to be
// expected yet.
func (c *Call) paused(last time.Time, pause time.Duration) time.Time {
	if since := c.clock.now().Sub(last); since > justReleased && since < pause {
		return last.Add(pause)
	}
	return time.Time{}
}

// tear: a channel has left the bridge at stamp, for a moment or for good. In a bridge that mixes, the others are then left
// without the end of a digit of its that was passing, and hear nothing of anybody until another digit ends (22.10:
// softmix_bridge_write drops what bridge_channel_settle_owed_events writes). Asterisk ends what a channel is being sent when
// that channel leaves: so each of them is added again. Who is only entering has missed nothing, and makes no third.
func (c *Call) tear(channel string, stamp time.Time) {
	i := slices.IndexFunc(c.all, func(l *Leg) bool { return l.ID == channel || l.former == channel })
	if i < 0 {
		return
	}
	leg := c.all[i]
	if leg.ID == channel {
		if leg.away, leg.left = true, stamp; len(leg.joins) == 0 {
			leg.removed = c.clock.now()
		}
		if leg.whole() {
			return
		}
	}
	peers := slices.DeleteFunc(c.Peers(leg), func(l *Leg) bool { return !l.bridged || l.entering() })
	if len(peers) < 2 { // a bridge of two does not mix
		return
	}
	for _, peer := range peers {
		peer.torn = true
	}
}

// addAgain adds a leg to its bridge again, with or without its keys being kept from the others. Where that fails it is as it
// was, or nobody knows: it is tried again.
func (c *Call) addAgain(leg *Leg, absorb bool) {
	channel, bridge := leg.ID, c.Bridge
	asked, unknown, torn := leg.asked, leg.unknown, leg.torn
	leg.asked, leg.unknown, leg.torn, leg.turning = absorb, false, false, true
	leg.joins = append(leg.joins, absorb)
	c.carry(leg.Lane(), func() error { return c.calls.cfg.Line.AddToBridge(bridge, channel, absorb) }, func(err error) {
		leg.turning = false
		if err == nil && len(leg.joins) > 1 { // an earlier one was never confirmed, and will not be
			leg.joins = leg.joins[len(leg.joins)-1:]
		}
		if err == nil || leg.ID != channel {
			return
		}
		if leg.joins = leg.joins[:max(0, len(leg.joins)-1)]; !leg.bridged {
			return
		}
		leg.balked, leg.torn = true, leg.torn || torn
		if errors.Is(err, ErrUnavailable) {
			leg.unknown = true // it may come yet
		} else {
			leg.asked, leg.unknown = asked, unknown
		}
		c.clock.after(absorbRetry, func() { c.post(carried{func(error) { leg.balked = false }, nil}) })
		if !errors.Is(err, ErrGone) {
			c.Log.Warn("a party could not be added to its bridge again", "leg", leg.Label(), "absorb", absorb, "error", err)
		}
	})
}

// putBack adds a leg again that is held to be in the bridge and has left it, without our having asked for that: a request of
// which we had no answer was carried out late, when what it belonged to had been undone. Once for each time, and a moment later:
// who has hung up, is sent to the dialplan (continue), is moved to another bridge, or has another in its place (REFER, pickup)
// leaves the bridge first, and is known to be elsewhere only then.
func (c *Call) putBack(leg *Leg) {
	if at := leg.removed.Add(strayTime); c.clock.now().Before(at) {
		c.wake(leg, at)
		return
	}
	if leg.removed = (time.Time{}); leg.Ending || c.over != nil {
		return
	}
	c.Log.Warn("a party has left its bridge, though nobody has asked for that now: it is added again", "leg", leg.Label())
	c.addAgain(leg, leg.asked)
}

// strayTime is more than Asterisk takes to tell where a channel is that has left a bridge.
const strayTime = time.Second

// absorbRetry is the time after which a leg that could not be added again is tried once more.
const absorbRetry = time.Second
