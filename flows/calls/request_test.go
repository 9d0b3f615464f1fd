package calls

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// asks is a request that takes a second.
func (s *taskStory) asks(what string) func() error {
	return func() error {
		time.Sleep(time.Nanosecond) // what the task before says of its answer comes first
		s.say("%s is asked", what)
		time.Sleep(time.Second)
		s.say("%s is answered", what)
		return nil
	}
}

// TestDo: a task waits for its answer and nobody else does: the call hears what happens, other tasks go on, requests of one
// lane follow each other, those of another go out meanwhile.
func TestDo(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		lane := task.Call.Legs[0].Lane()
		for name, lane := range []*Lane{lane, lane, task.Call.Lane("recording")} {
			task.Go("asks", func(task *Task) error {
				what := string(rune('a' + name))
				time.Sleep(time.Duration(name)) // keeps apart what is asked at the same moment
				s.say("%s: %v", what, task.Do(lane, s.asks(what)))
				return nil
			})
		}
		task.Go("listens", func(task *Task) error {
			s.say("hears: %v", task.Await(isResumed))
			return nil
		})
	}, func(r *callRig) {
		time.Sleep(500 * time.Millisecond)
		r.calls.Deliver("a", Resumed{})
		time.Sleep(10 * time.Second)
	}).check(t, "0 a is asked", "0 c is asked", "500 hears: <nil>", "1000 a is answered", "1000 a: <nil>", "1000 b is asked",
		"1000 c is answered", "1000 c: <nil>", "2000 b is answered", "2000 b: <nil>")
}

// TestDoLane: there is one lane for each thing of a call.
func TestDoLane(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		c := task.Call
		x := c.Lane("x")
		if x != c.Lane("x") || x == c.Lane("y") || c.Legs[0].Lane() == c.Legs[1].Lane() {
			s.say("things share a lane, or have two")
		}
	}, nil).check(t)
}

// TestDoLaneForgotten: a call keeps no lane in which nothing is under way, and who has kept one still asks in order.
func TestDoLaneForgotten(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		c := task.Call
		var kept *Lane
		for _, id := range []string{"a", "b", "kept"} {
			kept = c.Lane(id)
			if err := task.Do(kept, func() error { return nil }); err != nil || len(c.lanes) != 0 {
				s.say("%d lanes are kept behind %s: %v", len(c.lanes), id, err)
			}
		}
		first := task.Beside(c.Lane("kept"), s.asks("first"))
		second := task.Beside(kept, s.asks("second"))
		s.say("%v %v, %d lanes", first(), second(), len(c.lanes))
	}, func(*callRig) { time.Sleep(5 * time.Second) }).check(t, "0 first is asked", "1000 first is answered", "1000 second is asked",
		"2000 second is answered", "2000 <nil> <nil>, 0 lanes")
}

// TestDoKeys: a code is decided by its last key while a request is under way for the presser's own leg.
func TestDoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []time.Duration
		r := newCallRig(t, func(task *Task) {
			task.Go("asks", func(task *Task) error {
				return task.Do(task.Call.Lane("recording"), func() error { time.Sleep(5 * time.Second); return nil })
			})
		})
		r.document("acme", "9")
		r.module("test", func(*Task) (Next, error) {
			ran = append(ran, time.Since(r.began))
			return Continue, nil
		})
		r.start()
		r.press("a", "*9")
		if len(ran) != 1 || ran[0] != 400*time.Millisecond {
			t.Errorf("the code ran after %v, want 400ms", ran)
		}
		time.Sleep(10 * time.Second)
		r.end()
	})
}

// TestDoWhenTheCallEnds: who waits for an answer learns of the end at once; what has not left is not sent; what is deferred
// is, behind what is under way.
func TestDoWhenTheCallEnds(t *testing.T) {
	story := &taskStory{}
	synctest.Test(t, func(t *testing.T) {
		story.began = time.Now()
		r := newCallRig(t, func(task *Task) {
			lane := task.Call.Lane("recording")
			for _, what := range []string{"first", "second"} {
				task.Go("asks", func(task *Task) error {
					defer func() {
						story.say("%s puts back: %v", what, task.Do(lane, story.asks("putting "+what+" back")))
					}()
					story.say("%s: %v", what, task.Do(lane, story.asks(what)))
					return nil
				})
			}
		})
		r.start()
		time.Sleep(300 * time.Millisecond)
		r.calls.Deliver("a", Left{Channel: "a"})
		time.Sleep(5 * time.Second)
		if r.calls.Len() != 0 {
			t.Error("the call is not over")
		}
	})
	story.check(t, "0 first is asked", "300 first: call ended", "1000 first is answered", "1000 putting first back is asked",
		"2000 putting first back is answered", "2000 first puts back: <nil>", "2000 second: call ended",
		"2000 putting second back is asked", "3000 putting second back is answered", "3000 second puts back: <nil>")
}

// TestDoDetached: when the process stops nobody waits, and nothing more is sent, not even by what is deferred.
func TestDoDetached(t *testing.T) {
	story := &taskStory{}
	synctest.Test(t, func(t *testing.T) {
		story.began = time.Now()
		r := newCallRig(t, func(task *Task) {
			lane := task.Call.Lane("recording")
			for _, what := range []string{"first", "second"} {
				task.Go("asks", func(task *Task) error {
					defer func() { story.say("%s puts back: %v", what, task.Do(lane, story.asks("putting back"))) }()
					story.say("%s: %v", what, task.Do(lane, story.asks(what)))
					return nil
				})
			}
		})
		r.start()
		time.Sleep(300 * time.Millisecond)
		if err := r.shutdown(time.Minute); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
	})
	story.check(t, "0 first is asked", "300 first: detached", "300 first puts back: detached", "300 second: detached",
		"300 second puts back: detached", "1000 first is answered")
}

// TestDoFails: what a request returns comes back, and its panic is an error of the task alone.
func TestDoFails(t *testing.T) {
	refused := errors.New("refused")
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("asks", func(task *Task) error {
			s.say("%v", task.Do(task.Call.Lane("x"), func() error { return refused }))
			s.say("%v", task.Do(task.Call.Lane("x"), func() error { panic("a mistake") }))
			s.say("%v", task.Do(task.Call.Lane("x"), func() error { return nil }))
			return nil
		})
	}, func(*callRig) { synctest.Wait() }).check(t, "0 refused", "0 "+errPanicked.Error(), "0 <nil>")
}

// TestOff: what is no request waits for nothing and holds nobody up. The call's end cancels it, and after that nothing runs.
func TestOff(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		for range 2 {
			task.Go("asks", func(task *Task) error {
				s.say("%v", task.Off(func(context.Context) error { time.Sleep(time.Second); return nil }))
				defer func() { s.say("%v", task.Off(func(context.Context) error { panic("it ran") })) }()
				s.say("%v", task.Off(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
				return nil
			})
		}
	}, func(*callRig) { time.Sleep(3 * time.Second) }).check(t, "1000 <nil>", "1000 <nil>", "3000 call ended", "3000 call ended",
		"3000 call ended", "3000 call ended")
}

// idleLine obeys, and does nothing.
type idleLine struct{}

func (idleLine) AddToBridge(string, string, bool) error { return nil }

func (idleLine) AddAllToBridge(string, ...string) error { return nil }
func (idleLine) SendDigits(string, string) error        { return nil }

// TestDoRehearsed: in a rehearsal a request takes as long as it says, in the rehearsal's time, and so does what is off.
func TestDoRehearsed(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var story []string
	var r *Rehearsal
	takes := func(d time.Duration) error { r.Takes(d); return nil }
	say := func(what string, err error) {
		story = append(story, r.Now().Sub(began).String()+" "+what)
		if err != nil {
			story = append(story, err.Error())
		}
	}
	doc, err := flows.ParseDocument([]byte(`{"numbers":{"9":{"module":"test"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	effective := flows.Merge(flows.Settings{}, doc, nil, nil)
	leg := NewLeg(rigChannel("a", "acme"), RoleCaller)
	r, err = NewRehearsal(Config{
		Line: idleLine{}, Publisher: &callRig{}, Log: slog.New(slog.DiscardHandler), Effective: func(flows.Owner) *flows.Effective { return effective },
		Modules: Modules{"test": {Name: "test", Run: func(task *Task, _ json.RawMessage) (Next, error) {
			task.Go("beside", func(task *Task) error {
				say("beside", task.Do(task.Leg.Lane(), func() error { return takes(time.Second) }))
				return nil
			})
			say("asked", task.Do(task.Leg.Lane(), func() error { return takes(2 * time.Second) }))
			say("off", task.Off(func(context.Context) error { return takes(3 * time.Second) }))
			return Continue, nil
		}}},
	}, began, leg)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range "*9" {
		at := began.Add(time.Duration(i) * 200 * time.Millisecond)
		r.At(at, func() {
			r.Deliver(Digit{Channel: "a", Key: byte(key), Duration: 100 * time.Millisecond, Stamp: at, Arrived: at})
		})
	}
	r.Run(began.Add(time.Minute), 1000)
	if got, want := strings.Join(story, "; "), "2.2s asked; 3.2s beside; 5.2s off"; got != want {
		t.Errorf("it went %s, want %s", got, want)
	}
}
