package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// length is how long a recording is.
func length(samples []int16) time.Duration { return time.Duration(len(samples)) * time.Second / rate }

// A phone that holds the other by its own means gives it music while the call is recorded, too, either way.
func TestRecordedHold(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*9")
	l.event("recording.started", 1)
	for _, parties := range [][2]*phone.Call{{a, b}, {b, a}} {
		one, other := parties[0], parties[1]
		l.must(one.Hold(l.soon(5 * time.Second)))
		l.hears(other, musicDefault)
		l.must(one.Unhold(l.soon(5 * time.Second)))
		l.must(other.WaitNoTone(l.soon(5*time.Second), musicDefault))
		l.talk(one, other)
	}
	l.heldFor(a, b, time.Second)
	l.press(b, "*9")
	samples := l.recording(l.event("recording.stored", 1).Recording)
	end := length(samples)
	for _, name := range []string{"alice", "bob"} {
		if !holds(samples, tones[name], end-1400*time.Millisecond, end-700*time.Millisecond) {
			t.Errorf("%s is not in the recording after the holds", name)
		}
	}
	l.hangUp(a)
	l.ended(b)
}

// A recorded call that is transferred, and transferred again by the target: who is left hears whoever is there, and so does the
// recording, also where the sound is Asterisk's own.
func TestRecordedTwiceTransferred(t *testing.T) {
	for _, tt := range []struct {
		name, to string
		source   float64
	}{
		{"to an announcement", "1234", 523},
		{"to a phone", "1004", tones["dave"]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", recordCodes)
			carol, dave := l.phone("carol"), l.phone("dave")
			a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
			start := l.press(b, "*9").End()
			l.event("recording.started", 1)
			l.press(b, "*21003")
			c := l.incoming(carol)
			l.talk(a, c)
			l.heldFor(a, c, time.Second)
			l.press(c, "*2"+tt.to)
			l.ended(c)
			if tt.to == "1004" {
				l.talk(a, l.incoming(dave))
			}
			l.hears(a, tt.source)
			from := time.Since(start) + 500*time.Millisecond
			time.Sleep(1500 * time.Millisecond) // to be recorded
			l.hangUp(a)
			samples := l.recording(l.event("recording.stored", 1).Recording)
			if !holds(samples, tt.source, from, from+800*time.Millisecond) {
				t.Errorf("whom alice hears is not in the recording from %s to %s", from, from+800*time.Millisecond)
			}
			if !holds(samples, tones["alice"], 250*time.Millisecond, length(samples)-250*time.Millisecond) {
				t.Error("alice is not in the whole of the recording")
			}
		})
	}
}
