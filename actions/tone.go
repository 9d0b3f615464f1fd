package actions

import (
	"errors"
	"time"

	"metaflows/flows/calls"
)

// tone is what one party hears of an outcome.
type tone struct {
	media string // ARI tone, which plays until stopped; ARI splits media at commas
	lasts time.Duration
}

var (
	// confirmTone: it is done.
	confirmTone = tone{"tone:1000", 200 * time.Millisecond}
	// errorTone: it could not be done.
	errorTone = tone{"tone:400", 600 * time.Millisecond}
)

// sound plays a tone to one leg and to nobody else, while the call goes on: by a whispering snoop, since a play on a
// bridged channel cuts the other side off (ari/ASTERISK.md, Media).
func (s *Set) sound(t *calls.Task, leg *calls.Leg, what tone) *calls.Task {
	return t.Go("tone", func(t *calls.Task) error {
		if !leg.Bridged() {
			return s.soundAlone(t, leg, what)
		}
		return s.whisper(t, leg, what.media, func(func() bool) error { return t.Sleep(what.lasts) })
	})
}

// whisper plays media to one leg of a bridge until the wait returns, which is told when the playback has ended by itself.
func (s *Set) whisper(t *calls.Task, leg *calls.Leg, media string, wait func(ended func() bool) error) error {
	snoop, playback, channel := t.Call.Name(calls.ArgSnoop), t.Call.Name("tone"), leg.ID
	defer t.Call.Forget(playback)
	defer t.Call.Forget(snoop)
	lane := t.Call.Lane(snoop)
	ask := func(request func() error) func() error {
		return func() error { return t.Do(lane, request) }
	}
	defer s.quietly(ask(func() error { return s.pbx.Hangup(snoop, 0) }), "ending a whisper")
	entered, ended := t.Expect(startedAs(snoop)), t.Expect(endOf(playback))
	if err := t.Do(lane, func() error { return s.pbx.Snoop(channel, snoop) }); err != nil {
		return err
	}
	if err := t.Until(2*time.Second, entered); err != nil {
		return err
	}
	err := t.Do(lane, func() error {
		// A whisper is no call of its own, and would have a row in the call records.
		if err := s.pbx.SetVariables(snoop, map[string]string{"CDR_PROP(disable)": "1"}); err != nil {
			return err
		}
		return s.pbx.Play(snoop, playback, media)
	})
	if err != nil {
		return err
	}
	defer s.quietly(ask(func() error { return s.pbx.StopPlayback(playback) }), "stopping a tone")
	return wait(ended)
}

// soundAlone plays a tone to a leg that is in no bridge. Asterisk does nothing else for the leg until the tone is stopped, and
// a task may hold the call up for just that: so the tone is one request with its end, which needs no call.
func (s *Set) soundAlone(t *calls.Task, leg *calls.Leg, what tone) error {
	channel, playback := leg.ID, t.Call.Name("tone")
	defer t.Call.Forget(playback)
	lane := t.Call.Lane(playback)
	stop := func() error { return s.pbx.StopPlayback(playback) }
	over := make(chan struct{})
	err := t.Do(lane, func() error {
		if err := s.pbx.Play(channel, playback, what.media); err != nil {
			return err
		}
		select {
		case <-over: // whoever has ended the task stops it, or nobody is to
		case <-time.After(what.lasts):
			s.quietly(stop, "stopping a tone")
		}
		return nil
	})
	close(over)
	if errors.Is(err, calls.ErrCallEnded) {
		s.quietly(func() error { return t.Do(lane, stop) }, "stopping a tone")
	}
	return err
}

// endOf wants the end of a playback.
func endOf(playback string) func(calls.Event) bool {
	return func(ev calls.Event) bool {
		done, ok := ev.(calls.PlaybackDone)
		return ok && done.Playback == playback
	}
}

// startedAs wants the channel's entry into the application.
func startedAs(channel string) func(calls.Event) bool {
	return func(ev calls.Event) bool {
		started, ok := ev.(calls.Started)
		return ok && started.Channel.ID == channel
	}
}
