package calls

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Step sends what must go out together: a state, and then the acts that it announces, each in its own lane. They are sent and
// carried out in their order, each sent as soon as the one before has been handed over: from then on that is carried out, also if
// this process ends. None is sent after one that could not be, or that has failed already.
//
// It returns when all are answered, with the first error. So an act may have been carried out whose state was refused: who asks
// undoes it, as after an act of which nobody knows whether it was carried out. Else it is as Do.
func (t *Task) Step(lane *Lane, request Sending, then ...Request) error {
	requests := append([]Request{{lane, request}}, then...)
	if t.ending != nil {
		for _, r := range requests {
			if err := t.Do(r.lane, r.send.Alone()); err != nil {
				return err
			}
		}
		return nil
	}
	s := &step{task: t, requests: requests, errs: make([]error, len(requests)), open: len(requests)}
	t.asked = &s.over
	defer func() { t.asked = nil }()
	for i := range requests {
		requests[i].lane = t.Call.occupy(requests[i].lane)
	}
	s.begin(0, nil, false, func() {})
	if err := t.Until(0, func() bool { return s.open == 0 }); err != nil {
		return err
	}
	for _, err := range s.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Request is one that follows another in its step.
type Request struct {
	lane *Lane
	send Sending
}

// Then makes a request that follows another.
func Then[R func() error | Sending](lane *Lane, request R) Request {
	send, tells := any(request).(Sending)
	if !tells {
		send = func(*Turn) error { return any(request).(func() error)() }
	}
	return Request{lane, send}
}

// Sending is a request that is made in its turn: by Acts for that turn.
type Sending func(*Turn) error

// Alone is the request outside of a step.
func (s Sending) Alone() func() error { return func() error { return s(nil) } }

// Acts are the requests to the telephone system of which steps are made, for one turn: each is carried out after the one that
// comes before it in the step, and says when it has been handed over.
type Acts interface {
	// SetVariables writes channel variables and functions.
	SetVariables(channel string, variables map[string]string) error
	// CreateChannel makes an outbound channel in the application, state Down; Started follows. ErrUnavailable when the endpoint
	// is unknown or not registered.
	CreateChannel(spec ChannelSpec) error
	// DialChannel dials a channel made by CreateChannel on behalf of caller ("" for none). The timeout is Asterisk's own.
	DialChannel(channel, caller string, timeout time.Duration) error
	Adder
	// RemoveFromBridge takes a channel out of a bridge; ErrConflict when it is not in it.
	RemoveFromBridge(bridge, channel string) error
	// Hangup ends a channel. cause is a Q.850 cause; 0 is normal clearing. CauseAnsweredElsewhere says so by SIP.
	Hangup(channel string, cause int) error
}

// Turn is the place of a request in its step; nil outside of one.
type Turn struct {
	before *Turn
	once   sync.Once
	way    any
	next   func()
	over   chan struct{}
	stops  bool // once it is over: what follows is not to be sent any more
}

// NewTurn makes the turn of a request behind another, nil for none; next is called when it has been sent, and who made the turn
// calls End when the request is over. Task.Step makes its own.
func NewTurn(before *Turn, next func()) *Turn {
	return &Turn{before: before, next: next, over: make(chan struct{})}
}

// Sent tells that the request has been handed over, and by which way, for the one that follows: it is sent now. Where nobody
// tells, that is when the request has been answered.
func (t *Turn) Sent(way any) {
	if t == nil || t.next == nil {
		return
	}
	t.once.Do(func() {
		t.way = way
		t.next()
	})
}

// End tells that the request is over: it has been answered, or never will be. stops: what follows and has not been sent shall not be.
func (t *Turn) End(stops bool) {
	t.stops = stops
	close(t.over)
}

// Await waits until the request before is over, for one that cannot go behind it. An error: it must not be sent, since that has
// failed, or ctx has ended.
func (t *Turn) Await(ctx context.Context) error {
	if t == nil || t.before == nil {
		return nil
	}
	select {
	case <-t.before.over:
		if t.before.stops {
			return errOver
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Way is by which way the request before went; nil if there was none, or it was answered before anything was told.
func (t *Turn) Way() any {
	if t == nil || t.before == nil {
		return nil
	}
	return t.before.way
}

// First is the turn of the first of several requests that a Sending makes, of which the last one has the turn itself.
func (t *Turn) First() *Turn {
	if t == nil {
		return nil
	}
	return &Turn{before: t.before}
}

// step is one on its way.
type step struct {
	task     *Task
	requests []Request
	over     atomic.Bool // nobody waits for it, or one of it has failed: no more is sent

	open int // that are not answered; the call's goroutine owns it
	errs []error
}

// begin sends a request of the step behind another; in its lane, or beside that where it is the lane's turn already.
func (s *step) begin(n int, before *Turn, beside bool, done func()) {
	call, r := s.task.Call, s.requests[n]
	lane, turn := r.lane, NewTurn(before, nil)
	if beside {
		lane = new(Lane)
	}
	var held sync.WaitGroup // the lane, by what follows in it
	turn.next = func() {
		switch {
		case n+1 == len(s.requests):
		case s.requests[n+1].lane == r.lane:
			held.Add(1)
			s.begin(n+1, turn, true, held.Done)
		default:
			s.begin(n+1, turn, false, func() {})
		}
	}
	send := s.task.guard(func() error { return r.send(turn) })
	call.carryIn(lane, r.lane, func() error {
		defer done()
		if s.over.Load() {
			return errOver
		}
		err := send()
		if err != nil {
			s.over.Store(true)
		}
		turn.End(s.over.Load())
		held.Wait()
		return err
	}, func(err error) { s.answered(n, turn, err) })
}

// answered notes an answer, on the call's goroutine.
func (s *step) answered(n int, turn *Turn, err error) {
	s.open--
	if !errors.Is(err, errOver) {
		s.errs[n] = err
	}
	if err == nil {
		turn.Sent(nil)
	}
	turn.once.Do(func() { // it was not sent, nor are those that follow
		for _, r := range s.requests[n+1:] {
			s.open--
			s.task.Call.vacate(r.lane)
		}
	})
}

// errOver: a request of a step was not sent.
var errOver = errors.New("not sent")
