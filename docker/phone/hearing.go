package phone

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// silenceLevel is the level in dBFS under which there is silence.
const silenceLevel = -50.0

// Hears reports whether the frequency, in Hz, is heard now: its level over the
// last 200 ms is at least [HearingThreshold]. Frequencies 40 Hz or more apart
// are told from each other.
func (c *Call) Hears(freq float64) bool { return c.Level(freq) >= HearingThreshold }

// Level returns the level of a frequency over the last 200 ms in dBFS: a sine of
// full scale has 0, a phone's tone -12, nothing at all -99.
func (c *Call) Level(freq float64) float64 {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.level(freq)
}

// Volume returns the level of all that is heard over the last 200 ms in dBFS.
func (c *Call) Volume() float64 {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.volume()
}

// Silence reports whether nothing is heard: no packets, or quiet ones.
func (c *Call) Silence() bool { return c.Volume() < silenceLevel }

// Heard reports whether the frequency was there since a time, in any 100 ms from
// then to now; a zero time stands for the call's begin. Tones of 20 ms and more
// are found. Up to ten minutes are remembered.
func (c *Call) Heard(freq float64, since time.Time) bool {
	return c.media.ear.heard(freq, since, time.Now())
}

// HeardBetween reports whether the frequency was there between two times.
func (c *Call) HeardBetween(freq float64, from, to time.Time) bool {
	return c.media.ear.heard(freq, from, to)
}

// WaitTone blocks until the frequency is heard.
func (c *Call) WaitTone(ctx context.Context, freq float64) error {
	return c.waitHeard(ctx, fmt.Sprintf("%g Hz", freq), func(e *ear) bool { return e.level(freq) >= HearingThreshold })
}

// WaitNoTone blocks until the frequency is not heard; after the call's end that
// is so.
func (c *Call) WaitNoTone(ctx context.Context, freq float64) error {
	return c.waitHeard(ctx, fmt.Sprintf("no %g Hz", freq), func(e *ear) bool { return e.level(freq) < HearingThreshold })
}

// WaitSilence blocks until nothing is heard.
func (c *Call) WaitSilence(ctx context.Context) error {
	return c.waitHeard(ctx, "silence", func(e *ear) bool { return e.volume() < silenceLevel })
}

// WaitSound blocks until a packet that is not silent has come after a time, and
// returns the arrival of the first one.
func (c *Call) WaitSound(ctx context.Context, after time.Time) (first time.Time, err error) {
	err = c.waitHeard(ctx, "a sound", func(e *ear) (yes bool) {
		first, yes = e.sound(after)
		return yes
	})
	return first, err
}

// waitHeard waits for ok; the error says what was heard instead.
func (c *Call) waitHeard(ctx context.Context, what string, ok func(*ear) bool) error {
	start, e := time.Now(), c.media.ear
	err := e.wait(ctx, func() bool { return ok(e) })
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: waited %s for %s, heard %s: %w", c, since(start), what, c.Hearing(), err)
}

// Hearing tells a person what is heard now, as in "523 Hz at -12 dBFS".
func (c *Call) Hearing() string {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	freq, level := e.strongest()
	switch {
	case e.stats.Packets == 0:
		return "nothing: no packet came"
	case e.closed:
		return "nothing: the call has ended"
	case e.volume() < silenceLevel:
		return fmt.Sprintf("silence, last packet %s ago", since(e.stats.Last))
	case level < HearingThreshold:
		return fmt.Sprintf("no tone, sound at %.0f dBFS", e.volume())
	}
	return fmt.Sprintf("%g Hz at %.0f dBFS", freq, level)
}

// MaxGap returns the longest time without an audio packet since a time, up to
// now or the call's end. Digits are no audio.
func (c *Call) MaxGap(since time.Time) time.Duration {
	return c.media.ear.maxGap(since, time.Now())
}

// Audio returns what was heard since a time as 16-bit samples at 8000 Hz, with
// silence where no packets came.
func (c *Call) Audio(since time.Time) []int16 { return c.media.ear.samples(since) }

// RTP returns what was received so far.
func (c *Call) RTP() RTPStats {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// SetTone changes the frequency in Hz of the tone that the phone sends into this
// call; 0 is silence.
func (c *Call) SetTone(freq float64) { c.media.setTone(freq) }

// Digits returns the keys heard so far, by RFC 4733 and INFO alike. A key counts
// when it is released.
func (c *Call) Digits() string {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.keys()
}

// DigitEvents returns the digits heard so far.
func (c *Call) DigitEvents() []Digit {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.digits)
}

// ForgetDigits empties the list of digits heard.
func (c *Call) ForgetDigits() {
	e := c.media.ear
	e.mu.Lock()
	defer e.mu.Unlock()
	e.digits = nil
}

// WaitDigits blocks until the keys heard since the call's begin, or since
// ForgetDigits, are exactly want. When they can no longer become that it fails
// at once.
func (c *Call) WaitDigits(ctx context.Context, want string) error {
	start, e := time.Now(), c.media.ear
	var heard string
	wrong := false
	err := e.wait(ctx, func() bool {
		heard = e.keys()
		wrong = !strings.HasPrefix(want, heard)
		return wrong || heard == want
	})
	if err == nil && wrong {
		return fmt.Errorf("%s: waited %s for digits %q, heard %q", c, since(start), want, heard)
	}
	if err != nil {
		return fmt.Errorf("%s: waited %s for digits %q, heard %q: %w", c, since(start), want, heard, err)
	}
	return nil
}
