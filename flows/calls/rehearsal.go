package calls

import (
	"container/heap"
	"fmt"
	"time"

	"metaflows/flows"
)

// Rehearsal plays one answered call through in a time of its own, as fast as the machine can: the production call with its
// legs, keypads, tasks and flows, but one goroutine, no clock and nobody to speak to. What the world would do is brought
// by At; the call's Line says with Takes how long a request would have taken. It is not safe for concurrent use.
type Rehearsal struct {
	call *Call
	time time.Time
	took time.Duration
	plan plan
	seq  int
	lane map[*Lane][]func() // requests that wait; present while one is under way
	over bool

	// Matched hears of every code that was found, when its flow is about to begin; run begins the ids of its actions.
	Matched func(owner, presser *Leg, m *flows.Match, run string)
}

// NewRehearsal makes a call of these legs, answered at the given time, whose bridge they join in order. Of cfg it takes
// Line, Publisher, Modules, Log, Effective and Absorb; of these Line and what Modules run are called from within Run.
func NewRehearsal(cfg Config, at time.Time, legs ...*Leg) (*Rehearsal, error) {
	r := &Rehearsal{time: at, lane: map[*Lane][]func(){}}
	r.call = New(cfg).newCall("rehearsal")
	r.call.clock = r
	for _, leg := range legs {
		r.call.Add(leg)
	}
	for _, leg := range legs {
		if err := r.call.joining(leg)(); err != nil {
			return nil, fmt.Errorf("rehearse a call: %w", err)
		}
		leg.bridged = true
	}
	r.call.Open()
	return r, nil
}

// Listeners are the owners who look for codes in a leg's keys as their documents are now, in the order in which they are
// asked.
func (r *Rehearsal) Listeners(leg *Leg) []*Leg {
	var owners []*Leg
	for _, l := range leg.listeners {
		if l.Looks(l.Source()) {
			owners = append(owners, l.owner)
		}
	}
	return owners
}

// Bridge is the id of the call's bridge.
func (r *Rehearsal) Bridge() string { return r.call.Bridge }

// Now is the time of the rehearsal.
func (r *Rehearsal) Now() time.Time { return r.time }

// At lets something happen at a time that is not past; what is due at the same time happens in the order of these calls.
func (r *Rehearsal) At(at time.Time, happen func()) *Happening {
	h := &Happening{at: at, seq: r.seq, happen: happen}
	r.seq++
	heap.Push(&r.plan, h)
	return h
}

// Deliver gives the call an event, behind those that it has not taken yet.
func (r *Rehearsal) Deliver(ev Event) { r.call.post(ev) }

// Takes says how long the request takes that is being carried out: the Line's, or one of Task.Do and Task.Off.
func (r *Rehearsal) Takes(d time.Duration) { r.took = d }

// Run lets everything happen that is due until a time, and at most so many happenings, and says whether nothing is pending
// then.
func (r *Rehearsal) Run(until time.Time, most int) (idle bool) {
	r.settle()
	for ; len(r.plan) > 0; most-- {
		if r.plan[0].at.After(until) || most <= 0 || r.over {
			return false
		}
		h := heap.Pop(&r.plan).(*Happening)
		r.time = later(r.time, h.at)
		if !h.stopped {
			h.happen()
			r.settle()
		}
	}
	return true
}

// Stop makes Run return before the next happening.
func (r *Rehearsal) Stop() { r.over = true }

// End ends the call: tasks that wait return.
func (r *Rehearsal) End() { r.call.finish(nil) }

// settle lets the call take what has been delivered.
func (r *Rehearsal) settle() {
	for events := r.call.mail.list(); len(events) > 0; events = r.call.mail.list() {
		for _, ev := range events {
			r.call.handle(ev)
			for _, m := range r.call.matched {
				if r.Matched != nil {
					r.Matched(m.owner, m.presser, m.match, m.run())
				}
			}
			r.call.settle()
		}
	}
}

func (r *Rehearsal) now() time.Time { return r.time }

func (r *Rehearsal) after(d time.Duration, then func()) timer {
	return r.At(r.time.Add(max(0, d)), then)
}

// carry is what a lane does.
func (r *Rehearsal) carry(lane *Lane, command func() error, then func(error)) {
	job := func() {
		r.took = 0
		err := command()
		r.At(r.time.Add(r.took), func() {
			then(err)
			if waiting := r.lane[lane]; len(waiting) > 0 {
				r.lane[lane] = waiting[1:]
				waiting[0]()
			} else {
				delete(r.lane, lane)
			}
		})
	}
	if waiting, busy := r.lane[lane]; busy {
		r.lane[lane] = append(waiting, job)
		return
	}
	r.lane[lane] = nil
	job()
}

// carryOut asks at once: nothing else of the rehearsal is to come any more.
func (r *Rehearsal) carryOut(_ *Lane, request func() error) error { return request() }

// Happening is something that is to happen.
type Happening struct {
	at      time.Time
	seq     int
	happen  func()
	stopped bool
}

// Stop keeps it from happening.
func (h *Happening) Stop() bool {
	was := h.stopped
	h.stopped = true
	return !was
}

// plan is what is to happen, the first on top.
type plan []*Happening

func (p plan) Len() int { return len(p) }

func (p plan) Less(i, j int) bool {
	if p[i].at.Equal(p[j].at) {
		return p[i].seq < p[j].seq
	}
	return p[i].at.Before(p[j].at)
}

func (p plan) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

func (p *plan) Push(h any) { *p = append(*p, h.(*Happening)) }

func (p *plan) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}
