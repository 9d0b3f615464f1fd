package calls

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
)

// Do sends a request to the telephone system in its lane and blocks the task until it has been answered; the call goes on
// meanwhile, with keys, hang-ups and its other tasks. So what was true before may not be true after it: who needs the call or
// a leg for itself claims it before the first question, and looks again after each answer. request runs outside of the call's
// goroutine: what it needs of the call is copied before, what it learns is read when Do has returned without an ending.
//
// What must follow it is sent when it has been answered, unless it has failed; see Step.
//
// It returns what the request has returned, or why the answer is not waited for any more: ErrCallEnded or ErrDetached. Then
// the request is not sent if its turn had not come yet; else nobody knows. In what the task has deferred, and wherever it
// learns later of the call's end, Do still works after ErrCallEnded, behind what is under way in the lane, and then holds the
// ending of the call up until the answer is there. After ErrDetached nothing is sent.
func (t *Task) Do(lane *Lane, request func() error, then ...Request) error {
	if len(then) > 0 {
		return t.Step(lane, func(*Turn) error { return request() }, then...)
	}
	switch {
	case errors.Is(t.ending, ErrDetached):
		return t.ending
	case t.ending != nil:
		return t.Call.clock.carryOut(t.Call.current(lane), t.guard(request))
	}
	withdrawn := new(atomic.Bool)
	t.asked = withdrawn
	defer func() { t.asked = nil }()
	return t.Beside(lane, func() error {
		if withdrawn.Load() {
			return nil // nobody waits for it
		}
		return request()
	})()
}

// withdraw sees to it that what the task asks is not sent any more, if its turn has not come.
func (t *Task) withdraw() {
	if t.asked != nil {
		t.asked.Store(true)
	}
}

// Beside is Do without waiting: the function that it returns waits, and gives what the request has returned, or why it could
// not be waited for. The request is sent in any case but one: not after ErrDetached.
func (t *Task) Beside(lane *Lane, request func() error) (wait func() error) {
	if ending := t.ending; errors.Is(ending, ErrDetached) {
		return func() error { return ending }
	}
	done := false
	var said error
	t.Call.carry(lane, t.guard(request), func(err error) { said, done = err, true })
	return func() error {
		if err := t.Until(0, func() bool { return done }); err != nil {
			return err
		}
		return said
	}
}

// Off runs what may take time and is no request to the telephone system: a web server is asked, a file is delivered. It
// blocks the task, and not its call, until run returns or the call ends; then run's context is cancelled, and Off returns
// ErrCallEnded or ErrDetached without waiting for it. After one of these it runs nothing. run must not touch the call, and
// must end when its context does.
func (t *Task) Off(run func(context.Context) error) error {
	if t.ending != nil {
		return t.ending
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return t.Beside(new(Lane), func() error { return run(ctx) })()
}

// guard makes an error of a panic in what runs outside of the task's own coroutine.
func (t *Task) guard(run func() error) func() error {
	return func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = t.panicked(r)
			}
		}()
		return run()
	}
}

// Lane is the lane of what belongs to the call and is no leg: its bridge, or a recording, by id. The call forgets one whose
// requests are all answered, since a long call has thousands of tones; a request that is made in such a one goes, as before,
// behind those of the same thing.
func (c *Call) Lane(id string) *Lane { return c.current(&Lane{id: id}) }

// current is the lane in which what a lane is for has its requests now.
func (c *Call) current(lane *Lane) *Lane {
	if lane.id == "" { // a leg's, or of what nobody else knows
		return lane
	}
	if i := slices.IndexFunc(c.lanes, func(now *Lane) bool { return now.id == lane.id }); i >= 0 {
		return c.lanes[i]
	}
	c.lanes = append(c.lanes, lane)
	return lane
}

// carry sends a request in its lane; then runs on the call's goroutine.
func (c *Call) carry(lane *Lane, request func() error, then func(error)) {
	lane = c.occupy(lane)
	c.carryIn(lane, lane, request, then)
}

// occupy reserves a place in a lane until carryIn or vacate gives it up.
func (c *Call) occupy(lane *Lane) *Lane {
	lane = c.current(lane)
	lane.busy++
	return lane
}

func (c *Call) vacate(lane *Lane) {
	if lane.busy--; lane.busy == 0 && lane.id != "" {
		c.lanes = slices.DeleteFunc(c.lanes, func(l *Lane) bool { return l == lane })
	}
}

// carryIn sends a request in a lane, and gives up the place that it has, in that lane or another. It may be called on any
// goroutine; then runs on the call's.
func (c *Call) carryIn(lane, place *Lane, request func() error, then func(error)) {
	c.clock.carry(lane, request, func(err error) {
		c.post(carried{func(err error) {
			c.vacate(place)
			then(err)
		}, err})
	})
}

// carried: a request has been answered.
type carried struct {
	then func(error)
	err  error
}

func (carried) event() {}
