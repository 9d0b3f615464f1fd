package calls

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// attends attends the call in a task of its own, and tells of it. To see to a leg takes 10 ms, to undo
// that of a 10, of b 20, of c 30.
func (s *taskStory) attends(task *Task, fails error, over func() bool) {
	a := task.Call.Attend("attend", func(task *Task, stay *Stay) error {
		s.say("%s is here", stay.Channel)
		if err := task.Sleep(10 * time.Millisecond); err != nil {
			return err
		}
		if fails != nil {
			stay.Failed(fails)
		} else {
			stay.Ready()
		}
		err := task.Until(0, stay.Over)
		if err == nil {
			_ = task.Sleep(time.Duration(1+stay.Channel[0]-'a') * 10 * time.Millisecond)
		}
		s.say("%s has left: %v", stay.Channel, err)
		return err
	})
	task.Go("attends", func(task *Task) error {
		s.say("settled: %v", a.Settled(task))
		err := task.Until(0, over)
		s.say("ended: %v", errors.Join(err, a.End(task)))
		return err
	})
}

// TestAttend: each leg in the call's bridge is attended, those that come later too, once for each time that it is there.
func TestAttend(t *testing.T) {
	never := func() bool { return false }
	third := func(s *taskStory, task *Task, then func(task *Task, leg *Leg)) {
		task.Go("third", func(task *Task) error {
			leg := NewLeg(rigChannel("c", "acme"), RoleTarget)
			task.Call.Register("c")
			task.Call.Add(leg)
			if err := task.Sleep(100 * time.Millisecond); err != nil {
				return err
			}
			err := task.Join(leg)
			if then != nil {
				then(task, leg)
			}
			return err
		})
	}
	failed := errors.New("no room")
	for _, c := range []struct {
		about  string
		with   func(*taskStory, *Task)
		happen func(*callRig)
		want   []string
	}{
		{
			"one comes", func(s *taskStory, task *Task) { s.attends(task, nil, never); third(s, task, nil) }, func(*callRig) {},
			[]string{"0 a is here", "0 b is here", "10 settled: <nil>", "100 c is here"},
		},
		{
			"one comes, and leaves alive: what was done is undone before", func(s *taskStory, task *Task) {
				s.attends(task, nil, never)
				third(s, task, func(task *Task, leg *Leg) {
					_ = task.Sleep(100 * time.Millisecond)
					s.say("parted: %v", task.Part(leg))
					_ = task.Join(leg)
				})
			}, func(*callRig) {},
			[]string{"0 a is here", "0 b is here", "10 settled: <nil>", "100 c is here", "230 c has left: <nil>", "230 parted: <nil>", "230 c is here"},
		},
		{
			"another takes its place", func(s *taskStory, task *Task) { s.attends(task, nil, never) }, func(r *callRig) {
				time.Sleep(100 * time.Millisecond)
				r.calls.Deliver("b", Started{Channel: rigChannel("d", ""), Replaces: "b"})
			},
			[]string{"0 a is here", "0 b is here", "10 settled: <nil>", "100 d is here", "120 b has left: <nil>"},
		},
		{
			"it could not be done", func(s *taskStory, task *Task) { s.attends(task, failed, never) }, func(*callRig) {},
			[]string{"0 a is here", "0 b is here", "10 settled: no room"},
		},
		{
			"nobody needs it any more", func(s *taskStory, task *Task) {
				over := false
				s.attends(task, nil, func() bool { return over })
				task.Go("ends", func(task *Task) error {
					err := task.Sleep(100 * time.Millisecond)
					over = true
					return err
				})
			}, func(*callRig) {},
			[]string{"0 a is here", "0 b is here", "10 settled: <nil>", "110 a has left: <nil>", "120 b has left: <nil>", "120 ended: <nil>"},
		},
		{
			"one leaves before it was seen to", func(s *taskStory, task *Task) { s.attends(task, nil, never); third(s, task, nil) }, func(r *callRig) {
				time.Sleep(105 * time.Millisecond)
				r.leaves("c")
			},
			[]string{"0 a is here", "0 b is here", "10 settled: <nil>", "100 c is here", "140 c has left: <nil>"},
		},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := runTasks(t, c.with, func(r *callRig) {
				c.happen(r)
				time.Sleep(time.Second)
				r.leaves("c")
				r.leaves("d")
			})
			s.lines = slices.DeleteFunc(s.lines, func(line string) bool { return strings.HasPrefix(line, "1") && len(strings.Fields(line)[0]) == 4 }) // the call's end
			s.check(t, c.want...)
		})
	}
}
