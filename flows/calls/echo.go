package calls

import (
	"slices"
	"time"
)

// Asterisk's own times for digits (main/channel.c): a digit that begins sooner than minGap after the last one has no
// beginning of its own, and one shorter than minDigit is stretched (mindtmfduration in asterisk.conf).
const (
	minGap   = 45 * time.Millisecond
	minDigit = 80 * time.Millisecond
	// deafTime is how long Asterisk takes the beginning of a digit for an echo of what it has sent to that phone, the beginning
	// or the end of another (res_rtp_asterisk.c, dtmfmute). A phone repeats the beginning while the key is down; and the end of
	// it counts.
	deafTime = 500 * time.Millisecond
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

// echo tells a key that was pressed from one that Asterisk reports a second time. Observed on 22.10: a digit that ends
// while the one before it is still being stretched, or less than minGap after that, is reported at once, put back, and
// reported again when its turn has come; only then does it begin for the bridge. No other key of the leg is read in
// between. A fast typist (60 ms digits with 40 ms between) has every digit from the third on reported twice.
//
// A digit whose beginning was ignored until its end begins there, and lasts from then on. It follows Asterisk's times, by
// Asterisk's clock: free is when the last digit has ended for the bridge. When a deaf phone's keys are heard again is known
// to a packet only, and a beginning that comes a packet too soon moves the next digits, one after the other, by their whole
// length: late is when the last digit has ended at the latest.
type echo struct {
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
func (e *echo) hear(d Digit) (again bool) {
	again = e.again(d)
	e.last, e.repeated = d, again
	if again {
		e.putBack, e.begun = false, d.Stamp
		e.free = d.Stamp.Add(max(d.Duration, minDigit))
		e.late = later(e.late, e.free)
		return true
	}
	e.before.free, e.before.late = e.free, e.late
	e.judge()
	return false
}

// judge finds out when the last digit has begun for the bridge, and when it will have ended.
func (e *echo) judge() {
	d, begin := e.last, e.last.Stamp.Add(-e.last.Duration)
	e.free, e.late, e.putBack = e.before.free, e.before.late, false
	open := e.free.Add(minGap)
	heard := e.deaf.over(begin) // the key that is still down then is heard from then on
	deaf := e.deaf.near(begin) && (d.Stamp.Sub(heard) < surelyHeard || heard.Before(e.late.Add(minGap+oneFrame)))
	unsure := deaf || begin.Before(e.late.Add(minGap))
	begin = heard
	switch {
	case !begin.Before(open) && begin.Before(d.Stamp):
		e.begun, e.free = begin, later(d.Stamp, begin.Add(minDigit))
	case !d.Stamp.Before(open): // its beginning was ignored: it begins where it has ended
		e.begun, e.free = d.Stamp, d.Stamp.Add(max(d.Duration, minDigit))
	default:
		e.begun, e.putBack = d.Stamp, true
	}
	switch e.late = later(e.late, e.free); {
	case !unsure:
		e.late = e.free
	case !e.putBack:
		e.late = later(e.late, d.Stamp.Add(max(d.Duration, minDigit)))
	}
}

// busy is how long after its last report Asterisk may still be at a digit: stretching it, or waiting for its turn. Where the
// last digit may have begun at its end, so may one that is down now, and whether it is absorbed would not be known: then until
// a pause.
func (e *echo) busy() time.Duration {
	free := e.late
	if e.late.After(e.free) && !e.putBack {
		free = later(free, e.last.Stamp.Add(typingPause-oneFrame))
	}
	if e.putBack {
		free = free.Add(minGap + max(e.last.Duration, minDigit))
	}
	if !free.After(e.last.Stamp) {
		return 0
	}
	return free.Sub(e.last.Stamp) + oneFrame
}

// ends is when the last digit has ended for the bridge at the earliest, by our clock. The next one does not begin for minGap
// after that.
func (e *echo) ends() time.Time {
	if !e.free.After(e.last.Stamp) {
		return e.last.Arrived
	}
	return e.last.Arrived.Add(e.free.Sub(e.last.Stamp) + oneFrame)
}

// again: nobody presses a key twice with hardly a gap, and Asterisk would report that once more; and a digit that was put
// back comes again when its turn has.
func (e *echo) again(d Digit) bool {
	if e.repeated || d.Key != e.last.Key || d.Duration != e.last.Duration {
		return false
	}
	if d.Stamp.Sub(e.last.Stamp) < d.Duration+minGap-jitter {
		return true
	}
	due := e.free.Add(minGap)
	return e.putBack && !d.Stamp.Before(due.Add(-oneFrame)) && d.Stamp.Before(due.Add(lateness))
}

// sent notes that the phone is or was sent digits from begin to end, with hardly a pause between. changed says that the last
// digit, which was reported before this was known, begins at another time than it seemed, or may do so.
func (e *echo) sent(begin, end time.Time) (changed bool) {
	now := span{begin, end.Add(deafTime)}
	e.deaf = e.deaf.with(now)
	if e.repeated || e.putBack || !now.near(e.last.Stamp.Add(-e.last.Duration)) {
		return false
	}
	begun, late := e.begun, e.late
	e.judge()
	return !e.begun.Equal(begun) || e.late.After(late)
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
