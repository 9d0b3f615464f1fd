package calls

import (
	"sync"
	"time"
)

// clock is the time that a call lives in: the machine's, or that of a Rehearsal.
type clock interface {
	now() time.Time
	// after lets then run when d is over; it must only post an event.
	after(d time.Duration, then func()) timer
	// carry runs a request in its lane, and tells what it has returned. It does not block.
	carry(lane *Lane, request func() error, then func(error))
	// carryOut is carry for a call that is over: it blocks, and returns what the request has returned.
	carryOut(lane *Lane, request func() error) error
}

type timer interface{ Stop() bool }

// machine is the machine's own time; lanes are goroutines.
type machine struct{}

func (machine) now() time.Time { return time.Now() }

func (machine) after(d time.Duration, then func()) timer { return time.AfterFunc(d, then) }

func (machine) carry(lane *Lane, request func() error, then func(error)) {
	lane.send(func() { then(request()) })
}

func (machine) carryOut(lane *Lane, request func() error) error {
	answer := make(chan error, 1)
	lane.send(func() { answer <- request() })
	return <-answer
}

// Lane is the way on which requests leave a call's goroutine: those of one lane go out in their order, each when the one
// before has been answered; those of different lanes do not wait for each other. Each leg has one (Leg.Lane), and the bridge
// and each recording of a call (Call.Lane). What makes a thing and what ends it go in the same lane, so that the end never
// comes first. A lane has a goroutine only while it has something to do.
type Lane struct {
	mu      sync.Mutex
	queue   []func()
	running bool

	id   string // of what belongs to the call and is no leg
	busy int    // requests that are not answered yet; the call's goroutine owns it
}

// Idle says that nothing is under way in the lane. It is asked on the call's goroutine.
func (l *Lane) Idle() bool { return l.busy == 0 }

// send queues a job and returns at once.
func (l *Lane) send(job func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, job)
	if !l.running {
		l.running = true
		go l.run()
	}
}

// drop forgets what has not begun.
func (l *Lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = nil
}

func (l *Lane) run() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.running, l.queue = false, nil // what it held would be held as long as the call
			l.mu.Unlock()
			return
		}
		job := l.queue[0]
		l.queue[0], l.queue = nil, l.queue[1:]
		l.mu.Unlock()
		job()
	}
}
