package calls

import (
	"context"
	"errors"
	"testing"
	"time"
)

// sends is a request that is handed over after a time and answered a second after it began.
func (s *taskStory) sends(what string, after time.Duration, answer error) Sending {
	return func(turn *Turn) error {
		time.Sleep(time.Nanosecond) // what the task before says of its answer comes first
		if way := turn.Way(); way != nil {
			s.say("%s goes behind %v", what, way)
		}
		time.Sleep(after)
		s.say("%s is sent", what)
		turn.Sent(what)
		time.Sleep(time.Second - after)
		s.say("%s is answered", what)
		return answer
	}
}

// TestStep: what is one step goes out in its order, each in its own lane, when the one before has been handed over. It is over
// when all are answered.
func TestStep(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		state, act := task.Call.Lane("state"), task.Call.Lane("act")
		task.Go("is in the way", func(task *Task) error { return task.Do(act, s.asks("another act")) })
		task.Go("asks", func(task *Task) error {
			err := task.Sleep(500 * time.Millisecond)
			s.say("%v, %v", err, task.Step(state, s.sends("state", 100*time.Millisecond, nil), Then(act, s.sends("act", 200*time.Millisecond, nil)),
				Then(task.Call.Lane("more"), s.sends("more", 0, nil))))
			s.say("%d lanes", len(task.Call.lanes))
			return nil
		})
	}, func(*callRig) { time.Sleep(10 * time.Second) }).check(t, "0 another act is asked", "600 state is sent", "1000 another act is answered",
		"1000 act goes behind state", "1200 act is sent", "1200 more goes behind act", "1200 more is sent", "1500 state is answered",
		"2000 act is answered", "2200 more is answered", "2200 <nil>, <nil>", "2200 0 lanes")
}

// TestStepUntold: where nobody tells that a request has been handed over, the next one is sent when it is answered.
func TestStepUntold(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("asks", func(task *Task) error {
			untold := func(turn *Turn) error { return s.sends("state", 0, nil)(turn.First()) }
			s.say("%v", task.Step(task.Call.Lane("state"), untold, Then(task.Call.Lane("act"), s.sends("act", 0, nil))))
			return nil
		})
	}, func(*callRig) { time.Sleep(10 * time.Second) }).check(t, "0 state is sent", "1000 state is answered", "1000 act is sent",
		"2000 act is answered", "2000 <nil>")
}

// TestStepInOneLane: what follows in the same lane goes out at once, too; whoever else asks there waits for all of it.
func TestStepInOneLane(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		lane := task.Call.Lane("leg")
		task.Go("asks", func(task *Task) error {
			s.say("%v", task.Step(lane, s.sends("joins", 100*time.Millisecond, nil), Then(lane, s.sends("dials", 200*time.Millisecond, nil))))
			s.say("%d lanes", len(task.Call.lanes))
			return nil
		})
		task.Go("asks later", func(task *Task) error { return task.Do(lane, s.asks("another")) })
	}, func(*callRig) { time.Sleep(10 * time.Second) }).check(t, "100 joins is sent", "100 dials goes behind joins", "300 dials is sent",
		"1000 joins is answered", "1100 dials is answered", "1100 <nil>", "1100 1 lanes", "1100 another is asked", "2100 another is answered")
}

// TestStepFails: nothing is sent after what could not be, nor after what has failed before it had its turn; what has been sent is
// waited for.
func TestStepFails(t *testing.T) {
	refused, broken := errors.New("refused"), errors.New("broken")
	runTasks(t, func(s *taskStory, task *Task) {
		state, act := task.Call.Lane("state"), task.Call.Lane("act")
		task.Go("asks", func(task *Task) error {
			s.say("%v", task.Step(state, func(*Turn) error { return refused }, Then(act, s.sends("nothing", 0, nil)), Then(state, s.sends("nothing", 0, nil))))
			s.say("%v", task.Step(state, s.sends("state", 0, refused), Then(act, s.sends("act", 100*time.Millisecond, broken))))
			s.say("%d lanes", len(task.Call.lanes))
			waits := task.Beside(act, func() error { time.Sleep(2 * time.Second); return nil })
			s.say("%v", task.Step(state, s.sends("state", 0, refused), Then(act, s.sends("nothing", 0, nil))))
			return waits()
		})
	}, func(*callRig) { time.Sleep(10 * time.Second) }).check(t, "0 refused", "0 state is sent", "0 act goes behind state", "100 act is sent",
		"1000 state is answered", "1000 act is answered", "1000 refused", "1000 0 lanes",
		"1000 state is sent", "2000 state is answered", "3000 refused")
}

// TestStepCallEnds: when the call has ended before its turn, a request is not sent.
func TestStepCallEnds(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("asks", func(task *Task) error {
			s.say("%v", task.Step(task.Call.Lane("state"), s.sends("state", 900*time.Millisecond, nil), Then(task.Call.Lane("act"), s.sends("act", 0, nil))))
			return nil
		})
	}, func(r *callRig) {
		time.Sleep(500 * time.Millisecond)
		r.calls.Deliver("a", Left{Channel: "a"})
		time.Sleep(5 * time.Second)
	}).check(t, "500 call ended", "900 state is sent", "1000 state is answered")
}

// TestStepDeferred: what is deferred to the call's end is sent one after the other, and holds the end up.
func TestStepDeferred(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("asks", func(task *Task) error {
			defer func() {
				s.say("%v", task.Step(task.Call.Lane("state"), s.sends("state", 0, nil), Then(task.Call.Lane("act"), s.sends("act", 0, nil))))
			}()
			return task.Await(func(Event) bool { return false })
		})
	}, func(r *callRig) {
		r.calls.Deliver("a", Left{Channel: "a"})
		time.Sleep(5 * time.Second)
	}).check(t, "0 state is sent", "1000 state is answered", "1000 act is sent", "2000 act is answered", "2000 <nil>")
}

// TestStepAwaits: what could not go behind the request before it waits until that is over, and is not sent when it has failed.
func TestStepAwaits(t *testing.T) {
	for _, tt := range []struct {
		answer error
		want   []string
	}{
		{nil, []string{"0 state is sent", "1000 state is answered", "1000 act may be sent: <nil>", "1000 <nil>"}},
		{ErrGone, []string{"0 state is sent", "1000 state is answered", "1000 act may be sent: not sent", "1000 " + ErrGone.Error()}},
	} {
		runTasks(t, func(s *taskStory, task *Task) {
			task.Go("asks", func(task *Task) error {
				lane := task.Call.Lane("leg")
				s.say("%v", task.Step(lane, s.sends("state", 0, tt.answer), Then(lane, Sending(func(turn *Turn) error {
					err := turn.Await(context.Background())
					s.say("act may be sent: %v", err)
					return err
				}))))
				return nil
			})
		}, func(*callRig) { time.Sleep(10 * time.Second) }).check(t, tt.want...)
	}
}
