package actions

import (
	"errors"
	"time"

	"metaflows/flows/calls"
)

// giveContext is what is to be done about a leg that may dial nowhere.
const giveContext = "give the endpoint a context: set_var=METAFLOWS_CONTEXT=<context> in pjsip.conf"

// quietly runs a command that puts something back: what is already gone is as wanted, at shutdown
// nothing is done, and what is asked while the call ends is what its end puts in order.
func (s *Set) quietly(command func() error, doing string) {
	err := command()
	if err != nil && !errors.Is(err, calls.ErrGone) && !errors.Is(err, calls.ErrDetached) && !errors.Is(err, calls.ErrCallEnded) {
		s.log.Warn("a command failed", "doing", doing, "error", err)
	}
}

// insist runs a command until it is done, what it is about is gone, or there is no point in trying again: it is for what
// must not be left undone. It waits between the tries, unless the call is ending.
func (s *Set) insist(t *calls.Task, command func() error, doing string) error {
	var err error
	for _, pause := range []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second} {
		if pause > 0 && t.Ending() == nil {
			_ = t.Sleep(pause)
		}
		if err = command(); err == nil || gone(err) {
			return nil
		}
		if !errors.Is(err, calls.ErrUnavailable) && !errors.Is(err, calls.ErrCallEnded) { // which asks again when it does not wait
			break
		}
	}
	if !errors.Is(err, calls.ErrDetached) {
		s.log.Error("a command failed for good", "doing", doing, "error", err,
			"do", "see what Asterisk's own log says at this time, and by metaflows doctor what is left over")
	}
	return err
}

// ask sends a request about a leg's channel in the leg's lane, while the call goes on.
func ask(t *calls.Task, leg *calls.Leg, request func(channel string) error) error {
	channel := leg.ID
	return t.Do(leg.Lane(), func() error { return request(channel) })
}

// set writes variables of a leg's channel, but not its state.
func (s *Set) set(t *calls.Task, leg *calls.Leg, vars map[string]string) error {
	return ask(t, leg, func(channel string) error { return s.pbx.SetVariables(channel, vars) })
}

// hangUp hangs a leg's channel up.
func (s *Set) hangUp(t *calls.Task, leg *calls.Leg, doing string) {
	s.hangUpWith(t, leg, causeNormal, doing)
}

// hangUpWith hangs a leg's channel up with a cause. It does not wait for what is under way for the leg: that ends by it.
func (s *Set) hangUpWith(t *calls.Task, leg *calls.Leg, cause int, doing string) {
	_ = s.insist(t, func() error {
		if leg.Gone {
			return nil
		}
		channel := leg.ID
		return t.Do(new(calls.Lane), func() error { return s.pbx.Hangup(channel, cause) })
	}, doing)
}

// drop hangs a channel up that is no leg.
func (s *Set) drop(t *calls.Task, channel, doing string) {
	_ = s.insist(t, func() error {
		return t.Do(t.Call.Lane(channel), func() error { return s.pbx.Hangup(channel, causeNormal) })
	}, doing)
}

// createBridge makes a bridge.
func (s *Set) createBridge(t *calls.Task, bridge string) error {
	return t.Do(t.Call.Lane(bridge), func() error { return s.pbx.CreateBridge(bridge) })
}

// deleteBridge removes a bridge that is not needed any more.
func (s *Set) deleteBridge(t *calls.Task, bridge, doing string) {
	s.quietly(func() error {
		return t.Do(t.Call.Lane(bridge), func() error { return s.pbx.DeleteBridge(bridge) })
	}, doing)
}

// addToBridge puts a channel that is no leg into a bridge.
func (s *Set) addToBridge(t *calls.Task, bridge, channel string) error {
	return t.Do(t.Call.Lane(channel), func() error { return s.pbx.AddToBridge(bridge, channel, false) })
}

// variables reads variables of a leg's channel.
func (s *Set) variables(t *calls.Task, leg *calls.Leg, names ...string) (map[string]string, error) {
	return s.variablesOf(t, leg.ID, names...)
}

// variablesOf reads variables of a channel. That waits for nothing in Asterisk, and so for nothing in a lane.
func (s *Set) variablesOf(t *calls.Task, channel string, names ...string) (map[string]string, error) {
	var values map[string]string
	if err := t.Do(new(calls.Lane), func() (err error) {
		values, err = s.pbx.Variables(channel, names...)
		return err
	}); err != nil {
		return nil, err
	}
	return values, nil
}

// unlessGone is a request for which it is no error that the thing is not there any more.
func unlessGone(request func() error) func() error {
	return func() error {
		if err := request(); !gone(err) {
			return err
		}
		return nil
	}
}

// unlessGoneInTurn is unlessGone of a request of a step.
func unlessGoneInTurn(request calls.Sending) calls.Sending {
	return func(turn *calls.Turn) error { return unlessGone(func() error { return request(turn) })() }
}

// gone says whether err means that the thing is not there any more.
func gone(err error) bool { return errors.Is(err, calls.ErrGone) }
