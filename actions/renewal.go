package actions

import (
	"errors"
	"time"

	"metaflows/flows/calls"
)

// An Asterisk of Debian's lets an ear be deaf when the sound of its leg comes from somewhere else than before, for minutes or for
// ever: behind a Local channel somebody else talks, or a phone begins anew after it has held the other. Only an ear that is made when
// nothing of the former is left on the leg's channel hears what comes then (ari/ASTERISK.md, An ear that goes deaf).

const (
	// sourceTime is how long nothing may change any more before an ear is renewed: one that hears the last of the former source is
	// deaf for the next again.
	sourceTime = 100 * time.Millisecond
	// renewTime is the most that a renewal takes others' time.
	renewTime = time.Second
	// lookTime is between two looks whether an ear is gone, and stuckTime how long it may take where sound flows.
	lookTime  = 2 * time.Millisecond
	stuckTime = 60 * time.Millisecond
)

// renewed: nobody waits for the ear of that leg any more.
func (b *beside) renewed(stay *calls.Stay) {
	if b.renewing == stay {
		b.renewing = nil
	}
}

// watch counts the changes of what a leg sends, from before its ear is made.
func (e *ear) watch(t *calls.Task) {
	t.Expect(func(ev calls.Event) bool {
		if source, ok := ev.(calls.SourceChanged); ok && source.Channel == e.stay.Channel {
			e.changes++
		}
		return e.over
	})
}

// keep stays with an ear until its leg has left, or it is to be renewed, or somebody else has ended it.
func (b *beside) keep(t *calls.Task, e *ear) error {
	done := func() bool { return e.stay.Over() || e.ended() }
	for seen := 0; ; {
		if err := t.Until(0, func() bool { return done() || e.changes > seen }); err != nil {
			return err
		}
		for range 10 { // somebody may change all the time
			seen = e.changes
			if err := t.Until(sourceTime, func() bool { return done() || e.changes > seen }); errors.Is(err, calls.ErrTimeout) || done() {
				break
			} else if err != nil {
				return err
			}
		}
		if err := t.Until(0, func() bool { return done() || b.renewing == nil }); err != nil {
			return err
		}
		switch {
		case e.stay.Over():
			return nil
		case e.ended():
			return errDeaf
		case len(b.inside) > 1: // the last one does not leave, since the recording would end
			b.renewing = e.stay
			return errStale
		}
	}
}

// awaitDetached waits until nothing of an ear that was hung up is left on its leg's channel. Asterisk takes it off with the next
// sound, whichever way; where none flows silence lets it. It has ended with its StasisEnd for everybody else.
func (s *Set) awaitDetached(t *calls.Task, e *ear) {
	id, channel := e.id, e.stay.Channel
	lane := t.Call.Lane(id)
	there, silent := true, false
	look := func() error {
		there = s.pbx.Exists(id)
		return nil
	}
	for began := time.Now(); there && time.Since(began) < renewTime; _ = t.Sleep(lookTime) {
		if t.Do(lane, look) != nil || !there {
			break
		}
		if !silent && time.Since(began) > stuckTime {
			silent = true
			s.quietly(func() error {
				return t.Do(lane, func() error { return s.pbx.StartSilence(channel) })
			}, "letting a channel let an ear go")
		}
	}
	if silent { // else the leg hears nobody any more
		_ = s.insist(t, func() error {
			return t.Do(lane, func() error { return s.pbx.StopSilence(channel) })
		}, "ending the silence that let a channel let an ear go")
	}
}
