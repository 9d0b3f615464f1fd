package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/app/simulate"
	"metaflows/docker/phone"
	"metaflows/flows"
)

// What the simulated calls and the real ones have configured. Every action fails at once and harmlessly, or ends the call.
const (
	simulatedAccount = `{
	  "numbers": {
	    "9": {"module":"record_call","data":{"action":"stop"},"children":{"not_recording":{"module":"none"},"forbidden":{"module":"none"}}},
	    "91": {"module":"record_call","data":{"action":"stop"},"children":{"failed":{"module":"none","children":{"_":{"module":"none"}}}}},
	    "5": {"module":"record_call","data":{"action":"stop"},"children":{"_":{"module":"hangup"},"failed":{"module":"none"}}},
	    "0": {"module":"hangup"}
	  },
	  "patterns": {
	    "2(\\d{4})": {"module":"transfer"},
	    "3(\\d{2})": {"module":"transfer","data":{"target":"nowhere","captures":[]},"children":{"no_extension":{"module":"none"}}},
	    "6(\\d+)": {"module":"transfer","children":{"no_extension":{"module":"none"}}},
	    "4(\\d)\\*(\\d)": {"module":"transfer","children":{"no_extension":{"module":"none"}}}
	  }
	}`
	simulatedUser = `{"listen_on":"both","digit_timeout":600}` // alice's
)

// simulatedOutcomes is how the actions end in the lab.
var simulatedOutcomes = map[string]string{
	`patterns.2(\d{4})`: "stop", "numbers.9": "fail:not_recording", "numbers.91": "fail:not_recording", "numbers.5": "fail:not_recording",
	`patterns.3(\d{2})`: "fail:no_extension", `patterns.6(\d+)`: "fail:no_extension", `patterns.4(\d)\*(\d)`: "fail:no_extension",
}

// simulatedPairs are who calls whom; a is the caller.
var simulatedPairs = map[string]struct{ a, number, b string }{
	"both":     {"alice", "1002", "bob"},
	"self":     {"carol", "1004", "dave"},
	"outsider": {"alice", "1006", "outside"},
}

// simulatedSequences are played one after another in each of two columns, which go on at the same time.
var simulatedSequences = [2][]struct{ pair, keys string }{
	{
		{"both", "*9"},
		{"both", "*55"},
		{"both", "**912"},
		{"both", "*8<40>1<40>2<40>3<40>4"},
		{"both", "*61*9"},
		{"both", "b:*9"},
		{"both", "*6<300>1<60>b:*5a:2"},
		{"outsider", "b:*9"},
		{"outsider", "b:*8123<500>a:45"},
		{"outsider", "*312<400>b:*0"},
		{"both", "*21234"},
	},
	{
		{"self", "*91"},
		{"self", "*9#"},
		{"self", "*8*9"},
		{"self", "9<40>8<40>*<80>3<40>1<40>2"},
		{"self", "*312<200>7"},
		{"self", "*69876<1000>7"},
		{"self", "*41*2"},
		{"self", "12*<900>34"},
		{"self", "*81234567890"},
		{"self", "*A<60>*5<60>6b:12"},
		{"self", "*9<660>1<1000>*0"},
	},
}

// TestSimulateIsTheCall compares what simulate says with what phones and the auditor see: the same codes run in the same
// way, the other side hears the same digits, the same events come in the same order, each within 50 ms of its time from
// the first release on.
func TestSimulateIsTheCall(t *testing.T) {
	l := newLab(t)
	l.document("acme", simulatedAccount)
	l.document("acme/users/alice", simulatedUser)
	phones := map[string]*phone.Phone{}
	for _, pair := range simulatedPairs {
		for _, name := range []string{pair.a, pair.b} {
			if phones[name] == nil {
				phones[name] = l.phone(name)
			}
		}
	}
	var columns sync.WaitGroup
	for _, column := range simulatedSequences {
		columns.Go(func() {
			l := *l // whose tries begin at other times than the other's
			for _, s := range column {
				pair := simulatedPairs[s.pair]
				l.steadily(s.pair+", "+s.keys, func() error {
					c := &simulated{lab: &l, pair: pair, keys: s.keys, phones: map[string]*phone.Call{}}
					return c.play(phones[pair.a], phones[pair.b])
				})
			}
		})
	}
	columns.Wait()
}

// simulated is one sequence of keys, simulated and pressed.
type simulated struct {
	*lab
	pair   struct{ a, number, b string }
	keys   string
	answer *simulate.Answer
	phones map[string]*phone.Call // by leg
	began  time.Time
	zero   time.Time // the first release
	worst  time.Duration
}

func (c *simulated) play(from, to *phone.Phone) (err error) {
	documents := func(user string) *simulate.Documents {
		docs := &simulate.Documents{Account: json.RawMessage(simulatedAccount)}
		switch user {
		case "alice":
			docs.User = json.RawMessage(simulatedUser)
		case "outside":
			return nil
		}
		return docs
	}
	simulator := simulate.Simulator{
		Absorb: true, Modules: actions.New(actions.Config{}).Modules(), Conflicts: (*flows.Effective).Conflicts,
	}
	c.answer, err = simulator.Run(simulate.Request{Keys: c.keys, A: documents(c.pair.a), B: documents(c.pair.b), Outcomes: simulatedOutcomes})
	if err != nil {
		return err
	}
	c.began = time.Now()
	a, err := from.Call(c.soon(10*time.Second), c.pair.number)
	if err != nil {
		return err
	}
	defer func() { _ = a.Hangup(c.soon(5 * time.Second)) }() // what is tried again, too
	b, err := to.Incoming(c.soon(10 * time.Second))
	if err != nil {
		return err
	}
	if err := b.WaitAnswered(c.soon(10 * time.Second)); err != nil {
		return err
	}
	if err := a.WaitTone(c.soon(5*time.Second), tones[c.pair.b]); err != nil {
		return err
	}
	if err := b.WaitTone(c.soon(5*time.Second), tones[c.pair.a]); err != nil {
		return err
	}
	c.phones["a"], c.phones["b"] = a, b
	if err := c.press(); err != nil {
		return err
	}
	if err := c.sameEvents(); err != nil {
		return err
	}
	for leg, want := range map[string][]simulate.Heard{"a": c.answer.Hears.A, "b": c.answer.Hears.B} {
		if err := c.sameDigits(leg, want); err != nil {
			return err
		}
	}
	c.Logf("%-22s %d codes, %d events, %d digits heard: all the same, times differ by %s at most",
		c.keys, len(c.answer.Runs), len(c.expected()), len(c.answer.Hears.A)+len(c.answer.Hears.B), c.worst.Round(time.Millisecond))
	_ = a.Hangup(c.soon(5 * time.Second)) // unless a code has ended it
	_ = b.Hangup(c.soon(5 * time.Second))
	if err := a.WaitEnded(c.soon(8 * time.Second)); err != nil {
		return err
	}
	return b.WaitEnded(c.soon(8 * time.Second))
}

// press presses the keys in their rhythm. A phone begins a key with a packet of 20 ms: it is asked half of that before.
func (c *simulated) press() error {
	presses, err := simulate.ParseKeys(c.keys)
	if err != nil {
		return err
	}
	how := phone.Press{Digit: simulate.Hold, Gap: 20 * time.Millisecond}
	for i, p := range presses {
		if i > 0 {
			due := c.zero.Add(p.At - simulate.Hold - 10*time.Millisecond)
			select {
			case <-time.After(time.Until(due)):
			case <-c.ctx.Done():
				return c.ctx.Err()
			}
		}
		pressed, err := c.phones[p.Leg].Press(c.ctx, string(p.Key), how)
		if err != nil {
			return err
		}
		if i == 0 {
			c.zero = pressed.End()
		}
		if off := pressed.End().Sub(c.zero.Add(p.At)); off.Abs() > 30*time.Millisecond {
			return fmt.Errorf("the phone released key %d %s later than it should", i+1, off)
		}
	}
	return nil
}

// happened is an event of a code or an action, and when.
type happened struct {
	what string
	at   time.Duration
	free bool // it may take any time
}

func (c *simulated) expected() (list []happened) {
	for _, h := range c.answer.Timeline {
		if h.Event != "" {
			list = append(list, happened{
				what: strings.Join([]string{h.Leg, h.Event, h.Path, h.Module, h.Document, fmt.Sprint(h.Count), h.Result, h.Reason}, " "),
				at:   time.Duration(h.At) * time.Millisecond,
				free: h.Module == "transfer" && h.Event == "action.finished",
			})
		}
	}
	return list
}

func (c *simulated) seenSoFar() (list []happened) {
	legs := map[string]string{"PJSIP/" + c.pair.a: "a", "PJSIP/" + c.pair.b: "b"}
	for _, e := range c.events() {
		leg := legs[e.Endpoint]
		if leg != "" && e.At.After(c.began) && (strings.HasPrefix(e.Kind, "code.") || strings.HasPrefix(e.Kind, "action.")) {
			list = append(list, happened{
				what: strings.Join([]string{leg, e.Kind, e.Path, e.Module, e.Document, fmt.Sprint(e.Digits), e.Result, e.Reason}, " "),
				at:   e.At.Sub(c.zero),
			})
		}
	}
	return list
}

// sameEvents waits for the events that simulate has told of, and compares them.
func (c *simulated) sameEvents() error {
	want := c.expected()
	deadline := c.soon(10 * time.Second)
	var seen []happened
	for {
		c.mu.Lock()
		wake := c.wake
		c.mu.Unlock()
		if seen = c.seenSoFar(); len(seen) >= len(want) {
			break
		}
		select {
		case <-wake:
			continue
		case <-deadline.Done():
		}
		break
	}
	for i := range max(len(want), len(seen)) {
		switch {
		case i >= len(want):
			return fmt.Errorf("event %d is not simulated: %s at %s", i+1, seen[i].what, seen[i].at)
		case i >= len(seen):
			return fmt.Errorf("event %d did not come: %s at %s", i+1, want[i].what, want[i].at)
		case want[i].what != seen[i].what:
			return fmt.Errorf("event %d: simulated %s at %s, seen %s at %s", i+1, want[i].what, want[i].at, seen[i].what, seen[i].at)
		case !want[i].free:
			if err := c.near(seen[i].what, want[i].at, seen[i].at); err != nil {
				return err
			}
		}
	}
	return c.sameCaptures()
}

// sameCaptures compares what an accepted action tells of its keys.
func (c *simulated) sameCaptures() error {
	for _, e := range c.all("action.started") {
		if !e.At.After(c.began) || e.Collected == "" || e.Endpoint != "PJSIP/"+c.pair.a {
			continue
		}
		for _, run := range c.answer.Runs {
			same := run.Collected == e.Collected && fmt.Sprint(run.Captures) == fmt.Sprint(e.Captures)
			if run.Leg == "a" && run.Nodes[0].Path == e.Path && !same {
				return fmt.Errorf("%s: simulated %s %v, seen %s %v", e.Path, run.Collected, run.Captures, e.Collected, e.Captures)
			}
		}
	}
	return nil
}

// sameDigits waits for what a phone is to hear, and compares it. What comes too much is seen when the other is there.
func (c *simulated) sameDigits(leg string, want []simulate.Heard) error {
	var digits strings.Builder
	for _, h := range want {
		digits.WriteString(h.Digits)
	}
	if err := c.phones[leg].WaitDigits(c.soon(10*time.Second), digits.String()); err != nil {
		return err
	}
	for i, d := range c.phones[leg].DigitEvents() {
		if err := c.near(fmt.Sprintf("%s hears %c", leg, d.Key), time.Duration(want[i].At)*time.Millisecond, d.Begin.Sub(c.zero)); err != nil {
			return err
		}
	}
	return nil
}

// near compares times.
func (c *simulated) near(what string, want, seen time.Duration) error {
	off := (seen - want).Abs()
	c.worst = max(c.worst, off)
	if off > 50*time.Millisecond {
		return fmt.Errorf("%s: simulated at %s, seen at %s", what, want, seen)
	}
	return nil
}
