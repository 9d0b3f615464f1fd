package pbxtest

import (
	"container/heap"
	"sync"
	"time"
)

// clock does things at their time, one after another. Those of the same moment are done in the order of their keys, and
// with the same key in the order in which they were asked for: whoever asks at the same moment, the order is the same in
// every run.
type clock struct {
	mu      sync.Mutex
	queue   jobs
	seq     uint64
	timer   *time.Timer
	running bool
}

type job struct {
	at  time.Time
	key string
	seq uint64
	do  func()
}

// after asks for something to be done in d.
func (c *clock) after(d time.Duration, key string, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	heap.Push(&c.queue, job{at: time.Now().Add(d), key: key, seq: c.seq, do: do})
	if !c.running {
		c.arm()
	}
}

// arm sets the timer for the first job. The lock is held.
func (c *clock) arm() {
	if c.timer != nil {
		c.timer.Stop()
	}
	if len(c.queue) > 0 {
		c.timer = time.AfterFunc(max(1, time.Until(c.queue[0].at)), c.run)
	}
}

// run does what is due first. The next one has a nanosecond of its own: by then everybody has done what this one brings about.
func (c *clock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running || len(c.queue) == 0 || c.queue[0].at.After(time.Now()) {
		return
	}
	c.running = true
	next := heap.Pop(&c.queue).(job)
	c.mu.Unlock()
	next.do()
	c.mu.Lock()
	c.running = false
	c.arm()
}

// stop forgets what has not been done.
func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = nil
	if c.timer != nil {
		c.timer.Stop()
	}
}

// jobs is a heap, the next one first.
type jobs []job

func (j jobs) Len() int { return len(j) }

func (j jobs) Less(a, b int) bool {
	switch {
	case !j[a].at.Equal(j[b].at):
		return j[a].at.Before(j[b].at)
	case j[a].key != j[b].key:
		return j[a].key < j[b].key
	default:
		return j[a].seq < j[b].seq
	}
}

func (j jobs) Swap(a, b int) { j[a], j[b] = j[b], j[a] }
func (j *jobs) Push(x any)   { *j = append(*j, x.(job)) }

func (j *jobs) Pop() any {
	old := *j
	last := old[len(old)-1]
	*j = old[:len(old)-1]
	return last
}
