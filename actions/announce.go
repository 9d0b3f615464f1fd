package actions

import (
	"time"

	"metaflows/flows"
)

// longestSound is how long an announcement may take.
const longestSound = 5 * time.Minute

// announce plays media to one leg and to nobody else, to its end or the leg's; in a bridge by a whispering snoop, while the
// call goes on.
func (s *Set) announce(t *flows.Task, leg *flows.Leg, media string) error {
	if leg.Bridged() {
		return s.whisper(t, leg, media, func(playback string) error { return played(t, leg, playback) })
	}
	playback := t.Call.Name("sound")
	if err := s.pbx.Play(leg.ID, playback, media); err != nil {
		return err
	}
	return played(t, leg, playback)
}

// played waits for the end of a playback.
func played(t *flows.Task, leg *flows.Leg, playback string) error {
	return t.AwaitUntil(longestSound, func(ev flows.Event) bool {
		done, ok := ev.(flows.PlaybackDone)
		return ok && done.Playback == playback
	}, func() bool { return leg.Gone })
}
