package typists

import (
	"strings"
	"time"
)

// digitTimeout is the documents': after it, from release to release, what was begun is over.
const digitTimeout = 800 * time.Millisecond

// fate is what may become of a key.
type fate int

const (
	heard   fate = iota // by the other party, once
	perhaps             // heard, once, or not
	kept                // not heard
	unsure              // nobody can say
)

// act is a code that somebody has pressed, and when it was decided.
type act struct {
	path string
	at   time.Duration
}

// reader tells codes in the keys of one person by the rules of flows/README.md (Collecting; Keys in special places), written
// down once more and as simply as the codes of a story allow.
type reader struct {
	codes    []code
	fates    []fate // of the keys so far
	acts     []act
	armed    bool
	lapsed   bool // the time after its binding digit is over
	binding  int  // the index of that; -1: it is let go of
	first    int  // and of the key behind it
	run      string
	deadline time.Duration
	last     time.Duration // when the last key was told
	lost     bool          // what they mean is not known, up to the next pause
	doubts   []span        // when that was so
}

// span is a time with a begin and an end.
type span struct{ from, to time.Duration }

func (s span) holds(at time.Duration) bool { return at >= s.from && at <= s.to }

// slack is how much later or earlier than told a key may have been for the application.
const slack = 60 * time.Millisecond

// read gives the fate of each of somebody's keys, and the codes in them. Some keys may be told twice: what they mean, and what
// is behind them up to a pause, nobody can say.
func read(codes []code, keys []Key, twice func(i int) bool) *reader {
	r := reader{codes: codes}
	for i, k := range keys {
		r.press(k, twice(i))
	}
	r.expire(1 << 62)
	return &r
}

func (r *reader) press(k Key, twice bool) {
	r.fates = append(r.fates, heard)
	last := len(r.fates) - 1
	if r.lost && k.Down > r.last+digitTimeout+slack {
		r.lost = false
	}
	open := r.armed || r.lapsed
	if twice || open && (near(k.Up, r.deadline) || near(k.Down, r.deadline)) {
		r.lose(open)
	}
	r.last = k.Up
	if r.lost {
		r.fates[last] = unsure
		r.doubts[len(r.doubts)-1].to = k.Up + digitTimeout + slack
		return
	}
	r.expire(k.Up)
	if r.lapsed && k.Down < r.deadline {
		r.armed, r.binding, r.first = true, -1, last
	}
	r.lapsed = false
	switch {
	case !r.armed:
		if k.Key == '*' {
			r.arm(last, k.Up)
		}
	case k.Key != '*' && k.Key != '#' && r.leads(r.run+string(k.Key)):
		r.run += string(k.Key)
		r.deadline = k.Up + digitTimeout
		if r.decided() {
			r.end(k.Up)
		}
	case k.Key == '*' && r.run == "":
		r.armed, r.fates[last] = false, kept
	case k.Key == '*':
		r.end(k.Up)
		r.arm(last, k.Up)
	case r.end(k.Up) && k.Key == '#':
		r.fates[last] = kept
	}
}

func near(a, b time.Duration) bool { return (a - b).Abs() < slack }

// lose: from here on, and from the binding digit on where one is open, nobody can say.
func (r *reader) lose(open bool) {
	if r.lost {
		return
	}
	from := len(r.fates) - 1
	if open {
		from = min(from, r.first-1)
	}
	for i := max(from, 0); i < len(r.fates); i++ {
		r.fates[i] = unsure
	}
	r.lost, r.armed, r.lapsed = true, false, false
	r.doubts = append(r.doubts, span{r.last - slack, 0})
}

func (r *reader) arm(binding int, at time.Duration) {
	r.armed, r.binding, r.first, r.run, r.deadline = true, binding, binding+1, "", at+digitTimeout
}

// expire ends what was begun if its time was over.
func (r *reader) expire(now time.Duration) {
	if r.armed && r.deadline <= now {
		r.end(r.deadline)
		r.lapsed = r.run == ""
	}
}

// end ends what was begun. Where it is a code, that acts, and its keys are kept; the binding digit may have passed.
func (r *reader) end(at time.Duration) (matched bool) {
	r.armed = false
	for _, c := range r.codes {
		if len(c.form) != len(r.run) || !c.fits(r.run) {
			continue
		}
		if r.binding >= 0 {
			r.fates[r.binding] = perhaps
		}
		for i := range len(r.run) {
			r.fates[r.first+i] = kept
		}
		r.acts = append(r.acts, act{c.path, at})
		return true
	}
	return false
}

// leads says of keys that they are a code or its beginning.
func (r *reader) leads(run string) bool {
	for _, c := range r.codes {
		if c.fits(run) {
			return true
		}
	}
	return false
}

// decided: what was pressed is a code, and no longer one begins so.
func (r *reader) decided() bool {
	longest := 0
	for _, c := range r.codes {
		if c.fits(r.run) {
			longest = max(longest, len(c.form))
		}
	}
	return longest == len(r.run)
}

// fits says of keys that they are the beginning of a code, or all of it.
func (c code) fits(run string) bool {
	if len(run) > len(c.form) {
		return false
	}
	for i := range len(run) {
		if c.form[i] != run[i] && (c.form[i] != 'd' || !strings.ContainsRune("0123456789", rune(run[i]))) {
			return false
		}
	}
	return true
}
