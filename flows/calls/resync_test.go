package calls

import (
	"log/slog"
	"testing"
	"testing/synctest"

	"metaflows/flows"
)

// After a gap a call knows which of its legs have ended meanwhile, and which were answered.
func TestResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b, c *Leg
		calls := New(Config{
			Log: slog.New(slog.DiscardHandler), Line: silentLine{}, Effective: func(flows.Owner) *flows.Effective { return nil },
			Enter: func(task *Task, started Started) error {
				a = NewLeg(started.Channel, RoleCaller)
				b = NewLeg(Channel{ID: "b", Name: "PJSIP/b-1", State: "Ringing"}, RoleCallee)
				c = NewLeg(Channel{ID: "c", Name: "PJSIP/c-1", State: "Up"}, RoleCallee)
				for _, leg := range []*Leg{a, b, c} {
					task.Call.Add(leg)
				}
				return task.Until(0, func() bool { return a.Gone })
			},
		})
		calls.Deliver("a", Started{Channel: Channel{ID: "a", Name: "PJSIP/a-1", State: "Up"}})
		synctest.Wait()
		calls.Connected(Inventory{Channels: []Found{{Channel: Channel{ID: "a", State: "Up"}}, {Channel: Channel{ID: "b", State: "Up"}}, {Channel: Channel{ID: "x", State: "Up"}}}})
		synctest.Wait()
		if a.Gone || !b.Up() || !c.Gone {
			t.Errorf("after the gap: a gone %v, b up %v, c gone %v", a.Gone, b.Up(), c.Gone)
		}
		calls.Connected(Inventory{})
		synctest.Wait()
		if calls.Len() != 0 {
			t.Errorf("%d calls are left of an Asterisk without channels", calls.Len())
		}
	})
}

// A leg of the bridge that is out of it after a gap and runs another application is no leg any more; one that only says so,
// since it took another channel's place, is.
func TestResyncElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name   string
		found  Found
		bridge bool // the leg was in the bridge before
		inside bool // and is now
		gone   bool
	}{
		{"taken away", Found{Elsewhere: true}, true, false, true},
		{"picked up, not yet in the bridge", Found{Elsewhere: true}, false, false, false},
		{"picked up, in the bridge", Found{Elsewhere: true}, true, true, false},
		{"out of the bridge", Found{}, true, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a *Leg
				var bridge string
				calls := New(Config{
					Log: slog.New(slog.DiscardHandler), Line: silentLine{}, Effective: func(flows.Owner) *flows.Effective { return nil },
					Enter: func(task *Task, started Started) error {
						bridge = task.Call.Bridge
						a = NewLeg(started.Channel, RoleCaller)
						task.Call.Add(a)
						if tt.bridge {
							task.Call.Joined(a)
						}
						return task.Until(0, func() bool { return a.Gone })
					},
				})
				calls.Deliver("a", Started{Channel: Channel{ID: "a", Name: "PJSIP/a-1", State: "Up"}})
				synctest.Wait()
				if tt.inside {
					tt.found.Bridge = bridge
				}
				tt.found.Channel, tt.found.Inside = Channel{ID: "a", State: "Up"}, true
				calls.Connected(Inventory{Channels: []Found{tt.found}})
				synctest.Wait()
				if a.Gone != tt.gone {
					t.Errorf("gone: %v, want %v", a.Gone, tt.gone)
				}
				calls.Connected(Inventory{})
				synctest.Wait()
			})
		})
	}
}

// TestResyncEars: ears that a restart has found are no strangers at the next gap, and who waits for the end of one hears of it
// where it came in the gap.
func TestResyncEars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var strays []string
		ended := false
		calls := New(Config{
			Log: slog.New(slog.DiscardHandler), Line: silentLine{}, Effective: func(flows.Owner) *flows.Effective { return nil },
			Adopt: func(task *Task, found []Found) error {
				leg := NewLeg(found[0].Channel, RoleCaller)
				task.Call.Add(leg)
				ear := "rec-1"
				over := task.Expect(func(ev Event) bool { return ev == Event(Left{ear}) })
				if err := task.Until(0, over); err != nil {
					return err
				}
				ended = true
				return task.Until(0, func() bool { return leg.Gone })
			},
			Stray: func(channel string) { strays = append(strays, channel) },
		})
		leg := foundAs("a", "c")
		ear := Found{Channel: Channel{ID: "rec-1", Name: "Snoop/a-1", State: "Up"}, Inside: true, Args: []string{ArgEar, "c", "a"}, Bridge: BridgePrefix + "c-rec"}
		for _, step := range []struct {
			there []Found
			ended bool
		}{
			{[]Found{leg, ear}, false},
			{[]Found{leg, ear}, false},
			{[]Found{leg}, true},
		} {
			calls.Connected(Inventory{Channels: step.there})
			synctest.Wait()
			if len(strays) > 0 || ended != step.ended {
				t.Errorf("with %d channels: strays %v, the ear has ended: %v, want none, %v", len(step.there), strays, ended, step.ended)
			}
		}
		calls.Connected(Inventory{})
		synctest.Wait()
	})
}
