package calls

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A facet has the value of who has claimed it last; what was claimed before comes back, and nothing ends for who still claims it.
func TestClaimsAreCounted(t *testing.T) {
	leg := &Leg{}
	claim := func(facet Facet, by, value string) (asks bool) {
		leg.claim(facet, by, value)
		asks = !leg.known(facet)
		value, _ = leg.InForce(facet)
		leg.hasBrought(facet, value)
		return asks
	}
	inForce := func(what string, changes, want bool, value string) {
		t.Helper()
		got, claimed := leg.InForce(Music)
		if got != value || claimed != (value != "") || changes != want {
			t.Errorf("%s: in force is %q, which changes: %v; want %q, %v", what, got, changes, value, want)
		}
	}
	inForce("jazz for hold", claim(Music, "hold", "jazz"), true, "jazz")
	inForce("jazz for park", claim(Music, "park", "jazz"), false, "jazz")
	inForce("folk for transfer", claim(Music, "transfer", "folk"), true, "folk")
	inForce("another facet", claim(Muted, "mute", ""), true, "folk")
	inForce("hold ends", leg.giveUp(Music, "hold"), false, "folk")
	inForce("it ends once", leg.giveUp(Music, "hold"), false, "folk")
	inForce("transfer ends", leg.giveUp(Music, "transfer"), true, "jazz")
	inForce("park wants another", claim(Music, "park", "swing"), true, "swing")
	inForce("park ends", leg.giveUp(Music, "park"), true, "")
	if _, muted := leg.InForce(Muted); !muted || leg.claimed(Muted, "mute") < 0 || leg.claimed(Muted, "hold") >= 0 {
		t.Error("who was muted by itself is not any more")
	}
	if leg.forget(Music, ""); len(leg.claims) != 1 {
		t.Errorf("when the music was undone there are %+v", leg.claims)
	}
}

// A restart knows what was claimed and in which order; what is not taken up is to be undone.
func TestClaimsComeBack(t *testing.T) {
	c := stateCall(t)
	leg := &Leg{Channel: Channel{ID: "17.1"}}
	leg.claim(Music, "hold", "jazz")
	leg.claim(Music, "park", "folk")
	leg.claim(Muted, "hold", "")
	leg.claim(Muted, "mute", "")
	leg.claim(Apart, "park", "")
	leg.giveUp(Apart, "park")

	got := stateOf(t, c, leg).Leg(leg.Channel, RoleCaller)
	got.claim(Music, "hold", "jazz")
	got.claim(Muted, "mute", "")
	if got.known(Music) || got.known(Muted) {
		t.Error("what a process before this one has claimed is known to be in force")
	}
	if value, _ := got.InForce(Music); value != "folk" {
		t.Errorf("before all were taken up %q is in force", value)
	}
	if ask := got.giveUpAll(func(c claim) bool { return c.found }); !slices.Equal(ask, []Facet{Music, Apart}) {
		t.Errorf("asked for are %v", ask)
	}
	if value, _ := got.InForce(Music); value != "jazz" {
		t.Errorf("in force is %q, want what was taken up", value)
	}
	if ask := got.giveUpAll(func(claim) bool { return true }); len(ask) != 3 {
		t.Errorf("at the end %v are undone", ask)
	}
	if got.reset(Channel{ID: "18.1"}); got.claims != nil {
		t.Error("who takes a leg's place has what was claimed of the other channel")
	}
}

// What is claimed is asked for unless it is known to be so: where another's request is refused, or was never sent, the next one asks.
func TestClaimsAreAskedFor(t *testing.T) {
	take := func(r *keepRig, task *Task, by, value string) {
		r.say("%s has %s: %v", by, value, task.Take(task.Call.Legs[0], Music, by, value))
	}
	for _, c := range []struct {
		about string
		run   func(*keepRig, *Task, func(error))
		want  []string
	}{
		{"another's request is refused", func(r *keepRig, task *Task, refuse func(error)) {
			refuse(errPanicked)
			task.Go("first", func(task *Task) error { take(r, task, "first", "jazz"); return nil })
			_ = task.Sleep(500 * time.Millisecond)
			take(r, task, "second", "jazz")
		}, []string{"0 music jazz", "500 music jazz", "1000 first has jazz: " + errPanicked.Error(), "1500 second has jazz: <nil>", "true"}},
		{"it is in force", func(r *keepRig, task *Task, _ func(error)) {
			take(r, task, "first", "jazz")
			take(r, task, "second", "jazz")
		}, []string{"0 music jazz", "1000 first has jazz: <nil>", "1001 second has jazz: <nil>", "true"}},
		{"it was found", func(r *keepRig, task *Task, _ func(error)) {
			leg := task.Call.Legs[0]
			leg.claims = []claim{{Facet: Music, By: "first", Value: "jazz", found: true}}
			take(r, task, "second", "jazz")
			take(r, task, "first", "jazz")
		}, []string{"0 music jazz", "1000 second has jazz: <nil>", "1001 first has jazz: <nil>", "true"}},
		{"it is not undone", func(r *keepRig, task *Task, refuse func(error)) {
			take(r, task, "first", "jazz")
			refuse(errPanicked)
			leg := task.Call.Legs[0]
			task.Go("second", func(task *Task) error { r.say("second: %v", task.GiveBack(leg, Music, "second")); return nil })
			r.say("first: %v", task.GiveBack(leg, Music, "first"))
			_ = task.Sleep(2 * time.Second)
			r.say("third: %v", task.GiveBack(leg, Music, "third"))
		}, []string{"0 music jazz", "1000 first has jazz: <nil>", "1000 music no more", "2000 first: " + errPanicked.Error(), "2000 music no more",
			"3000 second: <nil>", "4000 third: <nil>", "false"}},
		{"it cannot be noted", func(r *keepRig, task *Task, _ func(error)) {
			take(r, task, "first", "jazz")
			r.with(func() { r.refuse = ErrUnavailable })
			take(r, task, "second", "jazz")
			r.with(func() { r.refuse = nil })
			r.say("%v", task.GiveBack(task.Call.Legs[0], Music, "first"))
		}, []string{"0 music jazz", "1000 first has jazz: <nil>", "1001 second has jazz: " + ErrUnavailable.Error(), "1001 music no more", "2001 <nil>", "false"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var refused error
				r := newKeepRig(t, stays)
				r.cfg.Bring = func(task *Task, leg *Leg, facet Facet, value string, claimed bool) error {
					if !claimed {
						value = "no more"
					}
					r.say("%s %s", facet, value)
					answer := refused
					refused = nil
					if err := task.Sleep(time.Second); err != nil {
						return err
					}
					return answer
				}
				var claimed bool
				r.module("test", func(task *Task) (Next, error) {
					r.taskStory.began = time.Now()
					c.run(r, task, func(err error) { refused = err })
					err := task.Sleep(time.Second)
					_, claimed = task.Call.Legs[0].InForce(Music)
					return Continue, err
				})
				r.start()
				r.press("a", "*9")
				time.Sleep(10 * time.Second)
				r.end()
				if r.lines = append(r.lines, fmt.Sprint(claimed)); strings.Join(r.lines, "; ") != strings.Join(c.want, "; ") {
					t.Errorf("happened\n  %s\nwant\n  %s", strings.Join(r.lines, "; "), strings.Join(c.want, "; "))
				}
			})
		})
	}
}

// What was given up before a restart and is not known to be undone is undone by who gives it back again, or else by who settles:
// once, and not while somebody is at it.
func TestClaimsGivenUpBefore(t *testing.T) {
	c := stateCall(t)
	leg := &Leg{Channel: Channel{ID: "17.1"}}
	for _, facet := range []Facet{Music, Muted} {
		leg.claim(facet, "hold", "")
		leg.giveUp(facet, "hold")
	}
	leg.claim(Apart, "hold", "")

	got := stateOf(t, c, leg).Leg(leg.Channel, RoleCaller)
	if !got.giveUp(Music, "hold") || !got.giveUp(Apart, "hold") {
		t.Error("who gives it back again does not ask for it")
	}
	found := func(c claim) bool { return c.found }
	if ask := got.giveUpAll(found); !slices.Equal(ask, []Facet{Muted}) {
		t.Errorf("asked for are %v", ask)
	}
	if got.forget(Music, ""); got.giveUp(Music, "hold") {
		t.Error("what is undone is asked for again")
	}
	if ask := got.giveUpAll(func(claim) bool { return true }); !slices.Equal(ask, []Facet{Muted, Apart}) {
		t.Errorf("where the leg leaves %v are asked for", ask)
	}
}

// TestClaimsOfANode: what is claimed in the name of an action ends with its node, whatever that does. A restart that goes on
// with the node undoes nothing of it before, and then what it has not taken up; of a node that does not go on it undoes all.
func TestClaimsOfANode(t *testing.T) {
	for _, c := range []struct {
		about string
		run   func(*Task) error
		again func(*Task) error // nil: there is no restart
		want  []string
	}{
		{"it gives nothing back", func(task *Task) error { return task.Sleep(time.Second) }, nil, []string{
			"400 music folk of a", "401 muted of a", "1402 muted of a no more", "1403 music of a no more", "1404 action.finished",
		}},
		{"it fails", func(*Task) error { return errPanicked }, nil, []string{
			"400 music folk of a", "401 muted of a", "402 muted of a no more", "403 music of a no more", "404 action.failed",
		}},
		{"it goes on after a restart", func(task *Task) error { return task.Sleep(time.Hour) }, func(task *Task) error {
			_ = task.Sleep(time.Second)
			_ = task.Take(task.Leg, Music, task.Flow.Action, "folk")
			return task.Sleep(time.Second)
		}, []string{
			"400 music folk of a", "401 muted of a", "1500 settled", "2500 music folk of a",
			"3501 muted of a no more", "3502 music of a no more", "3503 action.finished",
		}},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newKeepRig(t, stays)
				r.cfg.Bring = func(task *Task, leg *Leg, facet Facet, value string, claimed bool) error {
					words := strings.TrimSpace(string(facet) + " " + value)
					if words += " of " + leg.ID; !claimed {
						words += " no more"
					}
					r.say("%s", words)
					return task.save(leg)
				}
				r.module("test", func(task *Task) (Next, error) {
					task.Accept("")
					task.Checkpoint(task.Leg, nil)
					for _, facet := range []Facet{Music, Muted} {
						if err := task.Take(task.Leg, facet, task.Flow.Action, map[Facet]string{Music: "folk"}[facet]); err != nil {
							return Stop, err
						}
					}
					err := c.run(task)
					task.Settle(task.Leg)
					return Continue, err
				})
				m := r.cfg.Modules["test"]
				m.Resume = func(task *Task, _ *Leg, _ json.RawMessage) (Next, error) { return Continue, c.again(task) }
				r.cfg.Modules["test"] = m
				r.start()
				r.press("a", "*9")
				if c.again != nil {
					time.Sleep(1100 * time.Millisecond)
					r.restart()
				}
				time.Sleep(10 * time.Second)
				r.end()
				for _, n := range r.notices {
					if n.Type == "action.finished" || n.Type == "action.failed" {
						r.lines = append(r.lines, fmt.Sprint(n.Time.Sub(r.taskStory.began).Milliseconds(), " ", n.Type))
					}
				}
				slices.SortStableFunc(r.lines, func(a, b string) int {
					var ma, mb int
					_, _ = fmt.Sscan(a, &ma)
					_, _ = fmt.Sscan(b, &mb)
					return ma - mb
				})
				var got []string
				for _, line := range r.lines {
					if !strings.Contains(line, "goes on") {
						got = append(got, line)
					}
				}
				if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
					t.Errorf("happened\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
				}
			})
		})
	}
}
