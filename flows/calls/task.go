package calls

import (
	"errors"
	"iter"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
)

// Task is one piece of straight-line work on a call: the dialling, an action, the tone that it plays. It is a coroutine
// of its call's goroutine: at any moment either the call or exactly one of its tasks runs, so tasks share the call's
// state without locks. A task lets the call go on while it awaits, and so while it waits for the answer to what it asks by Do.
type Task struct {
	Call *Call
	// Leg is the presser, the module's self; nil for the task that a channel's entry starts.
	Leg *Leg
	// Flow is the flow that this task runs a node of, nil outside of one.
	Flow *Flow

	name    string
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	done    bool
	running bool
	want    func(Event) bool // what it awaits
	until   func() bool
	expects []*expected  // what it will ask for, besides
	tick    uint64       // generation of its timer
	result  error        // how the wait ended
	asked   *atomic.Bool // withdraws the request that it waits for
	after   *rest        // what it has left to do, once it has returned
	ending  error        // no wait works any more
	err     error        // what the body returned
}

// rest is what a task goes on with when cond holds.
type rest struct {
	cond func() bool
	body func(*Task) error
}

// start makes the coroutine; body does not run yet.
func (t *Task) start(body func(*Task) error) {
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			if r := recover(); r != nil {
				t.err = t.panicked(r)
			}
		}()
		t.err = body(t)
	})
}

// errPanicked is what clients get to know of a panic.
var errPanicked = errors.New("an error in metaflows itself: its log has the details")

// panicked logs a panic with its stack, which is still there when recover is called, and makes an error of it.
func (t *Task) panicked(r any) error {
	t.Call.Log.Error("a task panicked", "task", t.name, "panic", r, "stack", string(debug.Stack()), "do", "report it, with the lines around it")
	return errPanicked
}

// Await blocks the task until an event of its call satisfies want, which runs on the call's goroutine and must not
// await. It returns ErrCallEnded or ErrDetached when the call is over or the process stops; an action returns then.
func (t *Task) Await(want func(Event) bool) error { return t.wait(0, want, nil) }

// AwaitFor is Await with a time; it returns ErrTimeout when that is over.
func (t *Task) AwaitFor(d time.Duration, want func(Event) bool) error { return t.wait(d, want, nil) }

// Until blocks until cond holds. cond is looked at now and after everything that happens to the call. d is the time for
// it, 0 for no limit.
func (t *Task) Until(d time.Duration, cond func() bool) error {
	if t.ending == nil && cond() {
		return nil
	}
	return t.wait(d, nil, cond)
}

// AwaitUntil blocks until an event satisfies want or cond holds, whichever comes first, or d is over.
func (t *Task) AwaitUntil(d time.Duration, want func(Event) bool, cond func() bool) error {
	if t.ending == nil && cond() {
		return nil
	}
	return t.wait(d, want, cond)
}

// Expect looks out for an event from now on, beside what the task does, and says whether it has come. It is for what a
// request brings about, of which the event may come before the answer: expect, Do, then wait Until it is there. want is as in
// Await. It ends with the task.
func (t *Task) Expect(want func(Event) bool) (come func() bool) {
	e := &expected{want: want}
	t.expects = append(t.expects, e)
	return func() bool { return e.come }
}

// expected is an event that a task looks out for.
type expected struct {
	want func(Event) bool
	come bool
}

// expecting shows the task an event that it may have been looking out for.
func (t *Task) expecting(ev Event) (wanted bool) {
	t.expects = slices.DeleteFunc(t.expects, func(e *expected) bool {
		e.come = e.want(ev)
		wanted = wanted || e.come
		return e.come
	})
	return wanted
}

// Sleep blocks the task for d.
func (t *Task) Sleep(d time.Duration) error {
	err := t.wait(d, func(Event) bool { return false }, nil)
	if errors.Is(err, ErrTimeout) {
		return nil
	}
	return err
}

// Rest is Until without a stack, which a task that waits has as long as it waits: for what lasts as long as a call. A task
// returns what Rest returns, and body goes on in its place once cond holds. Where the call is over before, the task has ended.
func (t *Task) Rest(cond func() bool, body func(*Task) error) error {
	if t.ending == nil {
		t.after = &rest{cond, body}
	}
	return t.ending
}

// Go starts work that outlives the node: it runs beside this task until it returns or the call ends. When the call has
// ended it does not run.
func (t *Task) Go(name string, body func(*Task) error) *Task {
	flow := t.Flow
	if flow != nil {
		now := *flow // the flow goes on to other nodes
		flow = &now
	}
	return t.Call.spawn(name, t.Leg, flow, body)
}

// Done says that the task has returned.
func (t *Task) Done() bool { return t.done }

// Ending is ErrCallEnded or ErrDetached once no wait works any more, else nil.
func (t *Task) Ending() error { return t.ending }

func (t *Task) wait(d time.Duration, want func(Event) bool, until func() bool) error {
	switch c := t.Call; {
	case t.ending != nil:
		return t.ending
	case c.givenUp && t == c.main && t.asked == nil:
		return errRefused
	}
	t.want, t.until = want, until
	t.tick++
	if d > 0 {
		tick := t.tick
		timer := t.Call.clock.after(d, func() { t.Call.post(taskTimer{t, tick}) })
		defer timer.Stop()
	}
	ok := t.yield(struct{}{})
	t.want, t.until = nil, nil
	t.tick++
	if !ok {
		return t.ending
	}
	err := t.result
	t.result = nil
	return err
}

// step lets the task run until it awaits again, rests or returns.
func (t *Task) step(result error) {
	if rest := t.after; rest != nil {
		t.after, t.until = nil, nil
		if result != nil {
			t.err, t.done = result, true
			return
		}
		t.start(rest.body)
	}
	t.result, t.running = result, true
	_, more := t.next()
	t.running = false
	switch {
	case more:
	case t.after != nil && t.err == nil && t.ending == nil:
		t.until, t.next, t.stop, t.yield = t.after.cond, nil, nil, nil
	default:
		t.done = true
	}
}

// end stops the task: its wait returns why, its defers run, no further wait works. One that runs, since the end is its own
// doing, only learns it at its next wait.
func (t *Task) end(why error) {
	if t.done {
		return
	}
	t.ending = why
	switch {
	case t.running:
		return
	case t.after != nil:
		t.step(why)
		return
	}
	t.running = true
	t.stop()
	t.running, t.done = false, true
}

// taskTimer: the time of a task's wait is over. A stale tick is ignored.
type taskTimer struct {
	task *Task
	tick uint64
}

func (taskTimer) event() {}
