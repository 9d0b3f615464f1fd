package flows

import "sync"

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
