package actions

import (
	"errors"
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// parseSounds reads A(called:calling).
func parseSounds(value string) (called, calling string, err error) {
	if strings.Contains(value, ",") { // ARI splits media there
		return "", "", errors.New("has a comma: accepted are names of sound files, as A(called:calling)")
	}
	called, calling, _ = strings.Cut(value, ":")
	return called, calling, nil
}

// introduce plays what option A says to a callee that has answered and to the caller, who are not connected yet.
func (d *dialling) introduce(callee *calls.Leg) error {
	if d.args.calledSound+d.args.callingSound == "" {
		return nil
	}
	if d.args.answer > 0 { // the guards of the dialling would cut a long one
		for _, leg := range []*calls.Leg{d.caller, callee} {
			d.quietly(func() error {
				return d.set(d.t, leg, map[string]string{"TIMEOUT(absolute)": d.guard(longestSound)})
			}, "making room for an announcement")
		}
	}
	var playing []*calls.Task
	play := func(leg *calls.Leg, sound string) {
		if sound != "" {
			playing = append(playing, d.t.Go("announcement", func(t *calls.Task) error { return d.announce(t, leg, "sound:"+sound) }))
		}
	}
	play(callee, d.args.calledSound)
	play(d.caller, d.args.callingSound)
	return d.t.Until(0, func() bool { return d.caller.Gone || callee.Gone || allDone(playing) })
}

// allDone says whether tasks have ended.
func allDone(tasks []*calls.Task) bool {
	return !slices.ContainsFunc(tasks, func(t *calls.Task) bool { return !t.Done() })
}

// longestSound is how long an announcement may take.
const longestSound = 5 * time.Minute

// announce plays media to one leg and to nobody else, to its end or the leg's; in a bridge by a whispering snoop, while the
// call goes on.
func (s *Set) announce(t *calls.Task, leg *calls.Leg, media string) error {
	if leg.Bridged() {
		return s.whisper(t, leg, media, func(ended func() bool) error { return played(t, leg, ended) })
	}
	playback := t.Call.Name("sound")
	defer t.Call.Forget(playback)
	ended := t.Expect(endOf(playback))
	channel := leg.ID
	if err := t.Do(t.Call.Lane(playback), func() error { return s.pbx.Play(channel, playback, media) }); err != nil {
		return err
	}
	return played(t, leg, ended)
}

// played waits for the end of a playback, or of the leg.
func played(t *calls.Task, leg *calls.Leg, ended func() bool) error {
	return t.Until(longestSound, func() bool { return ended() || leg.Gone })
}
