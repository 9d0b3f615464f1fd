package calls

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// adoptRig says what became of what a connect finds.
type adoptRig struct {
	mu   sync.Mutex
	done []string
}

func (r *adoptRig) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, fmt.Sprintf(format, args...))
}

func (r *adoptRig) said() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.done)
	all := strings.Join(r.done, "; ")
	r.done = nil
	return all
}

// calls stay until their first channel has left.
func (r *adoptRig) calls() *Registry {
	stay := func(t *Task, channel string) error {
		return t.Await(func(ev Event) bool { left, ok := ev.(Left); return ok && left.Channel == channel })
	}
	return New(Config{
		Log:    slog.New(slog.DiscardHandler),
		Stray:  func(channel string) { r.say("%s is hung up", channel) },
		Return: func(channel string) { r.say("%s goes on", channel) },
		Enter: func(t *Task, started Started) error {
			r.say("%s enters with %s", started.Channel.ID, strings.Join(started.Args, ","))
			return stay(t, started.Channel.ID)
		},
		Adopt: func(t *Task, found []Found) error {
			var ids []string
			for _, f := range found {
				ids = append(ids, f.ID)
			}
			r.say("call %s is adopted with %s", t.Call.ID, strings.Join(ids, ","))
			return stay(t, found[0].ID)
		},
	})
}

func foundAs(id, call string) Found {
	return Found{
		Channel: Channel{ID: id, Name: "PJSIP/" + id, State: "Up", Vars: map[string]string{VarCall: call}}, Inside: true,
		State: `{"v":2,"id":"` + id + `"}`, Bridge: BridgePrefix + call,
	}
}

// What was taken up is known when each call has told how it stands: until then it is busy with Asterisk.
func TestConnectedSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asterisk := make(chan struct{})
		calls := New(Config{Log: slog.New(slog.DiscardHandler), Adopt: func(*Task, []Found) error { <-asterisk; return nil }})
		settled := func(c <-chan struct{}) bool {
			synctest.Wait()
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		inv := Inventory{Channels: []Found{foundAs("a", "c"), foundAs("b", "d")}}
		first := calls.Connected(inv)
		if settled(first) {
			t.Error("nobody knows the calls, and all are said to be known")
		}
		if !settled(calls.Connected(inv)) {
			t.Error("there was nothing new to take up")
		}
		close(asterisk)
		if !settled(first) {
			t.Error("all calls are known, and it is not said")
		}
	})
}

// TestConnected: what a process before this one has left.
func TestConnected(t *testing.T) {
	without := func(f Found, change func(*Found)) Found { change(&f); return f }
	for _, tt := range []struct {
		about string
		found []Found
		want  string
	}{
		{"two legs of a call", []Found{foundAs("a", "c"), foundAs("leg-b", "c")}, "call c is adopted with a,leg-b"},
		{"two calls", []Found{foundAs("a", "c"), foundAs("b", "d")}, "call c is adopted with a; call d is adopted with b"},
		{"not in the application", []Found{without(foundAs("a", "c"), func(f *Found) { f.Inside = false })}, ""},
		{
			"one in another's place, which has nothing of ours",
			[]Found{foundAs("a", "c"), {Channel: Channel{ID: "p"}, Inside: true, Bridge: BridgePrefix + "c"}}, "call c is adopted with a,p",
		},
		{
			"variables copied from another channel", []Found{foundAs("a", "c"), {
				Channel: Channel{ID: "leg-a;2", Vars: map[string]string{VarCall: "c"}}, Inside: true, State: `{"v":2,"id":"a"}`, Args: []string{"dial", "PJSIP/x"},
			}}, "call c is adopted with a; leg-a;2 enters with dial,PJSIP/x",
		},
		{"of another version", []Found{without(foundAs("a", "c"), func(f *Found) { f.State = `{"v":9,"id":"a"}` })}, "call c is adopted with a"},
		{"entered unseen", []Found{{Channel: Channel{ID: "a"}, Inside: true, Args: []string{"dial", "PJSIP/b"}}}, "a enters with dial,PJSIP/b"},
		{"alone, entered unseen", []Found{{Channel: Channel{ID: "a"}, Inside: true, Args: []string{}}}, "a enters with "},
		{"on its way back to the dialplan", []Found{{Channel: Channel{ID: "a"}, Inside: true, Args: []string{"dial"}, Returning: true, Bridge: BridgePrefix + "c"}}, "a goes on"},
		{"a whisper", []Found{{Channel: Channel{ID: "snoop-c-1"}, Inside: true}}, "snoop-c-1 is hung up"},
		{"a leg without a state", []Found{{Channel: Channel{ID: "leg-c-1"}, Inside: true}}, "leg-c-1 is hung up"},
		{"somebody else's bridge", []Found{{Channel: Channel{ID: "a"}, Inside: true, Bridge: "theirs"}}, ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &adoptRig{}
				calls := r.calls()
				calls.Connected(Inventory{Channels: tt.found})
				if got := r.said(); got != tt.want {
					t.Errorf("%s; want %s", got, tt.want)
				}
				calls.Connected(Inventory{Channels: tt.found}) // told twice: those that are calls are known
				if got := r.said(); strings.Contains(got, "adopted") || strings.Contains(got, "enters") {
					t.Errorf("the second time: %s", got)
				}
				for _, f := range tt.found {
					calls.Deliver(f.ID, Left{f.ID})
				}
				synctest.Wait()
				if calls.Len() != 0 || len(calls.ids) != 0 || len(calls.taken) != 0 {
					t.Errorf("%d calls, %d ids, %d entries are left", calls.Len(), len(calls.ids), len(calls.taken))
				}
			})
		})
	}
}

// TestConnectedAndEvent: a StasisStart that is still on its way is of the call that was found, until that channel has left.
func TestConnectedAndEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &adoptRig{}
		calls := r.calls()
		enters := Started{Channel: Channel{ID: "a"}, Args: []string{"dial"}, Stamp: time.UnixMilli(5)}
		calls.Connected(Inventory{Channels: []Found{{Channel: Channel{ID: "a"}, Inside: true, Args: []string{"dial"}}}})
		calls.Deliver("a", enters)
		if got := r.said(); got != "a enters with dial" {
			t.Errorf("%s", got)
		}
		calls.Deliver("a", Left{"a"})
		calls.Deliver("a", enters)
		if got := r.said(); got != "a enters with dial" {
			t.Errorf("when it enters again: %q", got)
		}
		calls.Deliver("a", Left{"a"})
		synctest.Wait()
	})
}

// TestResyncCatchesUp: what a call that lives on has missed in a gap: the entry of a channel that it was making, and a
// channel in the place of one of its legs.
func TestResyncCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made string
		var legs []*Leg
		calls := New(Config{
			Log: slog.New(slog.DiscardHandler), Effective: func(flows.Owner) *flows.Effective { return nil }, Line: silentLine{},
			Enter: func(task *Task, started Started) error {
				a := NewLeg(started.Channel, RoleCaller)
				b := NewLeg(Channel{ID: "b", Name: "PJSIP/b-1", State: "Up"}, RoleCallee)
				task.Call.Register("b")
				task.Call.Add(a)
				task.Call.Add(b)
				legs = []*Leg{a, b}
				id := task.Call.Name(ArgLeg)
				if err := task.Await(func(ev Event) bool { s, ok := ev.(Started); return ok && s.Channel.ID == id }); err == nil {
					made = id
				}
				return task.Until(0, func() bool { return a.Gone })
			},
		})
		calls.Deliver("a", Started{Channel: Channel{ID: "a", Name: "PJSIP/a-1", State: "Up"}})
		synctest.Wait()
		bridge := BridgePrefix + "a"
		found := []Found{
			{Channel: Channel{ID: "a", State: "Up"}, Inside: true, Bridge: bridge},
			{Channel: Channel{ID: "leg-a-2", State: "Down"}, Inside: true},
			{Channel: Channel{ID: "p", Name: "PJSIP/p-1", State: "Up"}, Inside: true, Bridge: bridge},
		}
		calls.Connected(Inventory{Channels: found})
		synctest.Wait()
		if made != "leg-a-2" {
			t.Errorf("the entry of its channel was told as %q", made)
		}
		if legs[1].ID != "p" || legs[1].Gone {
			t.Errorf("in the place of b is %s, gone %v", legs[1].ID, legs[1].Gone)
		}
		calls.Connected(Inventory{})
		synctest.Wait()
		if calls.Len() != 0 {
			t.Error("the call is left over")
		}
	})
}

// TestResyncTransferred: a phone has sent the other party elsewhere in a gap (REFER), and has not hung up yet. Who came into its
// place is on the call, and the phone is not.
func TestResyncTransferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var legs []*Leg
		calls := New(Config{
			Log: slog.New(slog.DiscardHandler), Effective: func(flows.Owner) *flows.Effective { return nil }, Line: silentLine{},
			Enter: func(task *Task, started Started) error {
				legs = []*Leg{NewLeg(started.Channel, RoleCaller), NewLeg(Channel{ID: "b", Name: "PJSIP/b-1", State: "Up"}, RoleCallee)}
				task.Call.Register("b")
				for _, leg := range legs {
					task.Call.Add(leg)
					if err := task.Join(leg); err != nil {
						return err
					}
				}
				return task.Until(0, task.Call.Over)
			},
		})
		calls.Deliver("a", Started{Channel: Channel{ID: "a", Name: "PJSIP/a-1", State: "Up"}})
		synctest.Wait()
		bridge := BridgePrefix + "a"
		calls.Connected(Inventory{Channels: []Found{
			{Channel: Channel{ID: "a", Name: "PJSIP/a-1", State: "Up"}, Inside: true, Bridge: bridge},
			{Channel: Channel{ID: "b", Name: "PJSIP/b-1", State: "Up"}, Inside: true},
			{Channel: Channel{ID: "l;1", Name: "Local/2000@phones-1;1", State: "Up"}, Inside: true, Bridge: bridge},
		}})
		synctest.Wait()
		if legs[1].ID != "l;1" {
			t.Errorf("in the place of b is %s", legs[1].ID)
		}
		calls.Deliver("b", Left{"b"})
		synctest.Wait()
		if calls.Len() != 1 {
			t.Error("the call has ended with the phone that transferred it")
		}
		calls.Deliver("a", Left{"a"})
		synctest.Wait()
	})
}

// silentLine takes every command.
type silentLine struct{}

func (silentLine) AddToBridge(string, string, bool) error { return nil }

func (silentLine) AddAllToBridge(string, ...string) error { return nil }
func (silentLine) SendDigits(string, string) error        { return nil }
