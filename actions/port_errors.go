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

// drop hangs a channel up.
func (s *Set) drop(t *calls.Task, channel, doing string) { s.dropWith(t, channel, causeNormal, doing) }

// dropWith hangs a channel up with a cause.
func (s *Set) dropWith(t *calls.Task, channel string, cause int, doing string) {
	_ = s.insist(t, func() error { return s.pbx.Hangup(channel, cause) }, doing)
}

// hangUp hangs a leg's channel up, while the call goes on.
func (s *Set) hangUp(t *calls.Task, leg *calls.Leg, doing string) {
	_ = s.insist(t, func() error { return t.Do(leg.Lane(), s.hangingUp(leg)) }, doing)
}

// variables reads variables of a leg's channel, while the call goes on. That waits for nothing in Asterisk, and so for
// nothing in the leg's lane.
func (s *Set) variables(t *calls.Task, leg *calls.Leg, names ...string) (map[string]string, error) {
	var values map[string]string
	channel := leg.ID
	if err := t.Do(new(calls.Lane), func() (err error) {
		values, err = s.pbx.Variables(channel, names...)
		return err
	}); err != nil {
		return nil, err
	}
	return values, nil
}

// gone says whether err means that the thing is not there any more.
func gone(err error) bool { return errors.Is(err, calls.ErrGone) }
