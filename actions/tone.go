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

// ringTone is the ringing of the channel's tone zone.
const ringTone = "tone:ring"

// sound plays a tone to one leg and to nobody else, while the call goes on: by a whispering snoop, since a play on a
// bridged channel cuts the other side off (ari/ASTERISK.md, Media).
func (s *Set) sound(t *calls.Task, leg *calls.Leg, what tone) *calls.Task {
	return t.Go("tone", func(t *calls.Task) error {
		if !leg.Bridged() {
			return s.soundAlone(t, leg, what)
		}
		return s.whisper(t, leg, what.media, func(string) error { return t.Sleep(what.lasts) })
	})
}

// whisper plays media to one leg of a bridge until the wait, which is told the playback's id, returns.
func (s *Set) whisper(t *calls.Task, leg *calls.Leg, media string, wait func(playback string) error) error {
	snoop := t.Call.Name(calls.ArgSnoop)
	defer s.quietly(func() error { return s.pbx.Hangup(snoop, 0) }, "ending a whisper")
	if err := s.pbx.Snoop(leg.ID, snoop); err != nil {
		return err
	}
	if err := t.AwaitFor(2*time.Second, startedAs(snoop)); err != nil {
		return err
	}
	playback := t.Call.Name("tone")
	if err := s.pbx.Play(snoop, playback, media); err != nil {
		return err
	}
	defer s.quietly(func() error { return s.pbx.StopPlayback(playback) }, "stopping a tone")
	return wait(playback)
}

// soundAlone plays a tone to a leg that is in no bridge.
func (s *Set) soundAlone(t *calls.Task, leg *calls.Leg, what tone) error {
	playback := t.Call.Name("tone")
	if err := s.pbx.Play(leg.ID, playback, what.media); err != nil {
		return err
	}
	defer s.quietly(func() error { return s.pbx.StopPlayback(playback) }, "stopping a tone")
	err := t.Until(what.lasts, func() bool { return leg.Gone })
	if errors.Is(err, calls.ErrTimeout) {
		return nil
	}
	return err
}

// startedAs wants the channel's entry into the application.
func startedAs(channel string) func(calls.Event) bool {
	return func(ev calls.Event) bool {
		started, ok := ev.(calls.Started)
		return ok && started.Channel.ID == channel
	}
}
