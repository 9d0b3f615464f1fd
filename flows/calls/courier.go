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
	// carry runs a command for a leg, after those that were given for it before, and tells what it has returned.
	carry(leg *Leg, command func() error, then func(error))
}

type timer interface{ Stop() bool }

// machine is the machine's own time; couriers carry.
type machine struct{}

func (machine) now() time.Time { return time.Now() }

func (machine) after(d time.Duration, then func()) timer { return time.AfterFunc(d, then) }

func (machine) carry(leg *Leg, command func() error, then func(error)) {
	leg.courier.send(func() { then(command()) })
}

// courier carries commands for one leg to the telephone system in their order, outside of the call's goroutine: a relay
// blocks the leg that it is sent to, and must not hold up the call. It has a goroutine only while it has something to do.
type courier struct {
	mu      sync.Mutex
	queue   []func()
	running bool
}

// send queues a job and returns at once.
func (q *courier) send(job func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, job)
	if !q.running {
		q.running = true
		go q.run()
	}
}

// drop forgets what has not begun.
func (q *courier) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = nil
}

func (q *courier) run() {
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		job := q.queue[0]
		q.queue = q.queue[1:]
		q.mu.Unlock()
		job()
	}
}
