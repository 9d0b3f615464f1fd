package calls

import (
	"errors"
	"slices"
	"time"
)

// Join puts a leg into the call's bridge, and returns when it has been asked for; the call goes on meanwhile.
func (t *Task) Join(leg *Leg) error {
	if err := t.Do(leg.Lane(), t.Call.joining(leg)); err != nil {
		leg.joins = nil
		return err
	}
	leg.bridged = true
	return nil
}

// JoinAll puts those of the legs into the call's bridge that are not in it, by one request if there are several, and else one
// by one. That a leg is gone is no error.
func (t *Task) JoinAll(legs ...*Leg) error {
	legs = slices.DeleteFunc(slices.Clone(legs), (*Leg).Bridged)
	if len(legs) > 1 {
		j := t.Call.JoiningAll(legs...)
		r := j.Request()
		err := t.Do(r.lane, r.send.Alone())
		if failed := j.Over(t); !failed || errors.Is(err, ErrUnavailable) {
			return err
		}
	}
	return t.JoinEach(legs...)
}

// JoinEach is JoinAll by one request for each leg.
func (t *Task) JoinEach(legs ...*Leg) error {
	for _, leg := range legs {
		if leg.bridged {
			continue
		}
		if err := t.Join(leg); err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

// Joining are legs on their way into the call's bridge, by one request.
type Joining struct {
	call *Call
	legs []*Leg
	sent bool
	err  error
}

// JoiningAll begins to put those of the legs into the call's bridge that are not in it. Its Request is to be sent, and then it is
// over.
func (c *Call) JoiningAll(legs ...*Leg) *Joining {
	j := &Joining{call: c, legs: slices.DeleteFunc(slices.Clone(legs), (*Leg).Bridged)}
	for _, leg := range j.legs {
		leg.beginJoin()
		leg.lane.busy++ // who parts with it waits
	}
	return j
}

// Request goes in the bridge's lane, behind what makes the bridge, and not in those of the legs: so not behind what their
// channels are told, unless it follows that in a step.
func (j *Joining) Request() Request {
	line, bridge := j.call.calls.cfg.Line, j.call.Bridge
	channels := make([]string, len(j.legs))
	for i, leg := range j.legs {
		channels[i] = leg.ID
	}
	return Then(j.call.Lane(bridge), func() error {
		if j.sent = true; len(channels) > 0 {
			j.err = line.AddAllToBridge(bridge, channels...)
		}
		return j.err
	})
}

// Over ends it when the request has been answered, or will not be waited for. It says whether that has failed, and not
// something else of its step: nobody knows then which of the legs are there.
func (j *Joining) Over(t *Task) (failed bool) {
	there := t.ending == nil && j.sent && j.err == nil
	for _, leg := range j.legs {
		leg.lane.busy--
		if leg.bridged = there; !there {
			leg.joins = nil
		}
	}
	return t.ending == nil && j.sent && j.err != nil
}

// joining is the request that puts a leg into the call's bridge.
func (c *Call) joining(leg *Leg) func() error {
	join, line := c.Joining(leg), c.calls.cfg.Line
	return func() error { return join(line) }
}

// Joining is Join's request, for a step. Whoever makes that says by Joined that it is done.
func (c *Call) Joining(leg *Leg) func(Adder) error {
	leg.beginJoin()
	bridge, channel := c.Bridge, leg.ID
	return func(by Adder) error { return by.AddToBridge(bridge, channel, false) }
}

// beginJoin: it is being put into the bridge, where nothing of it is absorbed.
func (l *Leg) beginJoin() {
	l.joins = []bool{false}
	l.asked, l.unknown, l.torn, l.removed = false, false, false, time.Time{}
}
