package calls

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestClaimsOfSound: how a leg sounds is counted per claimant and direction: the value of who has claimed it before is in force
// again when the last one gives it back, or is refused, and none when nobody claims it. A restart finds it so.
func TestClaimsOfSound(t *testing.T) {
	take := func(r *keepRig, task *Task, facet Facet, by, value string) {
		if err := task.Take(task.Leg, facet, by, value); err != nil {
			r.say("%s is refused", by)
		}
	}
	giveBack := func(task *Task, facet Facet, by string) { _ = task.GiveBack(task.Leg, facet, by) }
	two := func(r *keepRig, task *Task) {
		take(r, task, HeardVolume, "first", "4")
		take(r, task, HeardVolume, "second", "-2")
	}
	for _, c := range []struct {
		about string
		run   func(*keepRig, *Task)
		again func(*keepRig, *Task) // nil: there is no restart
		want  string
	}{
		{"the last gives back first", func(r *keepRig, task *Task) {
			two(r, task)
			giveBack(task, HeardVolume, "second")
			giveBack(task, HeardVolume, "first")
		}, nil, "heard volume 4; heard volume -2; heard volume 4; heard volume off"},
		{"the first gives back first", func(r *keepRig, task *Task) {
			two(r, task)
			giveBack(task, HeardVolume, "first")
			r.say("not asked for")
			giveBack(task, HeardVolume, "second")
		}, nil, "heard volume 4; heard volume -2; not asked for; heard volume off"},
		{"each direction is a facet", func(r *keepRig, task *Task) {
			take(r, task, HeardVolume, "first", "4")
			take(r, task, SaidVolume, "second", "-2")
			take(r, task, HeardPitch, "second", "1.5")
			take(r, task, SaidPitch, "first", "0.5")
			giveBack(task, SaidPitch, "first")
			giveBack(task, HeardVolume, "first")
			giveBack(task, HeardPitch, "second")
			giveBack(task, SaidVolume, "second")
		}, nil, "heard volume 4; said volume -2; heard pitch 1.5; said pitch 0.5; said pitch off; heard volume off; heard pitch off; said volume off"},
		{"the second is refused", func(r *keepRig, task *Task) {
			take(r, task, SaidPitch, "first", "1.5")
			take(r, task, SaidPitch, "second", "99")
			giveBack(task, SaidPitch, "first")
		}, nil, "said pitch 1.5; said pitch 99; said pitch 1.5; second is refused; said pitch off"},
		{"a restart goes on with the first", func(r *keepRig, task *Task) {
			take(r, task, HeardVolume, task.Flow.Action, "4")
			take(r, task, HeardVolume, "second", "-2")
		}, func(r *keepRig, task *Task) {
			_ = task.Sleep(time.Second)
			take(r, task, HeardVolume, task.Flow.Action, "4")
			r.say("taken up")
		}, "heard volume 4; heard volume -2; heard volume 4; again; taken up; heard volume off"},
		{"a restart goes on with none", two, func(*keepRig, *Task) {}, "heard volume 4; heard volume -2; heard volume off; again"},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newKeepRig(t, stays)
				r.cfg.Bring = func(task *Task, leg *Leg, facet Facet, value string, claimed bool) error {
					if !claimed {
						value = "off"
					}
					r.say("%s %s", facet, value)
					if value == "99" {
						return ErrInvalid
					}
					return task.save(leg)
				}
				r.module("test", func(task *Task) (Next, error) {
					task.Accept("")
					task.Checkpoint(task.Leg, nil)
					c.run(r, task)
					if c.again != nil {
						return Continue, task.Sleep(time.Hour)
					}
					task.Settle(task.Leg)
					return Continue, nil
				})
				m := r.cfg.Modules["test"]
				m.Resume = func(task *Task, leg *Leg, _ json.RawMessage) (Next, error) {
					r.say("again")
					c.again(r, task)
					task.Settle(leg)
					return Continue, nil
				}
				r.cfg.Modules["test"] = m
				r.start()
				r.press("a", "*9")
				if c.again != nil {
					time.Sleep(time.Second)
					r.restart()
				}
				time.Sleep(10 * time.Second)
				r.end()
				var got []string
				for _, line := range r.lines {
					if _, words, _ := strings.Cut(line, " "); !strings.Contains(line, "goes on") && words != "settled" {
						got = append(got, words)
					}
				}
				if strings.Join(got, "; ") != c.want {
					t.Errorf("happened\n  %s\nwant\n  %s", strings.Join(got, "; "), c.want)
				}
			})
		})
	}
}
