package events

import "time"

const (
	firstRetry = 100 * time.Millisecond // from a failure to the next attempt; twice as long after each further one
	lastRetry  = 30 * time.Second       // of a lane
)

// laneKey names a lane. A call has one, whatever accounts are told of it, so that its events stand in the stream in the
// order in which they happened. What is refused under one account is set apart from it. Events of no call have a lane for
// each account.
type laneKey struct {
	call, account string
	apart         bool
}

// lane is a waiting list: one of its notices at a time is under way, the first.
type lane struct {
	key     laneKey
	waiting fifo[notice]
	account *account // of the first

	sent  time.Time // the first notice, for the first time; zero for never
	began time.Time // the last attempt
	tries int       // of the first

	pause  time.Duration // after the next failure
	until  time.Time     // it rests
	warned bool          // it is told that the first is refused
}

// account is what has a share of the window.
type account struct {
	name     string
	notices  int         // in the lanes
	inFlight int         // notices on their way
	ready    fifo[*lane] // may send
	turn     bool        // it is in lanes.turns
	refused  bool        // others' notices pass and its do not, the last time again
	warned   bool        // that is told
}

// next makes ready for the notice after the first.
func (l *lane) next() {
	l.waiting.pop()
	l.sent, l.began, l.tries, l.pause, l.warned = time.Time{}, time.Time{}, 0, 0, false
}

// backOff is how long to rest after a failure.
func (l *lane) backOff() time.Duration {
	l.pause = longer(l.pause, lastRetry)
	return l.pause
}

// longer is the pause that follows on another, 0 for none.
func longer(pause, most time.Duration) time.Duration {
	return min(max(firstRetry, 2*pause), most)
}

// fifo is a queue; an empty one holds no memory.
type fifo[T any] []T

func (f *fifo[T]) push(v T) { *f = append(*f, v) }

func (f *fifo[T]) pop() (first T) {
	var none T
	first, (*f)[0] = (*f)[0], none
	if *f = (*f)[1:]; len(*f) == 0 {
		*f = nil
	}
	return first
}

// resting are the lanes that back off, a heap with the one first that has the least to wait.
type resting []*lane

func (r resting) Len() int           { return len(r) }
func (r resting) Less(i, j int) bool { return r[i].until.Before(r[j].until) }
func (r resting) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *resting) Push(l any)        { *r = append(*r, l.(*lane)) }

func (r *resting) Pop() any {
	last := len(*r) - 1
	l := (*r)[last]
	(*r)[last] = nil
	if *r = (*r)[:last]; last == 0 {
		*r = nil
	}
	return l
}
