package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// onlooker is a rig that is told how its call stands, and whose programs send commands.
type onlooker struct {
	*callRig
	seen sync.Mutex
	view []View
	over []string
	said []string
}

func newOnlooker(t *testing.T) *onlooker {
	o := &onlooker{callRig: newCallRig(t, nil)}
	o.cfg.Changed = func(v View) { o.seen.Lock(); defer o.seen.Unlock(); o.view = append(o.view, v) }
	o.cfg.Over = func(call string) { o.seen.Lock(); defer o.seen.Unlock(); o.over = append(o.over, call) }
	o.module("quick", func(*Task) (Next, error) { return Branch("x"), nil })
	o.module("long", func(task *Task) (Next, error) {
		task.Accept("")
		return Stop, task.Sleep(time.Second)
	})
	o.module("panics", func(*Task) (Next, error) { panic("oops") })
	return o
}

// send sends a command and notes what it hears.
func (o *onlooker) send(id, channel, node string) bool {
	o.t.Helper()
	n, err := flows.ParseNode([]byte(node))
	if err != nil {
		o.t.Fatal(err)
	}
	taken := o.calls.Execute(Command{ID: id, Account: "acme", Channel: channel, Node: n, Waits: true}, func(r Report) {
		o.seen.Lock()
		defer o.seen.Unlock()
		word := "begun"
		if r.Over {
			word = r.Outcome.Result + r.Outcome.Branch + r.Outcome.Reason
		}
		if r.Err != nil {
			word = r.Err.Error()
		}
		o.said = append(o.said, id+" "+word)
	})
	synctest.Wait()
	return taken
}

// heard is what programs have heard since the last time.
func (o *onlooker) heard() []string {
	o.seen.Lock()
	defer o.seen.Unlock()
	said := o.said
	o.said = nil
	return said
}

func (o *onlooker) hears(want ...string) {
	o.t.Helper()
	if said := o.heard(); strings.Join(said, "; ") != strings.Join(want, "; ") {
		o.t.Errorf("programs hear %q, want %q", said, want)
	}
}

// last is the view that was told last, and how many there were.
func (o *onlooker) last() (View, int) {
	o.seen.Lock()
	defer o.seen.Unlock()
	return o.view[len(o.view)-1], len(o.view)
}

// ended is how often the call was told to be over.
func (o *onlooker) ended() int {
	o.seen.Lock()
	defer o.seen.Unlock()
	return len(o.over)
}

func (o *onlooker) hangUp() {
	o.calls.Deliver("a", Left{"a"})
	o.calls.Deliver("b", Left{"b"})
	synctest.Wait()
}

// What a command comes to is told once for each who asks, and how the call stands is told when that changes.
func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnlooker(t)
		o.start()
		v, n := o.last()
		if n != 1 || len(v.Legs) != 2 || !v.Answered || len(v.Actions) != 0 || v.Legs[0].Channel != "a" || v.Legs[0].Endpoint != "PJSIP/a" || v.Accounts[0] != "acme" {
			t.Errorf("%d: %+v", n, v)
		}
		o.send("1", "a", `{"module":"quick","children":{"x":{"module":"panics"}}}`)
		o.hears("1 begun", "1 failederror")
		o.send("1", "a", `{"module":"quick","children":{"x":{"module":"panics"}}}`)
		o.hears("1 failederror")
		o.send("2", "b", `{"module":"long"}`)
		o.send("2", "b", `{"module":"long"}`)
		o.send("2", "b", `{"module":"quick"}`)
		o.send("2", "a", `{"module":"quick"}`) // of another channel it is another one
		o.send("3", "c", `{"module":"quick"}`)
		o.hears("2 begun", "2 begun", "2 the id was used for another command", "2 begun", "2 branchx")
		if v, _ := o.last(); len(v.Actions) != 1 || v.Actions[0].ID != "b.api-2.0" || v.Actions[0].Module != "long" || v.Actions[0].Path != "api" || v.Actions[0].Account != "acme" {
			t.Errorf("%+v", v.Actions)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		o.hears("2 stop", "2 stop")
		v, n = o.last()
		if len(v.Actions) != 0 {
			t.Errorf("%+v", v.Actions)
		}
		o.press("a", "123")
		if _, now := o.last(); now != n {
			t.Errorf("%d views of a call in which nothing has changed", now-n)
		}
		o.send("4", "a", `{"module":"long","children":{"_":{"module":"quick"}}}`)
		o.calls.Deliver("a", Left{"a"})
		synctest.Wait()
		o.hears("4 begun", "4 failedcall_ended")
		o.hangUp()
		if o.ended() != 1 || o.send("5", "a", `{"module":"quick"}`) {
			t.Errorf("%d times over, and a call that is over takes a command", o.ended())
		}
		for _, n := range o.notices {
			if n.Action != "" && n.Account != "acme" {
				t.Errorf("%+v", n)
			}
		}
	})
}

// A call remembers a number of commands, and runs half of it at once.
func TestManyCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnlooker(t)
		o.start()
		for n := range commandLimit/2 + 2 {
			o.send(fmt.Sprint("l", n), "a", `{"module":"long"}`)
		}
		if got := strings.Join(o.heard()[commandLimit/2:], "; "); got != "l32 failedtoo_many; l33 failedtoo_many" {
			t.Error(got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		o.heard()
		for n := range commandLimit {
			o.send(fmt.Sprint("q", n), "a", `{"module":"quick"}`)
		}
		o.heard()
		o.send("q0", "a", `{"module":"quick"}`)
		o.send("l0", "a", `{"module":"quick"}`) // is not known any more
		o.hears("q0 branchx", "l0 begun", "l0 branchx")
		o.hangUp()
	})
}

// A command that is refused because of too many is not remembered, and who sends one again and again while it runs costs
// nothing more in the end.
func TestRepeatedCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnlooker(t)
		o.start()
		c := o.calls.ids["a"]
		for n := range 2 * commandLimit {
			o.send(fmt.Sprint("l", n), "a", `{"module":"long"}`)
		}
		if len(c.commandOrder) != commandLimit/2 || len(c.commands) != commandLimit/2 {
			t.Errorf("%d and %d commands are remembered", len(c.commandOrder), len(c.commands))
		}
		node, _ := flows.ParseNode([]byte(`{"module":"long"}`))
		begun := 0
		for range 100 {
			o.calls.Execute(Command{ID: "l0", Account: "acme", Channel: "a", Node: node}, func(Report) { begun++ })
			o.send("l1", "a", `{"module":"long"}`)
		}
		if waiting, waits := len(c.commands["a.api-l0"].told), len(c.commands["a.api-l1"].told); begun != 100 || waiting != 1 || waits != toldLimit {
			t.Errorf("%d have heard that it has begun; %d and %d are waiting", begun, waiting, waits)
		}
		o.heard()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(o.heard()); begun != 100 || got != commandLimit/2-1+toldLimit {
			t.Errorf("%d, %d have heard how it ended", begun, got)
		}
		o.hangUp()
	})
}

// A command that comes together with the end of its call, or with a stop, is answered.
func TestCommandWithTheEnd(t *testing.T) {
	for want, end := range map[string]func(o *onlooker){
		"no such leg": func(o *onlooker) { o.hangUp() },
		"detached": func(o *onlooker) {
			go func() { _ = o.calls.Shutdown(o.t.Context()) }()
			synctest.Wait()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOnlooker(t)
			gate := make(chan struct{})
			o.module("busy", func(*Task) (Next, error) { <-gate; return Stop, nil })
			o.start()
			o.send("1", "a", `{"module":"busy"}`)
			end(o)
			o.send("2", "b", `{"module":"quick"}`)
			close(gate)
			synctest.Wait()
			if got := strings.Join(o.heard(), "; "); !strings.Contains(got, "2 "+want) {
				t.Errorf("programs hear %q, want %q", got, want)
			}
		})
	}
}

// Of a fault in metaflows itself a program learns no more than that.
func TestPanicIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnlooker(t)
		o.start()
		node, _ := flows.ParseNode([]byte(`{"module":"panics"}`))
		var got Report
		o.calls.Execute(Command{ID: "1", Account: "acme", Channel: "a", Node: node}, func(r Report) { got = r })
		synctest.Wait()
		if got.Outcome.Reason != "error" || got.Outcome.Message != errPanicked.Error() || !strings.Contains(o.log.String(), "oops") {
			t.Errorf("%+v", got)
		}
		o.hangUp()
	})
}

// A leg that has left is shown as whose it was when it was given a command.
func TestPastLeg(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnlooker(t)
		o.start()
		o.send("1", "b", `{"module":"quick"}`)
		o.calls.Deliver("b", Started{Channel: rigChannel("d", "beta"), Replaces: "b"})
		synctest.Wait()
		v, _ := o.last()
		if len(v.Past) != 1 || v.Past[0].Channel != "b" || v.Past[0].Owner.Account != "acme" || v.Legs[1].Owner.Account != "" {
			t.Errorf("%+v", v)
		}
		o.calls.Deliver("d", Left{"d"})
		o.hangUp()
	})
}

// Who may do something to which leg. An outsider is the business of those who are on the call with it.
func TestConcerns(t *testing.T) {
	leg := func(account, user string) *Leg { return &Leg{Owner: flows.Owner{Account: account, User: user}} }
	alice, anna, bob, outside := leg("acme", "alice"), leg("acme", "anna"), leg("beta", "bob"), leg("", "")
	for _, tt := range []struct {
		now, all      []*Leg
		leg           *Leg
		account, user string
		want          bool
	}{
		{[]*Leg{alice, bob}, nil, alice, "acme", "", true},
		{[]*Leg{alice, bob}, nil, bob, "acme", "", false},
		{[]*Leg{alice, bob}, nil, alice, "", "", false},
		{[]*Leg{alice, anna}, nil, anna, "acme", "anna", true},
		{[]*Leg{alice, anna}, nil, anna, "acme", "alice", false},
		{[]*Leg{alice, outside}, nil, outside, "acme", "", true},
		{[]*Leg{alice, outside}, nil, outside, "acme", "alice", true},
		{[]*Leg{alice, outside}, nil, outside, "acme", "anna", false},
		{[]*Leg{alice, outside}, nil, outside, "beta", "", false},
		{[]*Leg{bob, outside}, []*Leg{alice, bob, outside}, outside, "acme", "", false}, // alice has transferred bob
		{[]*Leg{bob, outside}, []*Leg{alice, bob, outside}, outside, "beta", "", true},
		{[]*Leg{outside}, []*Leg{alice, outside}, outside, "acme", "", true}, // and here the outsider
		{[]*Leg{outside}, []*Leg{alice, outside}, outside, "acme", "alice", false},
		{[]*Leg{outside}, nil, outside, "", "", false},
	} {
		c := &Call{Legs: tt.now, all: append(tt.all, tt.now...)}
		if got := c.concerns(tt.leg, tt.account, tt.user); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// At a stop nobody knows how a command ends, and the call is not over.
func TestCommandAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnlooker(t)
		o.start()
		o.send("1", "a", `{"module":"long"}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := o.calls.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		o.hears("1 begun", "1 detached")
		if o.ended() != 0 || o.send("2", "a", `{"module":"quick"}`) {
			t.Errorf("%d times over", o.ended())
		}
	})
}

func FuzzNode(f *testing.F) {
	f.Add([]byte(`{"module":"transfer","data":{"target":"1"},"children":{"_":{"module":"none"}}}`))
	f.Add([]byte(`{"module":"x","module":"y","children":{"":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		node, err := flows.ParseNode(raw)
		var refused *flows.DocumentError
		if (err == nil) != (node != nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("%q: %v %v", raw, node, err)
		}
		whole := append(append([]byte(`{"numbers":{"1":`), raw...), `}}`...)
		if _, of := flows.ParseDocument(whole); (of == nil) != (err == nil) && json.Valid(raw) {
			t.Errorf("%q: alone %v, in a document %v", raw, err, of)
		}
	})
}

// The channel's state says which commands were begun on it, the last few of them.
func TestBegunCommands(t *testing.T) {
	c := stateCall(t)
	leg := &Leg{Channel: Channel{ID: "17.1", Name: "PJSIP/alice-1"}, Owner: flows.Owner{Account: "acme"}, LinkedID: "17.1"}
	again := func() *Leg {
		s := stateOf(t, c, leg)
		return s.Leg(leg.Channel, RoleCaller)
	}
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		leg.noteCommand(id)
	}
	leg.SetNote("dial", 7)
	if l := again(); l.begunBefore("1") || !l.begunBefore("2") || !l.begunBefore("5") {
		t.Errorf("%v", l.begun())
	}
	number := 0
	if l := again(); !l.Note("dial", &number) || number != 7 {
		t.Errorf("%v %d", l.begun(), number)
	}
}

// Of a leg that is another account's than the flow nothing is told but its channel.
func TestForeignPresser(t *testing.T) {
	leg := &Leg{Channel: Channel{ID: "m", Name: "PJSIP/mallory-00000001", SIPCallID: "x"}, Owner: flows.Owner{Account: "evil", User: "mallory"}}
	for account, want := range map[string]string{"acme": "", "evil": "PJSIP/mallory x"} {
		task := &Task{Call: &Call{ID: "c"}, Flow: &Flow{Owner: leg, Presser: leg, whose: flows.Owner{Account: account}}}
		n := task.Notice("recording.stored")
		if got := strings.TrimSpace(n.Endpoint + " " + n.SIPCallID); got != want || n.Channel != "m" || n.Account != account {
			t.Errorf("%s is told %+v", account, n)
		}
	}
}
