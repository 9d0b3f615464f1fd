package flows

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// readingSim is a bridge with a clock of its own.
type readingSim struct {
	now  time.Time
	plan []readingEvent
	log  []string
}

type readingEvent struct {
	at     time.Time
	happen func()
}

func (s *readingSim) Now() time.Time { return s.now }

func (s *readingSim) At(at time.Time, happen func()) {
	s.plan = append(s.plan, readingEvent{at, happen})
}

func (s *readingSim) say(what string) {
	s.log = append(s.log, fmt.Sprintf("%d %s", s.now.Sub(padEpoch).Milliseconds(), what))
}

func (s *readingSim) Reported(key byte, _ time.Duration, again bool) {
	s.say(string(key) + map[bool]string{false: " told", true: " told again"}[again])
}

func (s *readingSim) Begins(key byte) { s.say(string(key)) }

func (s *readingSim) Ends(at time.Time) {
	s.say(fmt.Sprintf("until %d", at.Sub(padEpoch).Milliseconds()))
}

// run lets everything happen, what is due at the same time in the order in which it was planned.
func (s *readingSim) run() {
	for len(s.plan) > 0 {
		next := slices.MinFunc(s.plan, func(a, b readingEvent) int { return a.at.Compare(b.at) })
		i := slices.IndexFunc(s.plan, func(e readingEvent) bool { return e.at.Equal(next.at) })
		happen := s.plan[i].happen
		s.now, s.plan = next.at, slices.Delete(s.plan, i, i+1)
		happen()
	}
}

// TestReading: what Asterisk 22.10 was seen to do (ari/ASTERISK.md, Digits), in ms.
func TestReading(t *testing.T) {
	for _, c := range []struct {
		about     string
		keys      string
		first     int // when the first one is pressed
		hold, gap int
		sent      int // when a digit that the phone was sent has ended; 0: none
		want      string
	}{
		{"slowly", "12", 0, 100, 100, 0, "0 1; 100 1 told; 100 until 100; 200 2; 300 2 told; 300 until 300"},
		{"a short digit is stretched", "1", 0, 50, 0, 0, "0 1; 50 1 told; 50 until 80"},
		{"the second begins when it is released", "12", 0, 60, 40, 0, "0 1; 60 1 told; 60 until 80; 160 2 told; 160 2; 160 until 240"},
		{"from the third on they are put back", "1234", 0, 60, 40, 0, "0 1; 60 1 told; 60 until 80; 160 2 told; 160 2; 160 until 240; " +
			"260 3 told; 285 3 told again; 285 3; 285 until 365; 360 4 told; 410 4 told again; 410 4; 410 until 490"},
		{"nothing is read behind it", "123456", 0, 40, 20, 0, "0 1; 40 1 told; 40 until 80; 100 2 told; 125 2 told again; 125 2; 125 until 205; " +
			"160 3 told; 250 3 told again; 250 3; 250 until 330; 250 4 told; 375 4 told again; 375 4; 375 until 455; " +
			"375 5 told; 500 5 told again; 500 5; 500 until 580; 500 6 told; 625 6 told again; 625 6; 625 until 705"},
		{"a deaf phone", "5", 300, 100, 0, 100, "400 5 told; 400 5; 400 until 500"},
		{"a key that is held longer", "5", 300, 600, 0, 100, "600 5; 900 5 told; 900 until 900"},
		{"long after", "5", 700, 100, 0, 100, "700 5; 800 5 told; 800 until 800"},
	} {
		ms := func(n int) time.Time { return padEpoch.Add(time.Duration(n) * time.Millisecond) }
		s := &readingSim{}
		r := Reading{Bridge: s}
		if c.sent > 0 {
			r.Sent(ms(c.sent))
		}
		for i, key := range []byte(c.keys) {
			down := c.first + i*(c.hold+c.gap)
			s.At(ms(down), func() { r.Down(key) })
			s.At(ms(down+c.hold), func() { r.Up(key, time.Duration(c.hold)*time.Millisecond) })
		}
		s.run()
		if got := strings.Join(s.log, "; "); got != c.want {
			t.Errorf("%s: it went\n  %s\nwant\n  %s", c.about, got, c.want)
		}
	}
}
