package calls

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// TestUnfinished: what has begun by the events, or was to run next, and has no end.
func TestUnfinished(t *testing.T) {
	next := func(action string) Notice {
		return Notice{Type: "action.failed", Call: "c", Action: action, Module: "transfer", Next: "numbers.9.children.busy", NextModule: "none", Target: "12", Collected: "912"}
	}
	for _, c := range []struct {
		about string
		told  []Notice
		want  string
	}{
		{"a call", []Notice{{Type: "call.started", Call: "c", Account: "acme"}, {Type: "call.started", Call: "c", Account: "evil"}, {Type: "call.ended", Call: "c", Account: "evil"}}, "call:c:acme"},
		{"a recording", []Notice{{Type: "recording.started", Recording: "x", Action: "1.5.0"}, {Type: "action.finished", Action: "1.5.0"}}, "recording:x"},
		{"a recording that is over", []Notice{{Type: "recording.started", Recording: "x"}, {Type: "recording.stored", Recording: "x"}}, ""},
		{"an action", []Notice{{Type: "action.started", Action: "1.5.0"}}, "action:1.5.0"},
		{"an action that has ended", []Notice{{Type: "action.started", Action: "1.5.0"}, {Type: "action.failed", Action: "1.5.0"}}, ""},
		{"one that is to run next", []Notice{{Type: "action.started", Action: "1.5.0"}, next("1.5.0")}, "action:1.5.1"},
		{"one that has run next", []Notice{next("1.5.9"), {Type: "action.failed", Action: "1.5.10"}}, ""},
	} {
		u := Unfinished{}
		for _, n := range c.told {
			u.See(n)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(u)), " "); got != c.want {
			t.Errorf("%s: unfinished is %q, want %q", c.about, got, c.want)
		}
	}
	u := Unfinished{}
	u.See(next("1.api-x.0"))
	if n := EndedUnseen(u["action:1.api-x.1"]); n.Type != "action.failed" || n.ID != "1.api-x.1:action.failed" || n.Path != "numbers.9.children.busy" ||
		n.Module != "none" || n.Reason != "lost" || n.Result != "failed" || n.Target+n.Collected+n.Next+n.NextModule != "" {
		t.Errorf("%+v", n)
	}
}

// TestLost: an action that nobody goes on with is told to be lost: a code's at once, a program's when it was not sent again
// until the call has ended, and so one with a note that nothing has gone on by until then.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.module("test", func(*Task) (Next, error) { return Stop, nil })
		r.cfg.Adopt = func(task *Task, found []Found) error {
			for _, f := range found {
				task.Call.Add(NewLeg(f.Channel, RoleCaller))
			}
			task.Call.Open()
			return task.Until(0, task.Call.Over)
		}
		r.calls = New(r.cfg)
		noted := foundAs("a", "a")
		noted.Vars["METAFLOWS_ACCOUNT"] = "acme"
		noted.State = `{"v":2,"id":"a","n":{"test":{"f":{"a":"7.0","id":"a","n":"PJSIP/a-1","r":"caller"}}}}`
		r.calls.Connected(Inventory{Channels: []Found{noted, foundAs("b", "a")}})
		synctest.Wait()
		told := func() string { return r.told("action.") }
		for _, action := range []string{"a.7.0", "a.8.0", "a.api-x.0", "a.api-y.0"} {
			r.calls.Lost(Notice{Type: "action.started", Call: "a", Action: action, Module: "test"})
		}
		synctest.Wait()
		if got := told(); got != "action.failed lost" || r.notices[0].Action != "a.8.0" {
			t.Errorf("while the call goes on: %s", got)
		}
		node, err := flows.ParseNode([]byte(`{"module":"test"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.calls.Execute(Command{ID: "x", Account: "acme", Channel: "a", Node: node}, func(Report) {})
		synctest.Wait()
		r.end()
		r.calls.Lost(Notice{Type: "action.started", Call: "a", Action: "a.9.0", Module: "test"})
		var got []string
		for _, n := range r.notices {
			got = append(got, n.Action+" "+strings.TrimSpace(n.Type+" "+n.Reason))
		}
		want := "a.8.0 action.failed lost; a.api-x.0 action.started; a.api-x.0 action.finished; a.7.0 action.failed lost; a.api-y.0 action.failed lost; a.9.0 action.failed lost"
		if all := strings.Join(got, "; "); all != want {
			t.Errorf("%s, want %s", all, want)
		}
	})
}

// TestLostNoted: of the actions that are noted each has one end, whether its module goes on with it, is not known here or was
// noted on a channel that is no leg any more; when Lost comes before the call has looked, and after.
func TestLostNoted(t *testing.T) {
	for _, late := range []time.Duration{0, 1500 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := newCallRig(t, nil)
			r.cfg.Modules["test"] = Module{Name: "test", Resume: func(task *Task, _ *Leg, _ json.RawMessage) (Next, error) {
				return Stop, task.Sleep(time.Second)
			}}
			r.cfg.Adopt = func(task *Task, found []Found) error {
				for _, f := range found[:2] {
					s, _, err := ParseState(f.State, f.ID)
					if err != nil {
						return err
					}
					task.Call.Add(s.Leg(f.Channel, RoleCaller))
				}
				task.Call.Open()
				if err := task.Sleep(time.Second); err != nil {
					return err
				}
				task.Call.Resume()
				return task.Until(0, task.Call.Over)
			}
			r.calls = New(r.cfg)
			var found []Found
			for _, id := range []string{"a", "b", "c"} {
				f := foundAs(id, "a")
				f.State = `{"v":2,"id":"` + id + `","n":{"` + map[string]string{"a": "test", "b": "unknown", "c": "test"}[id] + `":{"f":{"a":"7.0","id":"` + id + `","n":"PJSIP/x-1","r":"caller"}}}}`
				found = append(found, f)
			}
			r.calls.Connected(Inventory{Channels: found})
			synctest.Wait()
			time.Sleep(late)
			for _, id := range []string{"a", "b", "c"} {
				r.calls.Lost(Notice{Type: "action.started", Call: "a", Action: id + ".7.0", Module: "test"})
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			var got []string
			for _, n := range r.notices {
				got = append(got, n.Action+" "+strings.TrimSpace(n.Type+" "+n.Reason))
			}
			slices.Sort(got)
			if all := strings.Join(got, "; "); all != "a.7.0 action.finished; b.7.0 action.failed lost; c.7.0 action.failed lost" {
				t.Errorf("after %v: %s", late, all)
			}
			r.end()
			if n := len(r.notices); n != 3 {
				t.Errorf("after %v: %d notices", late, n)
			}
		})
	}
}
