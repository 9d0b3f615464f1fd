package calls

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// callRig is a call of two legs, a and b, with a telephone line that does what it is told.
type callRig struct {
	t     *testing.T
	calls *Registry
	cfg   Config
	docs  map[string]*flows.Effective // by account

	mu      sync.Mutex
	line    []string // what was asked of the line, with the time
	notices []Notice
	log     strings.Builder
	slow    time.Duration   // of adding to the bridge
	gap     time.Duration   // for which a channel that is added again is out of its bridge
	fail    int             // so many additions fail
	failOf  map[string]int  // so many of a channel
	late    int             // so many are carried out when they have failed
	untold  map[string]bool // channels of which no event tells that they left the bridge, or entered it
	inside  map[string]bool // channels in the bridge
	began   time.Time
}

// newCallRig makes a rig whose calls run body beside the talk; the call ends when leg a or b has left.
func newCallRig(t *testing.T, body func(*Task)) *callRig {
	r := &callRig{
		t: t, docs: map[string]*flows.Effective{}, began: time.Now(),
		failOf: map[string]int{}, untold: map[string]bool{}, inside: map[string]bool{},
	}
	r.cfg = Config{
		Line: r, Publisher: r, Absorb: true, Modules: Modules{},
		Log:       slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Effective: func(o flows.Owner) *flows.Effective { return r.docs[o.Account] },
		Enter: func(task *Task, started Started) error {
			c := task.Call
			for _, ch := range []Channel{started.Channel, rigChannel("b", "acme")} {
				c.Register(ch.ID)
				c.Add(NewLeg(ch, RoleCaller))
			}
			c.Open()
			for _, leg := range c.Legs {
				if err := task.Join(leg); err != nil {
					return err
				}
			}
			if body != nil {
				body(task)
			}
			if err := task.Until(0, c.Over); err != nil {
				return err
			}
			task.EndOthers()
			return nil
		},
	}
	return r
}

func rigChannel(id, account string) Channel {
	return Channel{ID: id, Name: "PJSIP/" + id + "-00000001", State: "Up", Vars: map[string]string{"METAFLOWS_ACCOUNT": account}}
}

func (r *callRig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *callRig) Publish(n Notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notices = append(r.notices, n)
}

func (r *callRig) AddAllToBridge(bridge string, channels ...string) error {
	for _, channel := range channels {
		if err := r.AddToBridge(bridge, channel, false); err != nil {
			return err
		}
	}
	return nil
}

func (r *callRig) AddToBridge(bridge, channel string, absorb bool) error {
	r.mu.Lock()
	failed, slow := r.fail > 0 || r.failOf[channel] > 0, r.slow
	if r.late > 0 {
		r.late--
		failed = true
		time.AfterFunc(50*time.Millisecond, func() { r.enters(bridge, channel) })
	}
	if failed {
		r.fail, r.failOf[channel] = r.fail-1, r.failOf[channel]-1
	}
	word := map[bool]string{false: "pass", true: "absorb"}[absorb]
	r.line = append(r.line, fmt.Sprintf("%d %s %s", time.Since(r.began).Milliseconds(), word, channel))
	r.mu.Unlock()
	time.Sleep(slow)
	if failed {
		return fmt.Errorf("add %s: %w", channel, ErrUnavailable)
	}
	r.enters(bridge, channel)
	return nil
}

// enters tells that a channel was added.
func (r *callRig) enters(bridge, channel string) {
	r.mu.Lock()
	again, untold, gap := r.inside[channel], r.untold[channel], r.gap
	r.inside[channel] = true
	r.mu.Unlock()
	switch {
	case untold:
		return
	case again:
		r.calls.Deliver(channel, Removed{Channel: channel, Bridge: bridge, Stamp: time.Now()})
		time.Sleep(gap)
	}
	r.calls.Deliver(channel, Entered{Channel: channel, Bridge: bridge, Stamp: time.Now()})
}

func (r *callRig) SendDigits(channel, digits string) error {
	r.mu.Lock()
	r.line = append(r.line, fmt.Sprintf("%d send %s to %s", time.Since(r.began).Milliseconds(), digits, channel))
	r.mu.Unlock()
	time.Sleep(100*time.Millisecond + time.Duration(len(digits))*200*time.Millisecond)
	return nil
}

// start begins the call of a and b.
func (r *callRig) start() {
	r.begin()
	r.with(func() { r.line = nil })
}

// begin is start, and what was asked of the line on the way is kept.
func (r *callRig) begin() {
	r.calls = New(r.cfg)
	r.calls.Deliver("a", Started{Channel: rigChannel("a", "acme"), Args: []string{"dial", "PJSIP/b"}})
	synctest.Wait()
}

// document gives an account one code of module test.
func (r *callRig) document(account, code string) { r.listening(account, code, "self") }

// listening is document, and says whose keys are listened to.
func (r *callRig) listening(account, code, listenOn string) {
	doc, err := flows.ParseDocument(fmt.Appendf(nil, `{"listen_on":%q,"numbers":{%q:{"module":"test"}}}`, listenOn, code))
	if err != nil {
		r.t.Fatal(err)
	}
	r.docs[account] = flows.Merge(flows.Settings{}, doc, nil, nil)
}

// press holds keys of a leg for 100 ms each, with 100 ms between.
func (r *callRig) press(channel, keys string) {
	for i := range len(keys) {
		time.Sleep(200 * time.Millisecond)
		r.digit(channel, keys[i])
		synctest.Wait()
	}
}

// digit says that a key was released after 100 ms.
func (r *callRig) digit(channel string, key byte) {
	now := time.Now()
	r.calls.Deliver(channel, Digit{Channel: channel, Key: key, Duration: 100 * time.Millisecond, Stamp: now, Arrived: now})
}

// with changes what the line does.
func (r *callRig) with(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// reconnect tells that the connection was made again, and that channels are in the bridge.
func (r *callRig) reconnect(channels ...string) {
	var inv Inventory
	for _, id := range channels {
		inv.Channels = append(inv.Channels, Found{Channel: rigChannel(id, "acme"), Inside: true, Bridge: "mf-a"})
	}
	r.calls.Connected(inv)
	synctest.Wait()
}

// leaves tells that a channel has hung up.
func (r *callRig) leaves(channel string) {
	r.calls.Deliver(channel, Removed{Channel: channel, Bridge: "mf-a", Stamp: time.Now()})
	r.calls.Deliver(channel, Left{Channel: channel})
	synctest.Wait()
}

// end hangs up and waits until the call is over.
func (r *callRig) end() {
	r.calls.Deliver("a", Left{Channel: "a"})
	synctest.Wait()
	if r.calls.Len() != 0 {
		r.t.Error("the call is not over")
	}
	if len(r.calls.ids) != 0 {
		r.t.Errorf("%d ids are left", len(r.calls.ids))
	}
}

func (r *callRig) asked() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.line, "; ")
}

// told is the types of what was published of the kinds that begin with prefix, with the reason.
func (r *callRig) told(prefix string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var told []string
	for _, n := range r.notices {
		if strings.HasPrefix(n.Type, prefix) {
			told = append(told, strings.TrimSpace(n.Type+" "+n.Reason))
		}
	}
	return strings.Join(told, "; ")
}

// module adds a module that runs f.
func (r *callRig) module(name string, f func(*Task) (Next, error)) {
	r.cfg.Modules[name] = Module{Name: name, Run: func(t *Task, _ json.RawMessage) (Next, error) { return f(t) }}
}

// TestCallKeys: absorb is switched on by the binding digit, digits that were no code are relayed, absorb goes off when
// the relay has ended.
func TestCallKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.module("test", func(*Task) (Next, error) { return Stop, nil })
		r.start()
		r.press("a", "*9")
		time.Sleep(5 * time.Second)
		r.press("a", "*56")
		time.Sleep(6 * time.Second)
		want := "200 absorb a; 400 pass a; 5600 absorb a; 5800 send 5 to b; 6100 send 6 to b; 11000 pass a"
		if got := r.asked(); got != want {
			t.Errorf("asked of the line:\n  %s\nwant\n  %s", got, want)
		}
		if got, want := r.told("code."), "code.armed; code.matched; code.armed; code.unmatched"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		r.end()
	})
}

// TestCallKeysOff: in mode off the line is left alone.
func TestCallKeysOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.cfg.Absorb = false
		r.document("acme", "9")
		r.start()
		r.press("a", "*55*9")
		time.Sleep(5 * time.Second)
		if r.asked() != "" || r.told("code.matched") == "" {
			t.Errorf("asked of the line %s, told %s", r.asked(), r.told("code."))
		}
		r.end()
	})
}

// TestCallBusyWithCommand: a call that is held up by a slow answer judges keys by when they came, not by when it looks.
func TestCallBusyWithCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, func(task *Task) {
			task.Go("slow", func(task *Task) error {
				if err := task.Await(func(ev Event) bool { return ev == Event(Resumed{}) }); err != nil {
					return err
				}
				return task.Call.calls.cfg.Line.SendDigits("b", "1234567") // 1.5 s
			})
		})
		r.document("acme", "291")
		r.start()
		r.press("a", "*")
		r.calls.Deliver("a", Resumed{})
		for _, key := range []byte("291") { // the last after the time of the first, but within that of the second
			time.Sleep(450 * time.Millisecond)
			r.digit("a", key)
		}
		time.Sleep(5 * time.Second)
		if got := r.told("code."); got != "code.armed; code.matched" {
			t.Errorf("told %s", got)
		}
		r.end()
	})
}

// TestCallAnsweredLate: keys before the answer pass, and arm nothing.
func TestCallAnsweredLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, func(task *Task) { task.Call.open = false })
		r.document("acme", "9")
		r.start()
		r.press("a", "*9")
		if r.asked() != "" || r.told("code.") != "" {
			t.Errorf("asked %s, told %s", r.asked(), r.told("code."))
		}
		r.end()
	})
}

// TestCallAbsorbFails: when absorb could not be switched, no digit is lost, the leg still hears what is relayed to it, and
// it is tried again.
func TestCallAbsorbFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.start()
		r.fail = 1
		r.press("a", "*")
		time.Sleep(2 * time.Second)
		r.press("b", "*5") // is relayed to a, whose switch has failed
		time.Sleep(2 * time.Second)
		if !strings.Contains(r.asked(), "send 5 to a") {
			t.Errorf("a does not hear b's digit: %s", r.asked())
		}
		r.press("a", "*9")
		time.Sleep(2 * time.Second)
		if got := strings.Count(r.asked(), "absorb a"); got < 2 {
			t.Errorf("absorb was not tried again: %s", r.asked())
		}
		if got := r.told("code.matched"); got != "code.matched" {
			t.Errorf("the code of a leg whose switch has failed: %s", r.told("code."))
		}
		r.end()
	})
}

// TestCallPassFails: when absorb could not be switched off, it is tried again, and what is typed meanwhile is relayed.
func TestCallPassFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.start()
		r.press("a", "*")
		r.fail = 1
		r.press("a", "9")
		time.Sleep(2 * time.Second)
		r.press("a", "7")
		time.Sleep(10 * time.Second)
		if got := r.asked(); strings.Count(got, "pass a") < 2 {
			t.Errorf("absorb was left on: %s", got)
		}
		r.end()
	})
}

// TestCallOverrun: a call that is a thousand events behind says so, its codes end, the talk goes on and absorb is off.
func TestCallOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, func(task *Task) {
			task.Go("slow", func(task *Task) error {
				if err := task.Await(func(ev Event) bool { return ev == Event(Resumed{}) }); err != nil {
					return err
				}
				return task.Call.calls.cfg.Line.SendDigits("b", "1234")
			})
		})
		r.document("acme", "9")
		r.start()
		r.press("a", "*")
		r.calls.Deliver("a", Resumed{})
		time.Sleep(time.Millisecond)
		for range mailboxLimit + 100 {
			r.digit("a", '5')
		}
		time.Sleep(5 * time.Second)
		if got := r.told("events."); got != "events.lost overrun; events.lost overrun" {
			t.Errorf("told %s", got)
		}
		if got := r.asked(); !strings.HasSuffix(got, "pass a") {
			t.Errorf("absorb is left on: %s", got)
		}
		if !strings.Contains(r.log.String(), "level=ERROR") {
			t.Error("nothing is logged")
		}
		r.end()
	})
}

// TestCallReplace: a channel that takes a leg's place (pickup, REFER) has none of its codes, whatever it carries, until its
// endpoint has said whose it is; the old one is not heard any more.
func TestCallReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		r.module("test", func(*Task) (Next, error) { return Stop, nil })
		r.cfg.Replaced = func(task *Task, leg *Leg, _ string) error {
			err := task.AwaitFor(0, func(ev Event) bool { s, ok := ev.(Started); return ok && s.Channel.ID == "leg-a-1" })
			task.Call.Identify(leg, rigChannel("leg-a-1", "acme"))
			return err
		}
		r.start()
		r.press("b", "*") // a sequence of the old channel does not go on in the new one
		r.calls.Deliver("b", Started{Channel: rigChannel("c", "acme"), Replaces: "b"})
		r.calls.Deliver("c", Entered{Channel: "c", Bridge: "mf-a", Stamp: time.Now()})
		r.calls.Deliver("b", Left{Channel: "b"})
		r.press("c", "9")
		if r.told("code.matched") != "" {
			t.Error("the new channel goes on with the old one's sequence")
		}
		r.press("b", "*9")
		r.press("c", "*9")
		if got := r.told("code.matched"); got != "" {
			t.Errorf("before its endpoint is asked: told %s", got)
		}
		r.calls.Deliver("c", Started{Channel: rigChannel("leg-a-1", "acme"), Args: []string{ArgLeg, "a"}})
		time.Sleep(2 * time.Second) // what c has typed is over
		r.press("c", "*9")
		if got := r.told("code.matched"); got != "code.matched" {
			t.Errorf("told %s", r.told("code."))
		}
		r.calls.Deliver("c", Left{Channel: "c"})
		synctest.Wait()
		if r.calls.Len() != 0 {
			t.Error("the call goes on without the new channel")
		}
	})
}

// TestCallForwardToldLate: where a leg has redirected is known also when it is told after the end of its channel.
func TestCallForwardToldLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *Leg
		r := newCallRig(t, func(task *Task) {
			b = task.Call.leg("b")
			defer task.Call.Hold()()
			_ = task.Until(time.Second, func() bool { return b.Forward != "" })
		})
		r.start()
		r.calls.Deliver("b", Left{Channel: "b"})
		r.calls.Deliver("b", Destroyed{Channel: "b", Cause: 23, TechCause: 302})
		r.calls.Deliver("b", Dialed{Channel: "b", Status: "CANCEL", Forward: "1234"})
		synctest.Wait()
		if b.Forward != "1234" || b.Cause != 23 || b.Up() {
			t.Errorf("it is known that it redirects to %q, cause %d", b.Forward, b.Cause)
		}
		r.end()
	})
}

// TestCallPart: a leg that is taken out of the bridge is first let finish what is on its way to it.
func TestCallPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parted time.Duration
		r := newCallRig(t, nil)
		r.cfg.Modules["test"] = Module{Name: "test", Run: func(task *Task, _ json.RawMessage) (Next, error) {
			err := task.Part(task.Call.Peer(task.Leg))
			parted = time.Since(r.began)
			return Stop, err
		}}
		r.document("acme", "9")
		r.start()
		r.press("a", "*5678*9") // 5, then 6 and so on are relayed; at *9 a relay to b is under way
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if parted <= 1400*time.Millisecond || parted > 2500*time.Millisecond {
			t.Errorf("parted at %v: %s", parted, r.asked())
		}
		r.end()
	})
}

// TestCallRightsToHear: who listens to whom, by account.
func TestCallRightsToHear(t *testing.T) {
	for _, c := range []struct {
		about, a, b string // accounts
		docA        bool   // a's account has the code
		listenB     string // b's has it, and listens to these
		want        string // owner accounts whose code a's press starts
	}{
		{"its own", "acme", "acme", true, "", "acme"},
		{"the other leg's of the same account", "acme", "acme", false, "", ""},
		{"an outsider's codes", "", "acme", false, "self", ""},
		{"an outsider is heard with peer", "", "acme", false, "peer", "acme"},
		{"an outsider is heard with both", "", "acme", false, "both", "acme"},
		{"another account is never heard", "evil", "acme", false, "both", ""},
		{"another account's own codes", "evil", "acme", true, "both", "evil"},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newCallRig(t, func(task *Task) {
					task.Call.Legs[0].Owner.Account, task.Call.Legs[1].Owner.Account = c.a, c.b
					task.Call.rewire()
				})
				if c.docA {
					r.document(c.a, "9")
				}
				if c.listenB != "" {
					r.listening(c.b, "9", c.listenB)
				}
				r.start()
				r.press("a", "*9")
				var got []string
				for _, n := range r.notices {
					if n.Type == "code.matched" {
						got = append(got, n.Account)
					}
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("started of %v, want %q", got, c.want)
				}
				r.end()
			})
		})
	}
}

// shutdown detaches the rig's calls.
func (r *callRig) shutdown(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.calls.Shutdown(ctx)
}
