package calls

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// awaits lets a task of the call await keys of a leg, again and again if more than once, and tells of it.
func (s *taskStory) awaits(task *Task, leg *Leg, keys string, times int, over func() bool) {
	task.Go("awaits", func(task *Task) error {
		for range times {
			err := task.AwaitKeys(leg, keys, over)
			if s.say("%s of %s: %v", keys, leg.ID, err); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestAwaitKeys: what is awaited is taken out of no code, and is neither relayed nor told nor logged; codes run beside it.
func TestAwaitKeys(t *testing.T) {
	for _, c := range []struct {
		about   string
		account string // of a
		awaited string
		keys    string
		want    string // what happens, and what is asked of the line
		told    string
	}{
		{"one key", "acme", "7", "7", "200 7 of a: <nil>", ""},
		{"not out of a code", "acme", "7", "*87997", "200 absorb a; 1000 pass a; 1200 7 of a: <nil>", "code.armed; code.matched"},
		{"it is not relayed", "acme", "7", "*67", "200 absorb a; 400 send 6 to b; 600 7 of a: <nil>; 5600 pass a", "code.armed; code.unmatched"},
		{"a temporary code", "acme", "*7", "*7", "200 absorb a; 400 *7 of a: <nil>; 400 pass a", "code.armed"},
		{"as long as others", "acme", "*87", "*87997", "200 absorb a; 600 *87 of a: <nil>; 600 pass a", "code.armed"},
		{"the end of what was pressed", "acme", "77", "6677", "800 77 of a: <nil>", ""},
		{"of an outsider", "", "7", "*7", "400 7 of a: <nil>", ""},
		{"of an outsider, who has no binding digit", "", "*7", "6*7", "600 *7 of a: <nil>", ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &taskStory{began: time.Now()}
				r := newCallRig(t, func(task *Task) {
					leg := task.Call.Legs[0]
					leg.Owner.Account = c.account
					task.Call.rewire()
					s.awaits(task, leg, c.awaited, 1, nil)
				})
				r.document("acme", "8799")
				r.module("test", func(*Task) (Next, error) { return Stop, nil })
				r.start()
				r.press("a", c.keys)
				time.Sleep(10 * time.Second)
				r.end()
				happened := append(strings.FieldsFunc(r.asked(), func(r rune) bool { return r == ';' }), s.lines...)
				for i := range happened { // what is of the same moment has no order
					happened[i] = strings.TrimSpace(happened[i])
				}
				slices.Sort(happened)
				want := strings.Split(c.want, "; ")
				slices.Sort(want)
				if !slices.Equal(happened, want) {
					t.Errorf("happened\n  %s\nwant\n  %s", strings.Join(happened, "; "), strings.Join(want, "; "))
				}
				if got := r.told("code."); got != c.told {
					t.Errorf("told %s, want %s", got, c.told)
				}
			})
		})
	}
}

// TestAwaitKeysBeside: of what is awaited all counts that was pressed since, whoever else begins or ends to await keys of the leg
// meanwhile; and for that one what is pressed since it began.
func TestAwaitKeysBeside(t *testing.T) {
	for _, c := range []struct {
		about string
		other string // what another task awaits after the first key
		ends  time.Duration
		want  []string
	}{
		{"another begins and ends", "7", 100 * time.Millisecond, []string{"350 other: false", "400 12 of a: <nil>"}},
		{"another begins", "7", time.Second, []string{"400 12 of a: <nil>", "1250 other: false"}},
		{"the same keys", "12", time.Second, []string{"400 12 of a: <nil>", "1250 other: false"}},
		{"the last key", "2", time.Second, []string{"1250 other: true", "2000 12 of a: call ended"}},
	} {
		runTasks(t, func(s *taskStory, task *Task) {
			leg := task.Call.Legs[0]
			s.awaits(task, leg, "12", 1, nil)
			task.Go("other", func(task *Task) error {
				if err := task.Sleep(250 * time.Millisecond); err != nil {
					return err
				}
				keys := task.ExpectKeys(leg, c.other)
				defer keys.Done()
				err := task.Sleep(c.ends)
				s.say("other: %v", keys.Any())
				return err
			})
		}, func(r *callRig) {
			r.press("a", "12")
			time.Sleep(1600 * time.Millisecond)
		}).check(t, c.want...)
	}
}

// TestAwaitKeysOnce: a digit that Asterisk puts back and reports a second time counts once. The reports are those of
// TestTimelineOfAFastTypist.
func TestAwaitKeysOnce(t *testing.T) {
	for _, awaited := range []string{"1", "5", "#"} {
		runTasks(t, func(s *taskStory, task *Task) {
			s.awaits(task, task.Call.Legs[0], awaited, 5, nil)
		}, func(r *callRig) {
			for _, d := range fastTypist {
				time.Sleep(time.Until(r.began.Add(time.Duration(d.ms) * time.Millisecond)))
				now := time.Now()
				r.calls.Deliver("a", Digit{Channel: "a", Key: d.key, Duration: 60 * time.Millisecond, Stamp: now, Arrived: now})
				synctest.Wait()
			}
			time.Sleep(time.Second)
		}).check(t, map[string]string{"1": "1822", "5": "1345", "#": "1947"}[awaited]+" "+awaited+" of a: <nil>",
			"3072 "+awaited+" of a: call ended")
	}
}

// TestAwaitKeysEndings: how the wait ends.
func TestAwaitKeysEndings(t *testing.T) {
	past := false
	isPast := func() bool { return past }
	for _, c := range []struct {
		about string
		over  func() bool
		then  func(*callRig)
		want  string
	}{
		{"they are pressed", nil, func(r *callRig) { r.digit("b", '7') }, "1000 7 of b: <nil>"},
		{"it is past", isPast, func(r *callRig) { past = true; r.calls.Deliver("a", Resumed{}) }, "1000 7 of b: past"},
		{"it was past before", func() bool { return true }, func(*callRig) {}, "0 7 of b: past"},
		{"both at once", isPast, func(r *callRig) { past = true; r.digit("b", '7') }, "1000 7 of b: <nil>"},
		{"another leg presses", isPast, func(r *callRig) { r.digit("a", '7') }, "1000 7 of b: past"},
		{"the leg is gone", nil, func(r *callRig) { r.leaves("b") }, "1000 7 of b: past"},
		{"the leg is let go", nil, func(r *callRig) { r.calls.Deliver("a", Lost{"b"}) }, "1000 7 of b: past"},
		{"another has its place", nil, func(r *callRig) {
			r.calls.Deliver("b", Started{Channel: rigChannel("d", ""), Replaces: "b"})
			r.leaves("b")
			r.digit("d", '7')
		}, "1000 7 of d: <nil>"},
		{"its keys are given back", nil, func(r *callRig) {
			if err := r.calls.HandBack(context.Background()); err != nil {
				r.t.Error(err)
			}
			r.digit("b", '7')
		}, "1000 7 of b: past"},
	} {
		past = false
		runTasks(t, func(s *taskStory, task *Task) {
			leg := task.Call.Legs[1]
			task.Go("holds", func(task *Task) error { // the call goes on without the leg
				free := task.Call.Hold()
				err := task.Until(0, func() bool { return leg.Gone })
				free()
				return err
			})
			s.awaits(task, leg, "7", 1, c.over)
		}, func(r *callRig) {
			time.Sleep(time.Second)
			c.then(r)
			synctest.Wait()
			r.leaves("b")
			r.leaves("d")
		}).check(t, c.want)
	}
}

// TestAwaitKeysDetached: at shutdown the wait returns ErrDetached.
func TestAwaitKeysDetached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &taskStory{began: time.Now()}
		r := newCallRig(t, func(task *Task) { s.awaits(task, task.Call.Legs[0], "7", 1, nil) })
		r.start()
		if err := r.shutdown(time.Second); err != nil {
			t.Error(err)
		}
		s.check(t, "0 7 of a: detached")
	})
}

// TestAwaitKeysOfTwoTasks: of two tasks the one that has begun last goes first, and a key serves one of them.
func TestAwaitKeysOfTwoTasks(t *testing.T) {
	for _, c := range []struct{ first, second, keys, want string }{
		{"7", "7", "77", "200 second 7; 400 first 7"},
		{"7", "8", "78", "200 first 7; 400 second 8"},
		{"*7", "*7", "*7*7", "400 second *7; 800 first *7"},
		{"*7", "*78", "*78", "400 first *7"}, // it is decided at its last key
		{"7", "#7", "#77", "400 second #7; 600 first 7"},
		{"#7", "7", "#77", "400 second 7"},
	} {
		runTasks(t, func(s *taskStory, task *Task) {
			for i, keys := range []string{c.first, c.second} {
				task.Go("awaits", func(task *Task) error {
					err := task.AwaitKeys(task.Call.Legs[0], keys, nil)
					if err == nil {
						s.say("%s %s", []string{"first", "second"}[i], keys)
					}
					return err
				})
			}
		}, func(r *callRig) {
			r.document("acme", "999")
			r.press("a", c.keys)
		}).check(t, strings.Split(c.want, "; ")...)
	}
}

// TestAwaitKeysBeforeTheAnswer: keys count for what is awaited and are no codes.
func TestAwaitKeysBeforeTheAnswer(t *testing.T) {
	for _, awaited := range []string{"7", "*7"} {
		runTasks(t, func(s *taskStory, task *Task) {
			task.Call.open = false
			s.awaits(task, task.Call.Legs[0], awaited, 1, nil)
		}, func(r *callRig) {
			r.document("acme", "7")
			r.press("a", "*7")
			if asked, told := r.asked(), r.told("code."); asked != "" || told != "" {
				r.t.Errorf("asked of the line %s, told %s", asked, told)
			}
		}).check(t, "400 "+awaited+" of a: <nil>")
	}
}

// TestAwaitKeysOutsideTheBridge: whoever is out of the bridge is not heard there, and what is pressed there is not relayed.
func TestAwaitKeysOutsideTheBridge(t *testing.T) {
	runTasks(t, func(s *taskStory, task *Task) {
		task.Go("parts", func(task *Task) error {
			leg := task.Call.Legs[0]
			if err := task.Sleep(time.Second); err != nil { // its keys are kept then
				return err
			}
			if err := task.Part(leg); err != nil {
				return err
			}
			s.awaits(task, leg, "7", 1, nil)
			return nil
		})
	}, func(r *callRig) {
		r.document("acme", "9")
		r.press("a", "*")
		time.Sleep(time.Until(r.began.Add(time.Second)))
		r.press("a", "567")
		time.Sleep(10 * time.Second)
		if got := r.asked(); got != "200 absorb a" {
			r.t.Errorf("asked of the line: %s", got)
		}
	}).check(t, "1600 7 of a: <nil>")
}

// TestExpectKeys: several are looked out for at once and again and again, also while the task does something else; codes run
// beside them, and none where the leg's keys are taken. When it is done they count no more.
func TestExpectKeys(t *testing.T) {
	for _, c := range []struct {
		about string
		take  bool
		want  string
		told  string
	}{
		{"expected", false, "1800 *1, 3000 *2, 3000 *1, 3000 , 3000 none", "code.armed; code.armed; code.matched; code.armed; code.armed; code.armed; code.matched"},
		{"taken", true, "1800 *1, 3000 *2, 3000 *1, 3000 , 3000 none", "code.armed; code.armed; code.unmatched; code.armed; code.armed; code.armed; code.matched"},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &taskStory{began: time.Now()}
				r := newCallRig(t, func(task *Task) {
					leg := task.Call.Legs[0]
					task.Go("looks out", func(task *Task) error {
						expect := task.ExpectKeys
						if c.take {
							expect = task.TakeKeys
						}
						keys := expect(leg, "*1", "*2")
						if err := task.Until(0, keys.Any); err != nil {
							return err
						}
						_ = task.Sleep(time.Until(s.began.Add(1800 * time.Millisecond)))
						s.say("%s", keys.Pressed())
						_ = task.Sleep(1200 * time.Millisecond)
						for range 3 {
							s.say("%s", keys.Pressed())
						}
						if keys.Done(); !keys.Any() {
							s.say("none")
						}
						return nil
					})
				})
				r.document("acme", "8")
				r.module("test", func(*Task) (Next, error) { return Stop, nil })
				r.start()
				r.press("a", "*1*8*2*1")
				time.Sleep(10 * time.Second)
				r.press("a", "*8")
				time.Sleep(10 * time.Second)
				r.end()
				if got := strings.Join(s.lines, ", "); got != c.want {
					t.Errorf("happened %s, want %s", got, c.want)
				}
				if got := r.told("code."); got != c.told {
					t.Errorf("told %s, want %s", got, c.told)
				}
			})
		})
	}
}
