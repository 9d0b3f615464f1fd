package calls

import (
	"slices"
	"time"

	"metaflows/flows"
)

const (
	// deafMemory is longer than a key is held, which may have begun while its phone was deaf.
	deafMemory = 10 * time.Second
	// oneFrame is how exact these times are: Asterisk looks at the clock with every frame of audio.
	oneFrame = 25 * time.Millisecond
	// surelyHeard: a key that is down for so long when its phone is heard again has begun then, however inexactly that is known.
	surelyHeard = 300 * time.Millisecond
	// jitter is how exact the times of two reports are.
	jitter = 10 * time.Millisecond
	// lateness is how much later than due a digit that was put back may come again, on a machine with much to do.
	lateness = 200 * time.Millisecond
)

// timeline is when a leg's digits begin and end for the bridge, as far as Asterisk's reports tell. It tells a key that was
// pressed from one that Asterisk reports a second time (flows.Reading is what it reads from). Observed on 22.10: a digit that ends
// while the one before it is still being stretched, or less than flows.MinGap after that, is reported at once, put back, and
// reported again when its turn has come; only then does it begin for the bridge. No other key of the leg is read in
// between. A fast typist (60 ms digits with 40 ms between) has every digit from the third on reported twice.
//
// A digit whose beginning was ignored until its end begins there, and lasts from then on. It follows Asterisk's times, by
// Asterisk's clock: free is when the last digit has ended for the bridge. When a deaf phone's keys are heard again is known
// to a packet only, and a beginning that comes a packet too soon moves the next digits, one after the other, by their whole
// length: late is when the last digit has ended at the latest.
type timeline struct {
	free     time.Time
	late     time.Time
	deaf     spans // digits were sent to the phone
	last     Digit
	begun    time.Time                      // when last has begun for the bridge, as far as this is known
	before   struct{ free, late time.Time } // as they were before last
	putBack  bool                           // last will come again, and begin then
	repeated bool                           // last has come again
}

// hear takes a reported digit. again says that it is the second report of the last one.
func (t *timeline) hear(d Digit) (again bool) {
	again = t.again(d)
	t.last, t.repeated = d, again
	if again {
		t.putBack, t.begun = false, d.Stamp
		t.free = d.Stamp.Add(max(d.Duration, flows.MinDigit))
		t.late = later(t.late, t.free)
		return true
	}
	t.before.free, t.before.late = t.free, t.late
	t.judge()
	return false
}

// judge finds out when the last digit has begun for the bridge, and when it will have ended.
func (t *timeline) judge() {
	d, begin := t.last, t.last.Stamp.Add(-t.last.Duration)
	t.free, t.late, t.putBack = t.before.free, t.before.late, false
	open := t.free.Add(flows.MinGap)
	heard := t.deaf.over(begin) // the key that is still down then is heard from then on
	deaf := t.deaf.near(begin) && (d.Stamp.Sub(heard) < surelyHeard || heard.Before(t.late.Add(flows.MinGap+oneFrame)))
	unsure := deaf || begin.Before(t.late.Add(flows.MinGap))
	begin = heard
	switch {
	case !begin.Before(open) && begin.Before(d.Stamp):
		t.begun, t.free = begin, later(d.Stamp, begin.Add(flows.MinDigit))
	case !d.Stamp.Before(open): // its beginning was ignored: it begins where it has ended
		t.begun, t.free = d.Stamp, d.Stamp.Add(max(d.Duration, flows.MinDigit))
	default:
		t.begun, t.putBack = d.Stamp, true
	}
	switch t.late = later(t.late, t.free); {
	case !unsure:
		t.late = t.free
	case !t.putBack:
		t.late = later(t.late, d.Stamp.Add(max(d.Duration, flows.MinDigit)))
	}
}

// busy is how long after its last report Asterisk may still be at a digit: stretching it, or waiting for its turn. Where the
// last digit may have begun at its end, so may one that is down now, and whether it is absorbed would not be known: then until
// a pause.
func (t *timeline) busy() time.Duration {
	free := t.late
	if t.late.After(t.free) && !t.putBack {
		free = later(free, t.last.Stamp.Add(typingPause-oneFrame))
	}
	if t.putBack {
		free = free.Add(flows.MinGap + max(t.last.Duration, flows.MinDigit))
	}
	if !free.After(t.last.Stamp) {
		return 0
	}
	return free.Sub(t.last.Stamp) + oneFrame
}

// ends is when the last digit has ended for the bridge at the earliest, by our clock. The next one does not begin for flows.MinGap
// after that.
func (t *timeline) ends() time.Time {
	if !t.free.After(t.last.Stamp) {
		return t.last.Arrived
	}
	return t.last.Arrived.Add(t.free.Sub(t.last.Stamp) + oneFrame)
}

// again: nobody presses a key twice with hardly a gap, and Asterisk would report that once more; and a digit that was put
// back comes again when its turn has.
func (t *timeline) again(d Digit) bool {
	if t.repeated || d.Key != t.last.Key || d.Duration != t.last.Duration {
		return false
	}
	if d.Stamp.Sub(t.last.Stamp) < d.Duration+flows.MinGap-jitter {
		return true
	}
	due := t.free.Add(flows.MinGap)
	return t.putBack && !d.Stamp.Before(due.Add(-oneFrame)) && d.Stamp.Before(due.Add(lateness))
}

// sent notes that the phone is or was sent digits from begin to end, with hardly a pause between. changed says that the last
// digit, which was reported before this was known, begins at another time than it seemed, or may do so.
func (t *timeline) sent(begin, end time.Time) (changed bool) {
	now := span{begin, end.Add(flows.DeafTime)}
	t.deaf = t.deaf.with(now)
	if t.repeated || t.putBack || !now.near(t.last.Stamp.Add(-t.last.Duration)) {
		return false
	}
	begun, late := t.begun, t.late
	t.judge()
	return !t.begun.Equal(begun) || t.late.After(late)
}

// span is a time with a begin and an end.
type span struct{ from, until time.Time }

func (s span) holds(t time.Time) bool { return t.After(s.from) && t.Before(s.until) }

// near is holds, or may be: the end of an echo is known to a frame.
func (s span) near(t time.Time) bool { return t.After(s.from) && t.Before(s.until.Add(oneFrame)) }

// spans are several, none of which touch.
type spans []span

// with adds one, and forgets those that are over for long.
func (all spans) with(one span) spans {
	kept := all[:0]
	for _, s := range all {
		switch {
		case !s.until.Before(one.from) && !one.until.Before(s.from):
			one = span{earlier(s.from, one.from), later(s.until, one.until)}
		case one.from.Sub(s.until) < deafMemory:
			kept = append(kept, s)
		}
	}
	return append(kept, one)
}

// over is when the span that holds a time is over; the time itself where none does.
func (all spans) over(t time.Time) time.Time {
	for _, s := range all {
		if s.holds(t) {
			return s.until
		}
	}
	return t
}

// near says that a time is in one of them, or may be.
func (all spans) near(t time.Time) bool {
	return slices.ContainsFunc(all, func(s span) bool { return s.near(t) })
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
