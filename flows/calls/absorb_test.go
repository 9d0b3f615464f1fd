package calls

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTorn: who may miss the end of a digit, since another has left a bridge that mixes, is added again: once, whatever
// becomes of it.
func TestTorn(t *testing.T) {
	two := func(*callRig, *Task) {}
	third := func(r *callRig, task *Task) {
		leg := NewLeg(rigChannel("c", "acme"), RoleTarget)
		task.Call.Register("c")
		task.Call.Add(leg)
		if err := task.Join(leg); err != nil {
			r.t.Error(err)
		}
	}
	for _, c := range []struct {
		about  string
		with   func(*callRig, *Task)
		happen func(*callRig)
		want   string
	}{
		{
			"absorb is switched on and off in a call of three", third,
			func(r *callRig) { r.press("a", "*") },
			"200 absorb a; 200 pass b; 200 pass c; 5200 pass a",
		},
		{
			"absorb is switched on and off in a call of two", two,
			func(r *callRig) { r.press("a", "*") },
			"200 absorb a; 5200 pass a",
		},
		{
			"it is refused", third,
			func(r *callRig) {
				r.with(func() { r.failOf["b"] = 2 })
				r.press("a", "*")
			},
			"200 absorb a; 200 pass b; 200 pass c; 1200 pass b; 2200 pass b; 5200 pass a",
		},
		{
			"the connection is cut before an event tells of it", third,
			func(r *callRig) {
				r.with(func() { r.untold["b"] = true })
				r.press("a", "*")
				time.Sleep(10 * time.Second)
				r.with(func() { r.untold["b"] = false })
				r.reconnect("a", "b", "c")
				r.press("b", "*")
			},
			"200 absorb a; 200 pass b; 200 pass c; 5200 pass a; 10200 pass a; 10200 pass b; 10200 pass c; 10400 absorb b; 10400 pass a; 10400 pass c; 15400 pass b",
		},
		{
			"one of two hangs up", two,
			func(r *callRig) { r.leaves("b") },
			"",
		},
		{
			"one of three hangs up", third,
			func(r *callRig) { r.leaves("b") },
			"0 pass a; 0 pass c",
		},
		{
			"one of two hangs up while another enters", func(r *callRig, task *Task) {
				r.with(func() { r.untold["c"] = true })
				third(r, task)
			},
			func(r *callRig) { r.leaves("b") },
			"",
		},
		{
			"another has taken the leg's place", third,
			func(r *callRig) {
				r.calls.Deliver("b", Started{Channel: rigChannel("d", ""), Replaces: "b"})
				r.leaves("b")
				r.calls.Deliver("d", Entered{Channel: "d", Bridge: "mf-a", Stamp: time.Now()})
			},
			"0 pass a; 0 pass c",
		},
		{
			"the connection was cut", two,
			func(r *callRig) {
				r.reconnect("a", "b")
			},
			"0 pass a; 0 pass b",
		},
		{
			"legs are taken up by another process", func(r *callRig, task *Task) {
				if err := task.Sleep(time.Millisecond); err != nil { // for what was told of their joining
					r.t.Error(err)
				}
				for _, leg := range task.Call.Legs {
					leg.joins, leg.since = nil, nil
				}
				task.Go("rejoin", func(t *Task) error { t.Call.Rejoin(t.Call.Legs); return nil })
			},
			func(*callRig) {},
			"1 pass a; 1 pass b",
		},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r *callRig
				r = newCallRig(t, func(task *Task) {
					c.with(r, task)
					r.with(func() { r.line = nil }) // of what came before
				})
				r.document("acme", "9")
				r.begin()
				c.happen(r)
				time.Sleep(10 * time.Second)
				// Those of the same moment have no order.
				got, want := strings.Split(r.asked(), "; "), strings.Split(c.want, "; ")
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("asked of the line:\n  %s\nwant\n  %s", r.asked(), c.want)
				}
				for _, channel := range []string{"a", "b", "c", "d"} {
					r.leaves(channel)
				}
				time.Sleep(time.Second)
			})
		})
	}
}

// TestPutBack: who is held to be in the bridge and has left it, without our having asked for that, is added again a moment later, as
// it was: once for each time. Who is leaving, or is elsewhere by somebody else's doing, is not.
func TestPutBack(t *testing.T) {
	removed := func(r *callRig) {
		r.with(func() { r.inside["b"] = false })
		r.calls.Deliver("b", Removed{Channel: "b", Bridge: "mf-a", Stamp: time.Now()})
	}
	for _, c := range []struct {
		about  string
		with   func(*callRig, *Task)
		happen func(*callRig)
		want   string
	}{
		{"removed", nil, removed, "1000 pass b"},
		{"removed again", nil, func(r *callRig) {
			removed(r)
			time.Sleep(3 * time.Second)
			removed(r)
		}, "1000 pass b; 4000 pass b"},
		{"its keys are kept", nil, func(r *callRig) {
			r.press("b", "*")
			removed(r)
		}, "200 absorb b; 1200 absorb b; 5200 pass b"},
		{"Asterisk does not answer", nil, func(r *callRig) {
			removed(r)
			r.with(func() { r.failOf["b"] = 1 })
		}, "1000 pass b; 2000 pass b"},
		{"it hangs up, or goes on in the dialplan", nil, func(r *callRig) {
			removed(r)
			time.Sleep(strayTime / 2)
			r.calls.Deliver("b", Left{Channel: "b"})
		}, ""},
		{"it is moved to another bridge", nil, func(r *callRig) {
			removed(r)
			r.calls.Deliver("b", Entered{Channel: "b", Bridge: "another", Stamp: time.Now()})
		}, ""},
		{"another has its place", nil, func(r *callRig) {
			removed(r)
			r.calls.Deliver("b", Started{Channel: rigChannel("d", ""), Replaces: "b"})
		}, ""},
		{"another has had its place", nil, func(r *callRig) {
			r.calls.Deliver("b", Started{Channel: rigChannel("d", ""), Replaces: "b"})
			removed(r)
		}, ""},
		{"it comes back by itself", nil, func(r *callRig) {
			removed(r)
			r.calls.Deliver("b", Entered{Channel: "b", Bridge: "mf-a", Stamp: time.Now()})
		}, ""},
		{"it was told to hang up", func(_ *callRig, task *Task) { task.Call.Legs[1].Ending = true }, removed, ""},
		{"it is taken out by us", func(r *callRig, task *Task) {
			if err := task.Part(task.Call.Legs[1]); err != nil {
				r.t.Error(err)
			}
		}, removed, ""},
		{"it is put back by us", func(r *callRig, task *Task) {
			leg := task.Call.Legs[1]
			if err := task.Part(leg); err != nil {
				r.t.Error(err)
			}
			task.Go("back", func(t *Task) error {
				if err := t.Sleep(100 * time.Millisecond); err != nil {
					return err
				}
				return t.Join(leg)
			})
		}, removed, "100 pass b"},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r *callRig
				r = newCallRig(t, func(task *Task) {
					if err := task.Until(0, func() bool { // their joining is told
						return !slices.ContainsFunc(task.Call.Legs, func(l *Leg) bool { return len(l.joins) > 0 })
					}); err != nil {
						t.Error(err)
					}
					if c.with != nil {
						c.with(r, task)
					}
					r.with(func() { r.line = nil })
				})
				r.document("acme", "9")
				r.begin()
				synctest.Wait()
				c.happen(r)
				time.Sleep(10 * time.Second)
				if got := r.asked(); got != c.want {
					t.Errorf("asked of the line:\n  %s\nwant\n  %s", got, c.want)
				}
				for _, channel := range []string{"a", "b", "d"} {
					r.leaves(channel)
				}
				time.Sleep(time.Second)
			})
		})
	}
}

// TestCallAbsorbComesLate: a request that has failed, as far as its answer says, is carried out all the same. What is typed
// then is kept from the other party, and it is not lost; and absorb is switched off in the end.
func TestCallAbsorbComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.start()
		r.with(func() { r.late = 1 })
		r.press("a", "*5")
		time.Sleep(10 * time.Second)
		if got, want := r.asked(), "200 absorb a; 1200 absorb a; 1200 send 5 to b; 5400 pass a"; got != want {
			t.Errorf("asked of the line: %s, want %s", got, want)
		}
		r.press("a", "*9")
		time.Sleep(10 * time.Second)
		if got := r.told("code.matched"); got != "code.matched" {
			t.Errorf("told %s", r.told("code."))
		}
		r.with(func() { r.line, r.late = nil, 1 })
		r.press("a", "*")
		time.Sleep(10 * time.Second)
		if got, want := r.asked(), "21000 absorb a; 26000 pass a"; got != want {
			t.Errorf("asked of the line: %s, want %s", got, want)
		}
		r.end()
	})
}

// TestCallKeyInTheGap: on a busy machine a leg that is added to its bridge again is out of it for a while. A key that is
// pressed meanwhile is read when it is back, and kept from the other party or not as from then on.
func TestCallKeyInTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.module("test", func(*Task) (Next, error) { return Stop, nil })
		r.start()
		r.with(func() { r.gap = 100 * time.Millisecond })
		r.press("a", "*") // until 200, absorb from 300 on
		time.Sleep(160 * time.Millisecond)
		r.digit("a", '5') // pressed at 260
		time.Sleep(9 * time.Second)
		r.press("a", "*9") // until 9760, absorb off at 9860
		time.Sleep(160 * time.Millisecond)
		r.digit("a", '5') // pressed at 9820
		time.Sleep(9 * time.Second)
		if got, want := r.asked(), "200 absorb a; 360 send 5 to b; 5360 pass a; 9560 absorb a; 9760 pass a"; got != want {
			t.Errorf("asked of the line:\n  %s\nwant\n  %s", got, want)
		}
		r.end()
	})
}

// TestCallBothAtOnce: b's key begins for the bridge when it is released, since b's phone was just being sent a's. This is
// known when a's is released, and nobody is added to the bridge again before b's digit has ended, and b has paused.
func TestCallBothAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.start()
		time.Sleep(100 * time.Millisecond)
		r.digit("b", '5') // pressed at 0
		time.Sleep(10 * time.Millisecond)
		now := time.Now() // pressed at -10
		r.calls.Deliver("a", Digit{Channel: "a", Key: '*', Duration: 120 * time.Millisecond, Stamp: now, Arrived: now})
		time.Sleep(500 * time.Millisecond)
		if got, want := r.asked(), "400 absorb a"; got != want {
			t.Errorf("asked of the line: %s, want %s", got, want)
		}
		r.end()
	})
}

// TestCallRelayComesSecond: b's keys are about to be kept when a digit is to be relayed to b. That comes behind, since b could
// not be added again before its end, and what b types would be heard.
func TestCallRelayComesSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.start()
		r.press("a", "*")
		time.Sleep(500 * time.Millisecond)
		now := time.Now()
		r.calls.Deliver("b", Digit{Channel: "b", Key: '*', Duration: 40 * time.Millisecond, Stamp: now, Arrived: now})
		time.Sleep(20 * time.Millisecond)
		r.digit("a", '5')
		time.Sleep(time.Second)
		if got, want := r.asked(), "200 absorb a; 805 absorb b; 805 send 5 to b"; got != want {
			t.Errorf("asked of the line: %s, want %s", got, want)
		}
		r.end()
	})
}

// TestCallCodeIsPutBack: a fast typist's code has been told, and its last key begins for the bridge only when the digit before it
// is over. It is kept from the others all the same, and nothing is relayed.
func TestCallCodeIsPutBack(t *testing.T) {
	for _, c := range []struct {
		keys   string
		absorb bool
		want   string
	}{
		{"*9", true, "1665 absorb a; 6440 pass a"},
		{"**", true, "1665 absorb a; 6440 pass a"},
		{"*9", false, ""}, // ABSORB=off: the others hear everything
	} {
		keys := c.keys
		t.Run(keys, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newCallRig(t, nil)
				r.cfg.Absorb = c.absorb
				r.document("acme", "9")
				r.module("test", func(*Task) (Next, error) { return Stop, nil })
				r.start()
				tell := func(at int, key byte, hold time.Duration) {
					time.Sleep(time.Until(r.began.Add(time.Duration(at) * time.Millisecond)))
					now := time.Now()
					r.calls.Deliver("a", Digit{Channel: "a", Key: key, Duration: hold, Stamp: now, Arrived: now})
				}
				tell(1000, '1', 100*time.Millisecond)
				tell(1340, '*', 300*time.Millisecond) // begins then, and lasts until 1640
				tell(1440, keys[1], 60*time.Millisecond)
				tell(1685, keys[1], 60*time.Millisecond)
				time.Sleep(10 * time.Second)
				if got := r.asked(); got != c.want {
					t.Errorf("asked of the line: %s, want %s", got, c.want)
				}
				r.end()
			})
		})
	}
}

// TestCallClocks: the ids of events are of Asterisk's clock, whichever key or time has made them: two of the same presser are told
// apart though ours is late by just what is between them.
func TestCallClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "91")
		r.start()
		tell := func(keys string) {
			for i := range len(keys) {
				now := time.Now()
				r.calls.Deliver("a", Digit{Channel: "a", Key: keys[i], Duration: 100 * time.Millisecond, Stamp: now.Add(20 * time.Second), Arrived: now})
				synctest.Wait()
			}
		}
		tell("*5") // told at 0, by Asterisk's clock at 20
		time.Sleep(19200 * time.Millisecond)
		tell("*9") // no code at 20, when its time is over, by Asterisk's clock at 40
		time.Sleep(10 * time.Second)
		r.end()
		seen := map[string]bool{}
		for _, n := range r.notices {
			if n.Type == "code.unmatched" {
				seen[n.ID] = true
			}
		}
		if len(seen) != 2 {
			t.Errorf("two that were no code have the ids %v", seen)
		}
	})
}
