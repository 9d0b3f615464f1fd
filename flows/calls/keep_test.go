package calls

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// wordKept is what module test keeps in these tests.
type wordKept struct {
	Word string `json:"w"`
}

func (w *wordKept) Show() any { return w.Word }

// keepRig is a call on which a code, 9, begins something that lasts, as keep does it, and on whose channels states are kept.
type keepRig struct {
	*callRig
	*taskStory
	states map[string]string
	refuse error // every state
	acts   []Request
	never  bool // it does not begin
}

func newKeepRig(t *testing.T, keep func(*keepRig, *Task, *Kept, *wordKept) error) *keepRig {
	r := &keepRig{taskStory: &taskStory{began: time.Now()}, states: map[string]string{}}
	r.callRig = newCallRig(t, nil)
	r.document("acme", "9")
	r.module("test", func(task *Task) (Next, error) {
		task.Accept("")
		_, err := task.Keep(nil, &wordKept{Word: "first"})
		r.say("the node has begun it: %v", err)
		return Continue, err
	})
	m := r.cfg.Modules["test"]
	m.Keep = Keeps(func(task *Task, k *Kept, word *wordKept) error {
		if !k.Again {
			if asked, err := k.Begin(r.acts...); err != nil {
				r.say("asked %v", asked)
				return err
			}
		}
		r.say("%s is kept, again %v, word %s", k.Name, k.Again, word.Word)
		err := keep(r, task, k, word)
		r.say("it is over: %v", err)
		return err
	})
	r.cfg.Modules["test"] = m
	r.cfg.Save = func(task *Task, leg *Leg) func() error {
		state, err := task.Call.State(leg)
		return func() error {
			if err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
			r.callRig.mu.Lock()
			defer r.callRig.mu.Unlock()
			if r.refuse != nil {
				return r.refuse
			}
			r.states[leg.ID] = state
			return nil
		}
	}
	return r
}

// noted says what the channels know.
func (r *keepRig) noted() { r.say("noted: %s", r.words()) }

// words are what the channels know.
func (r *keepRig) words() string {
	var words []string
	var states map[string]string
	r.with(func() { states = maps.Clone(r.states) })
	for _, channel := range []string{"a", "b", "c"} {
		s, _, _ := ParseState(states[channel], channel)
		for _, k := range s.Kept {
			words = append(words, channel+" "+string(k.Data))
		}
	}
	return strings.Join(words, " ")
}

// restart lets another process take up the channels, as they are or as change makes them.
func (r *keepRig) restart(changes ...func(*Found)) {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	if err := r.calls.Shutdown(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.cfg.Adopt = func(task *Task, found []Found) error {
		var legs []*Leg
		for _, f := range found {
			s, _, err := ParseState(f.State, f.ID)
			if err != nil {
				return err
			}
			legs = append(legs, s.Leg(f.Channel, RoleCaller))
		}
		task.Call.TakeUp(legs)
		task.Call.Open()
		resumed := len(task.Call.Resume()) > 0
		r.say("it goes on: %v", task.KeepOn())
		if task.SettleClaims(); resumed {
			r.say("settled")
		}
		if err := task.Until(0, task.Call.Over); err != nil {
			return err
		}
		task.EndOthers()
		return nil
	}
	r.calls = New(r.cfg)
	var states map[string]string
	r.with(func() { states = maps.Clone(r.states) })
	var inv Inventory
	for _, id := range []string{"a", "b"} {
		f := Found{Channel: rigChannel(id, "acme"), Inside: true, State: states[id], Bridge: "mf-a"}
		f.Channel.Vars[VarCall] = "a"
		for _, change := range changes {
			change(&f)
		}
		inv.Channels = append(inv.Channels, f)
	}
	r.calls.Connected(inv)
	synctest.Wait()
}

// TestKeep: it is noted on one leg before it begins, on all when it has, for as long as it lasts; the node goes on when it has
// begun, and the call meanwhile.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newKeepRig(t, func(r *keepRig, task *Task, k *Kept, word *wordKept) error {
			r.noted()
			r.say("%d, starting %v", len(task.Call.Kept("test")), k.Starting())
			if err := task.Sleep(time.Second); err != nil {
				return err
			}
			k.Began()
			if err := task.Sleep(time.Second); err != nil {
				return err
			}
			r.noted()
			word.Word = "second"
			err := task.Note(k)
			r.noted()
			if err == nil {
				err = task.Sleep(time.Second)
			}
			r.noted()
			return err
		})
		var views []string
		r.cfg.Changed = func(v View) {
			var shows []string
			for _, k := range v.Kept {
				shows = append(shows, fmt.Sprint(k.Account, " ", k.Shows))
			}
			if now := strings.Join(shows, ", "); len(views) == 0 || views[len(views)-1] != now {
				views = append(views, now)
			}
		}
		r.start()
		r.press("a", "*9")
		time.Sleep(10 * time.Second)
		r.noted()
		r.end()
		r.check(t, "401 acme/a/3 is kept, again false, word first", `401 noted: a {"w":"first"}`, "401 1, starting true",
			"1401 the node has begun it: <nil>", `2401 noted: a {"w":"first"} b {"w":"first"}`, `2402 noted: a {"w":"second"} b {"w":"first"}`,
			`3402 noted: a {"w":"second"} b {"w":"second"}`, "3402 it is over: <nil>", "10400 noted: ")
		if got := strings.Join(views, "; "); got != "; acme first; acme second; " {
			t.Errorf("shown from outside: %q", got)
		}
		if told := r.told("action."); told != "action.started; action.finished" {
			t.Error(told)
		}
	})
}

// TestKeepBeginsNot: what cannot be noted does not begin, and what does not begin is an error of its node; no note is left.
func TestKeepBeginsNot(t *testing.T) {
	never := errors.New("never")
	for _, c := range []struct {
		about  string
		refuse error
		keep   func(*keepRig, *Task, *Kept, *wordKept) error
		want   []string
	}{
		{"it cannot be noted", never, nil, []string{"401 asked false", "401 the node has begun it: never", "10400 noted: "}},
		{
			"it does not begin", nil, func(*keepRig, *Task, *Kept, *wordKept) error { return never },
			[]string{"401 acme/a/3 is kept, again false, word first", "401 it is over: never", "401 the node has begun it: never", "10400 noted: "},
		},
		{
			"it panics", nil, func(*keepRig, *Task, *Kept, *wordKept) error { panic("oh") },
			[]string{"401 acme/a/3 is kept, again false, word first", "401 the node has begun it: " + errPanicked.Error(), "10400 noted: "},
		},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newKeepRig(t, c.keep)
				r.refuse = c.refuse
				r.start()
				r.press("a", "*9")
				time.Sleep(10 * time.Second)
				r.noted()
				r.end()
				r.check(t, c.want...)
			})
		})
	}
}

// TestKeepBegins: what begins it follows its note as one step, and is not asked for where that fails. It is told by what is saved
// for a claim, too.
func TestKeepBegins(t *testing.T) {
	never := errors.New("never")
	for _, c := range []struct {
		about       string
		refuse, act error
		want        []string
	}{
		{"it begins", nil, nil, []string{`401 the act: a {"w":"first"}`, "411 acme/a/3 is kept, again false, word first", "411 the node has begun it: <nil>"}},
		{"it cannot be noted", never, nil, []string{"401 asked false", "401 the node has begun it: never"}},
		{"the act is refused", nil, never, []string{`401 the act: a {"w":"first"}`, "411 asked true", "411 the node has begun it: never"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newKeepRig(t, stays)
				r.refuse = c.refuse
				r.acts = []Request{Then(new(Lane), func() error {
					r.say("the act: %s", r.words())
					time.Sleep(10 * time.Millisecond)
					return c.act
				})}
				r.start()
				r.press("a", "*9")
				time.Sleep(time.Second)
				want := c.want
				if r.end(); c.refuse == nil && c.act == nil {
					want = append(want, "1400 it is over: "+ErrCallEnded.Error())
				}
				r.check(t, want...)
			})
		})
	}
}

// TestKeepEnds: whoever asks whether it lasts while another begins or ends it is told when that is known. What could not be ended
// lasts, and is ended when that is asked again; what has not begun is over without an error.
func TestKeepEnds(t *testing.T) {
	never := errors.New("never")
	ends := func(r *keepRig, task *Task, k *Kept, _ *wordKept) error {
		ask := func(who string) {
			task.Go(who, func(task *Task) error {
				lasts, err := task.Lasts(k)
				r.say("%s: it lasts %v, %v", who, lasts, err)
				return nil
			})
		}
		end := func(who string) {
			task.Go(who, func(task *Task) error { r.say("%s ends it: %v", who, task.End(k)); return nil })
		}
		ask("anne")
		if err := task.Sleep(time.Second); err != nil || r.never {
			end("eve")
			return errors.Join(err, task.Sleep(time.Second), never)
		}
		k.Began()
		for _, answer := range []error{never, nil} {
			_ = task.Sleep(time.Second)
			end("bert")
			_ = task.Until(0, k.Ending)
			ask("carl")
			_ = task.Sleep(time.Second)
			if answer == nil {
				break
			}
			k.Stays(answer)
		}
		return nil
	}
	for _, c := range []struct {
		never bool
		want  []string
	}{
		{false, []string{
			"401 acme/a/3 is kept, again false, word first", "1401 the node has begun it: <nil>", "1401 anne: it lasts true, <nil>",
			"3401 bert ends it: never", "3401 carl: it lasts true, <nil>",
			"5401 it is over: <nil>", "5401 bert ends it: <nil>", "5401 carl: it lasts false, <nil>",
		}},
		{true, []string{
			"401 acme/a/3 is kept, again false, word first", "2401 it is over: never", "2401 the node has begun it: never",
			"2401 anne: it lasts false, <nil>", "2401 eve ends it: <nil>",
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newKeepRig(t, ends)
			r.never = c.never
			r.start()
			r.press("a", "*9")
			time.Sleep(10 * time.Second)
			r.end()
			r.check(t, c.want...)
		})
	}
}

// TestKeepBeginsByClaim: what is saved for a claim tells of what is kept by its name, too, and nothing else is.
func TestKeepBeginsByClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newKeepRig(t, nil)
		save := r.cfg.Save
		r.cfg.Save = func(task *Task, leg *Leg) func() error {
			r.say("saved")
			return save(task, leg)
		}
		r.cfg.Bring = func(task *Task, leg *Leg, facet Facet, _ string, claimed bool) error {
			err := task.save(leg)
			r.say("%s, claimed %v: %s", facet, claimed, r.words())
			return err
		}
		r.module("test", func(task *Task) (Next, error) {
			task.Accept("")
			_, err := task.Keep(task.Leg, &wordKept{Word: "first"})
			return Continue, err
		})
		m := r.cfg.Modules["test"]
		m.Keep = Keeps(func(task *Task, k *Kept, _ *wordKept) error {
			if err := task.Take(k.Leg, Muted, k.Name, ""); err != nil {
				return err
			}
			k.Began()
			return task.Sleep(time.Second)
		})
		r.cfg.Modules["test"] = m
		r.start()
		r.press("a", "*9")
		time.Sleep(2 * time.Second)
		r.end()
		r.check(t, "400 saved", `401 muted, claimed true: a {"w":"first"}`, "1401 saved", "1402 muted, claimed false: ", "1402 saved")
	})
}

// stays is a Keep that begins at once and lasts as long as the call.
func stays(_ *keepRig, task *Task, k *Kept, _ *wordKept) error {
	k.Began()
	return task.Await(func(Event) bool { return false })
}

// TestKeepAgain: a restart goes on with what lasts, in the same way; what was told last holds, whoever knows it.
func TestKeepAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newKeepRig(t, func(r *keepRig, task *Task, k *Kept, word *wordKept) error {
			if !k.Again {
				k.Began()
				if err := task.Sleep(time.Second); err != nil {
					return err
				}
				word.Word = "second"
				r.say("told: %v", task.Note(k))
				r.with(func() { // it does not reach b any more
					r.states["b"] = strings.NewReplacer(`"id":"a"`, `"id":"b"`, `"c":2`, `"c":1`, "second", "first").Replace(r.states["a"])
				})
			} else if err := task.Sleep(time.Second); err != nil {
				return err
			}
			return stays(r, task, k, word)
		})
		r.start()
		r.press("a", "*9")
		time.Sleep(1100 * time.Millisecond)
		r.restart()
		time.Sleep(2 * time.Second)
		r.noted()
		r.end()
		r.check(t, "401 acme/a/3 is kept, again false, word first", "401 the node has begun it: <nil>", "1402 told: <nil>",
			"1500 it is over: "+ErrDetached.Error(), "1500 acme/a/3 is kept, again true, word second", "2500 it goes on: <nil>",
			`3500 noted: a {"w":"second"} b {"w":"second"}`, "3500 it is over: "+ErrCallEnded.Error())
	})
}

// TestKeepUnknown: what this version does not know is left as it stands, and the log says so.
func TestKeepUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newKeepRig(t, stays)
		r.start()
		r.press("a", "*9")
		time.Sleep(100 * time.Millisecond)
		r.restart(func(f *Found) { f.State = strings.Replace(f.State, `"m":"test"`, `"m":"parked"`, 1) })
		r.end()
		r.check(t, "401 acme/a/3 is kept, again false, word first", "401 the node has begun it: <nil>",
			"500 it is over: "+ErrDetached.Error(), "500 it goes on: <nil>")
		if !strings.Contains(r.log.String(), "is not known here") || !strings.Contains(r.log.String(), "module=parked") {
			t.Error("the log does not say what is not known:", r.log.String())
		}
	})
}

// TestKeepOfLeg: what is about one leg is noted there alone, and comes back as that.
func TestKeepOfLeg(t *testing.T) {
	c := stateCall(t)
	a, b := &Leg{Channel: Channel{ID: "a"}, Owner: flows.Owner{Account: "acme"}}, &Leg{Channel: Channel{ID: "b"}, Owner: flows.Owner{Account: "beta"}}
	for n, of := range []*Leg{a, b, nil} {
		k := keptOf(c, []string{"acme", "acme", ""}[n])
		k.Name, k.Leg, k.Module = k.Name+fmt.Sprint(n), of, "test"
		c.lasting = append(c.lasting, k)
	}
	again := stateCall(t)
	again.calls = New(Config{Modules: Modules{"test": {Keep: Keeps(func(*Task, *Kept, *map[string]any) error { return nil })}}})
	for _, leg := range []*Leg{a, b} {
		again.findKept(stateOf(t, c, leg).Leg(leg.Channel, ""))
	}
	var got []string
	for _, k := range again.lasting {
		word := k.Name + " of "
		if k.Leg != nil {
			word += k.Leg.ID
		}
		got = append(got, word)
	}
	id := "/" + c.ID + "/3"
	if want := "acme" + id + "0 of a;" + id + "2 of ;acme" + id + "1 of b"; strings.Join(got, ";") != want {
		t.Errorf("%s, want %s", strings.Join(got, ";"), want)
	}
}

// TestKeepWithoutRoom: what one of the legs has no room for does not begin, though others have: it would be lost with them.
func TestKeepWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newKeepRig(t, stays)
		r.module("test", func(task *Task) (Next, error) {
			task.Accept("")
			for _, leg := range task.Call.Peers(task.Leg) {
				leg.Dialled = strings.Repeat("x", StateLimit)
			}
			_, err := task.Keep(nil, &wordKept{Word: "first"})
			r.say("%s, %d last, %d know of it", Reason(err), len(task.Call.lasting), len(r.states))
			return Continue, err
		})
		m := r.cfg.Modules["test"]
		m.Keep = Keeps(func(_ *Task, k *Kept, _ *wordKept) error {
			_, err := k.Begin()
			r.say("begun: %v", err)
			return err
		})
		r.cfg.Modules["test"] = m
		r.start()
		r.press("a", "*9")
		time.Sleep(10 * time.Second)
		r.end()
		// The leg that has room may be told that nothing lasts.
		if got := strings.Join(r.lines, "; "); !strings.HasPrefix(got, "400 state_full, 0 last,") && !strings.HasPrefix(got, "401 state_full, 0 last,") {
			t.Errorf("happened: %s", got)
		}
	})
}

// TestKeepNotedLater: every leg knows in the end what lasts, also one whose channel takes no state for a while, and one of which
// the channel was being made when that changed.
func TestKeepNotedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := func(r *keepRig, d time.Duration) {
			r.with(func() { r.refuse = ErrUnavailable })
			time.AfterFunc(d, func() { r.with(func() { r.refuse = nil }) })
		}
		var made string
		r := newKeepRig(t, func(r *keepRig, task *Task, k *Kept, word *wordKept) error {
			busy(r, 200*time.Millisecond)
			k.Began()
			state, err := task.Call.FirstState("c", "", "a")
			if err != nil {
				return err
			}
			word.Word = "second"
			_ = task.Sleep(time.Second)
			r.say("%v", task.Note(k))
			made = state
			leg := NewLeg(rigChannel("c", "acme"), RoleTarget)
			leg.LinkedID = "a"
			leg.MadeWith(made)
			task.Call.Add(leg)
			_ = task.Sleep(time.Second)
			r.noted()
			busy(r, 200*time.Millisecond)
			return nil
		})
		r.start()
		r.press("a", "*9")
		time.Sleep(900 * time.Millisecond)
		r.noted()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.noted()
		if s, _, _ := ParseState(made, "c"); len(s.Kept) != 1 || !strings.Contains(string(s.Kept[0].Data), "first") {
			t.Errorf("the channel is made with %+v", s.Kept)
		}
		if s, _, _ := ParseState(r.states["c"], "c"); s.Channel != "c" || len(s.Kept) > 0 {
			t.Errorf("the leg that was made knows %+v", s)
		}
		r.calls.Deliver("a", Lost{"c"})
		r.end()
		r.check(t, "401 acme/a/3 is kept, again false, word first", "401 the node has begun it: <nil>", `1300 noted: a {"w":"first"} b {"w":"first"}`,
			"1402 <nil>", `2402 noted: a {"w":"second"} b {"w":"second"} c {"w":"second"}`, "2402 it is over: <nil>", "11300 noted: ")
	})
}
