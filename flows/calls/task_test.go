package calls

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

func isResumed(ev Event) bool { return ev == Event(Resumed{}) }

func isLost(channel string) func(Event) bool {
	return func(ev Event) bool { return ev == Event(Lost{channel}) }
}

// taskStory collects what tasks say, with the time in ms.
type taskStory struct {
	began time.Time

	mu    sync.Mutex // requests leave the call's goroutine
	lines []string
}

func (s *taskStory) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%d ", time.Since(s.began).Milliseconds())+fmt.Sprintf(format, args...))
}

func (s *taskStory) check(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(s.lines, "; "); got != strings.Join(want, "; ") {
		t.Errorf("happened\n  %s\nwant\n  %s", got, strings.Join(want, "; "))
	}
}

// runTasks runs a call with body on its first task, then script, then hangs up.
func runTasks(t *testing.T, body func(*taskStory, *Task), script func(*callRig)) *taskStory {
	t.Helper()
	story := &taskStory{}
	synctest.Test(t, func(t *testing.T) {
		story.began = time.Now()
		r := newCallRig(t, func(task *Task) { body(story, task) })
		r.start()
		if script != nil {
			script(r)
		}
		r.end()
	})
	return story
}

// TestTaskAwait: every task that wants an event gets it, in the order of their start, and a task that wants another does not.
func TestTaskAwait(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		for i := range 3 {
			task.Go("waiter", func(task *Task) error {
				s.say("%d: %v", i, task.Await(isResumed))
				return nil
			})
		}
		task.Go("other", func(task *Task) error {
			s.say("other: %v", task.Await(isLost("x")))
			return nil
		})
	}, func(r *callRig) {
		time.Sleep(time.Second)
		r.calls.Deliver("a", Resumed{})
		r.calls.Deliver("a", Resumed{}) // nobody wants it any more
		synctest.Wait()
	}).check(t, "1000 0: <nil>", "1000 1: <nil>", "1000 2: <nil>", "1000 other: call ended")
}

// TestTaskExpect: what is expected is seen once, whatever the task waits for meanwhile, and is wanted by somebody.
func TestTaskExpect(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("expects", func(task *Task) error {
			first, second := task.Expect(isResumed), task.Expect(isLost("x"))
			s.say("slept: %v, %v %v", task.Sleep(time.Second), first(), second())
			s.say("%v, %v %v", task.Until(time.Minute, second), first(), second())
			if task.Call.offer(Resumed{}) {
				s.say("what has come is looked out for still")
			}
			return nil
		})
	}, func(r *callRig) {
		time.Sleep(500 * time.Millisecond)
		r.calls.Deliver("a", Resumed{})
		time.Sleep(1500 * time.Millisecond)
		r.calls.Deliver("a", Lost{"x"})
		synctest.Wait()
	}).check(t, "1000 slept: <nil>, true false", "2000 <nil>, true true")
}

// TestTaskTimeouts: waits end at their time exactly, one after another, and a timer of an earlier wait ends no later one.
func TestTaskTimeouts(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("timed", func(task *Task) error {
			s.say("%v", task.AwaitFor(time.Second, isResumed)) // the event comes first
			s.say("%v", task.AwaitFor(time.Second, isResumed)) // nothing comes
			s.say("%v", task.Sleep(300*time.Millisecond))
			s.say("%v", task.Until(time.Second, func() bool { return false }))
			s.say("%v", task.Until(time.Second, func() bool { return true }))
			s.say("%v", task.Await(isResumed))
			return nil
		})
	}, func(r *callRig) {
		time.Sleep(500 * time.Millisecond)
		r.calls.Deliver("a", Resumed{})
		time.Sleep(10 * time.Second)
		r.calls.Deliver("a", Resumed{})
		synctest.Wait()
	}).check(t, "500 <nil>", "1500 timed out", "1800 <nil>", "2800 timed out", "2800 <nil>", "10500 <nil>")
}

// TestTaskEventAtItsTimeout: the event and the end of the time at the same moment wake the task once.
func TestTaskEventAtItsTimeout(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("timed", func(task *Task) error {
			if err := task.AwaitFor(time.Second, isResumed); err != nil && !errors.Is(err, ErrTimeout) {
				return err
			}
			s.say("woken")
			if err := task.AwaitFor(time.Second, isLost("x")); !errors.Is(err, ErrTimeout) {
				s.say("%v", err)
			}
			s.say("woken again")
			return nil
		})
	}, func(r *callRig) {
		time.Sleep(time.Second)
		r.calls.Deliver("a", Resumed{})
		time.Sleep(5 * time.Second)
	}).check(t, "1000 woken", "2000 woken again")
}

// TestTaskUntil: a condition is looked at after everything that happens, also after what another task does.
func TestTaskUntil(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		ready := false
		task.Go("waits", func(task *Task) error {
			s.say("%v", task.Until(0, func() bool { return ready }))
			return nil
		})
		task.Go("works", func(task *Task) error {
			err := task.Sleep(time.Second)
			ready = true
			return err
		})
	}, func(*callRig) { time.Sleep(5 * time.Second) }).check(t, "1000 <nil>")
}

// TestTaskRest: who rests has returned, has no goroutine, and goes on once its condition holds; who has panicked, or whose call
// is over, does not.
func TestTaskRest(t *testing.T) {
	const many = 100
	runTasks(t, func(s *taskStory, task *Task) {
		ready, never := false, func() bool { return false }
		says := func(what string) func(*Task) error {
			return func(*Task) error { s.say("%s", what); return nil }
		}
		task.Go("rests twice", func(task *Task) error {
			defer s.say("returned")
			return task.Rest(func() bool { return ready }, func(task *Task) error {
				s.say("goes on, %v", task.Sleep(time.Second))
				return task.Rest(func() bool { return true }, says("and again"))
			})
		})
		breaks := task.Go("breaks", func(task *Task) error {
			_ = task.Rest(never, says("somebody has panicked, and rests"))
			panic("broken")
		})
		var resting []*Task
		before := runtime.NumGoroutine()
		for range many {
			resting = append(resting, task.Go("rests", func(task *Task) error { return task.Rest(never, says("the call is over")) }))
		}
		late := task.Go("rests when it has been ended", func(task *Task) error {
			return errors.Join(task.Sleep(4*time.Second), task.Rest(func() bool { return true }, says("the call is over")))
		})
		task.Go("works", func(task *Task) error {
			err := task.Sleep(time.Second)
			if more := runtime.NumGoroutine() - before; more > many/2 {
				s.say("%d tasks that rest have %d goroutines", many, more)
			}
			ready = true
			err = errors.Join(err, task.Sleep(2*time.Second))
			s.say("%v: %v, %v", err, breaks.Done(), resting[0].Done())
			task.EndOthers()
			s.say("%v, %v", resting[0].Done(), late.Done())
			return nil
		})
	}, func(*callRig) { time.Sleep(5 * time.Second) }).check(t,
		"0 returned", "2000 goes on, <nil>", "2000 and again", "3000 <nil>: true, false", "3000 true, true")
}

// TestTaskEnded: at the call's end every wait returns ErrCallEnded, what was deferred still works, no later wait does.
func TestTaskEnded(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("outer", func(task *Task) error {
			defer func() { s.say("deferred, %v", task.Ending()) }()
			s.say("%v", task.Await(isResumed))
			s.say("%v", task.AwaitFor(time.Second, isResumed))
			s.say("%v", task.Sleep(time.Second))
			s.say("%v", task.Until(0, func() bool { return true }))
			return nil
		})
		task.Go("never steps", func(*Task) error { return nil })
	}, nil).check(t, "0 call ended", "0 call ended", "0 call ended", "0 call ended", "0 deferred, call ended")
}

// TestTaskSpawnedAtTheEnd: a task that is started by another's defers at the call's end is ended, too; nothing of it stays
// (the bubble would fail).
func TestTaskSpawnedAtTheEnd(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("outer", func(task *Task) error {
			defer func() {
				late := task.Go("late", func(*Task) error {
					s.say("a task runs after the end")
					return nil
				})
				if !late.Done() {
					s.say("a task that will never run is not done")
				}
			}()
			return task.Await(isResumed)
		})
	}, nil).check(t)
}

// TestTaskEndOthers: a task may end all others and go on.
func TestTaskEndOthers(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		other := task.Go("other", func(task *Task) error {
			defer s.say("put back")
			return task.Await(isResumed)
		})
		task.Go("ends", func(task *Task) error {
			if err := task.Sleep(time.Second); err != nil {
				return err
			}
			fresh := task.Go("fresh", func(*Task) error {
				s.say("a task runs that was ended before")
				return nil
			})
			task.EndOthers()
			s.say("%v %v %v", other.Done(), fresh.Done(), task.Ending())
			return task.Sleep(time.Second)
		})
	}, func(*callRig) { time.Sleep(3 * time.Second) })
}

// TestTaskPanic: a panic is one task's end: it is logged with its stack, the call goes on.
func TestTaskPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		went := false
		r := newCallRig(t, func(task *Task) {
			task.Go("breaks", func(*Task) error { panic("broken") })
			task.Go("goes on", func(task *Task) error {
				err := task.Sleep(time.Second)
				went = true
				return err
			})
		})
		r.start()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if log := r.log.String(); !strings.Contains(log, "broken") || !strings.Contains(log, "task_test.go") || !strings.Contains(log, "level=ERROR") {
			t.Errorf("the log says %s", log)
		}
		if !went {
			t.Error("another task did not go on")
		}
		r.end()
	})
}

// TestModulePanic: everybody learns the outcome, also of an action that panics.
func TestModulePanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		told := 0
		r.cfg.Failed = func(*Task) { told++ }
		r.document("acme", "9")
		r.module("test", func(*Task) (Next, error) { panic("broken") })
		r.start()
		r.press("a", "*9")
		if got := r.told("action."); got != "action.failed error" || told != 1 {
			t.Errorf("told %q, the presser %d times", got, told)
		}
		if !strings.Contains(r.log.String(), "call_test.go") && !strings.Contains(r.log.String(), "task_test.go") {
			t.Errorf("no stack in the log: %s", r.log.String())
		}
		r.end()
	})
}

// TestTaskDetached: at shutdown waits return ErrDetached, and nothing is published as if it had ended.
func TestTaskDetached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &taskStory{began: time.Now()}
		r := newCallRig(t, func(task *Task) {
			task.Go("waits", func(task *Task) error {
				defer func() { s.say("deferred, %v", task.Ending()) }()
				err := task.Await(isResumed)
				s.say("%v", err)
				return err
			})
		})
		r.document("acme", "9")
		r.module("test", func(task *Task) (Next, error) {
			task.Accept("")
			return Stop, task.Await(isResumed)
		})
		r.start()
		r.press("a", "*9")
		if err := r.shutdown(time.Second); err != nil {
			t.Error(err)
		}
		s.check(t, "400 detached", "400 deferred, detached")
		if got := r.told("action."); got != "action.started" {
			t.Errorf("told %s", got)
		}
		if r.calls.Len() != 0 {
			t.Error("calls are left")
		}
		if strings.Contains(r.log.String(), "level=WARN") || strings.Contains(r.log.String(), "level=ERROR") {
			t.Errorf("the log complains: %s", r.log.String())
		}
	})
}

// TestFlow: which child runs after what, and what is told of each node.
func TestFlow(t *testing.T) {
	const document = `{"numbers":{"9":{"module":"first","children":{"_":{"module":"default"},"x":{"module":"x"},
		"busy":{"module":"busy"},"failed":{"module":"failed"}}}}}`
	for _, c := range []struct {
		about string
		next  Next
		err   error
		want  string
	}{
		{"continue", Continue, nil, "first default"},
		{"stop", Stop, nil, "first"},
		{"branch", Branch("x"), nil, "first x"},
		{"branch to nowhere", Branch("y"), nil, "first default"},
		{"failure with a child of its reason", Stop, Fail("busy", nil), "first busy"},
		{"other failure", Stop, Fail("no_answer", nil), "first failed"},
		{"error", Stop, fmt.Errorf("x: %w", ErrUnavailable), "first failed"},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ran []string
				r := newCallRig(t, nil)
				for _, name := range []string{"first", "default", "x", "busy", "failed"} {
					r.module(name, func(*Task) (Next, error) {
						if ran = append(ran, name); name == "first" {
							return c.next, c.err
						}
						return Continue, nil
					})
				}
				doc, err := flows.ParseDocument([]byte(document))
				if err != nil {
					t.Fatal(err)
				}
				r.docs["acme"] = flows.Merge(flows.Settings{}, doc, nil, nil)
				r.start()
				r.press("a", "*9")
				if got := strings.Join(ran, " "); got != c.want {
					t.Errorf("ran %s, want %s", got, c.want)
				}
				r.end()
			})
		})
	}
}

// TestFlowPresserGone: when the presser is gone no further node runs.
func TestFlowPresserGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []string
		r := newCallRig(t, nil)
		doc, err := flows.ParseDocument([]byte(`{"numbers":{"9":{"module":"first","children":{"_":{"module":"second"}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.docs["acme"] = flows.Merge(flows.Settings{}, doc, nil, nil)
		r.module("first", func(task *Task) (Next, error) {
			ran = append(ran, "first")
			defer task.Call.Hold()()
			return Continue, task.Until(0, func() bool { return task.Leg.Gone })
		})
		r.module("second", func(*Task) (Next, error) {
			ran = append(ran, "second")
			return Continue, nil
		})
		r.start()
		r.press("a", "*9")
		r.end()
		if strings.Join(ran, " ") != "first" {
			t.Errorf("ran %v", ran)
		}
	})
}
