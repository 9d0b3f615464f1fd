package calls

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"metaflows/flows"
)

// stateCall is a call without a process around it.
func stateCall(t *testing.T) *Call {
	return &Call{ID: "1764086400.12-mi3x2k1a", Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// stateOf is what the leg's state says.
func stateOf(t *testing.T, c *Call, leg *Leg) State {
	t.Helper()
	text, err := c.State(leg)
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := ParseState(text, leg.ID)
	if !ok || err != nil {
		t.Fatal(ok, err, text)
	}
	return s
}

func TestStateComesBack(t *testing.T) {
	c := stateCall(t)
	began := time.UnixMilli(1764086400123)
	leg := &Leg{
		Channel: Channel{ID: "17.1", Name: "PJSIP/alice-1"}, Role: RoleCallee, Owner: flows.Owner{Account: "acme", User: "alice", Device: "alice-desk"}, Context: "acme",
		Dialled: "PJSIP/alice", LinkedID: "16.9", Goes: true, Answered: began,
	}
	leg.SetNote("dial", map[string]int{"b": 7})
	s := stateOf(t, c, leg)
	got := s.Leg(leg.Channel, RoleCallee)
	var note map[string]int
	if got.Owner != leg.Owner || got.Context != leg.Context || got.Dialled != leg.Dialled || got.LinkedID != leg.LinkedID || !got.Goes ||
		!got.Answered.Equal(began) || !got.Note("dial", &note) || note["b"] != 7 {
		t.Errorf("%+v", got)
	}
	if got.DropNote("dial"); got.Note("dial", &note) {
		t.Error("a note that was dropped is there")
	}
}

// A channel that is made does not know yet whose it is: its variables say so.
func TestFirstState(t *testing.T) {
	c := stateCall(t)
	text, err := c.FirstState("leg-1", "PJSIP/bob", "16.9")
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := ParseState(text, "leg-1")
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	leg := s.Leg(Channel{ID: "leg-1", Name: "PJSIP/bob-1", Vars: map[string]string{"METAFLOWS_ACCOUNT": "acme", "METAFLOWS_CONTEXT": "in"}}, RoleCallee)
	if leg.Owner.Account != "acme" || leg.Context != "in" || leg.Dialled != "PJSIP/bob" || leg.LinkedID != "16.9" {
		t.Errorf("%+v", leg)
	}
}

// keptOf is a recording of an account.
func keptOf(c *Call, account string) *Kept {
	now := time.Now().Format(time.RFC3339Nano)
	return &Kept{Module: "record_call", Name: keptName(account, c.ID, "3"), Account: account, noted: json.RawMessage(`{"m":true,"b":"` + now + `","u":"` + now + `"}`)}
}

// There is room for two accounts' recordings and a transfer whatever the ids are; what does not fit is an error, and nothing
// is left out.
func TestStateHasRoom(t *testing.T) {
	long := strings.Repeat("x", 64)
	c := stateCall(t)
	c.calls = New(Config{Log: c.Log})
	leg := &Leg{Channel: Channel{ID: "17.1", Name: "PJSIP/" + long}, Owner: flows.Owner{Account: long, User: long, Device: long}, Context: long, Dialled: "PJSIP/bob", Answered: time.Now()}
	for i, add := range []func(){
		func() {},
		func() { c.lasting = []*Kept{keptOf(c, long)} },
		func() {
			task := &Task{Call: c, Flow: &Flow{Owner: leg, Presser: leg, Path: "patterns." + long, Action: "17.1.123.0", module: "transfer"}}
			task.Checkpoint(leg, map[string]string{"s": "ring"})
		},
		func() { c.lasting = append(c.lasting, keptOf(c, "y"+long)) },
		func() { leg.Dialled = "PJSIP/" + long + "@" + long },
	} {
		add()
		s := stateOf(t, c, leg)
		if s.Leg(leg.Channel, "").Owner != leg.Owner {
			t.Errorf("step %d: %+v", i, s)
		}
		if len(s.Kept) != len(c.lasting) || len(s.Notes) != len(leg.notes) || s.Dialled != leg.Dialled {
			t.Errorf("step %d: something is left out of %+v", i, s)
		}
	}
	leg.Dialled = strings.Repeat("x", StateLimit)
	if text, err := c.State(leg); text != "" || !errors.Is(err, ErrStateTooLong) || strings.Contains(err.Error(), "xxxx/") {
		t.Errorf("%v %.80s", err, text)
	}
	if text, err := c.FirstState("leg-1", leg.Dialled, ""); text != "" || !errors.Is(err, ErrStateTooLong) {
		t.Errorf("%v %.80s", err, text)
	}
}

func TestStateOfSomethingElse(t *testing.T) {
	for _, tt := range []struct {
		text string
		ok   bool
		err  error
	}{
		{"", false, nil},
		{`{"v":2,"id":"other"}`, false, nil}, // copied to a Local channel's other half
		{`{"v":2,"id":"17.1"}`, true, nil},
		{`{"v":1,"id":"17.1"}`, false, ErrState},
		{`{"v":2,"id":"17.1","up":"yes"}`, false, ErrState},
		{`garbage`, false, ErrState},
	} {
		if _, ok, err := ParseState(tt.text, "17.1"); ok != tt.ok || !errors.Is(err, tt.err) {
			t.Errorf("%s: %v %v", tt.text, ok, err)
		}
	}
}

// FuzzState: no variable that somebody has set can do harm.
func FuzzState(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"v":2,"id":"17.1","o":["a","b","c"],"k":[{"m":"record_call","i":"3","x":{"b":1}}],"n":{"dial":{"x":{"b":1}},"transfer":{"f":{"a":"1.0","id":"x"},"x":{}}}}`, `{"v":2,"id":"17.1","n":{"t":null}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, ok, err := ParseState(text, "17.1")
		if ok && err != nil {
			t.Fatal("both")
		}
		if !ok {
			return
		}
		leg := s.Leg(Channel{ID: "17.1", Name: "PJSIP/alice-1"}, RoleCaller)
		(&Call{ID: "c", calls: New(Config{}), Log: slog.New(slog.DiscardHandler)}).findKept(leg)
		var note json.RawMessage
		leg.Note("dial", &note)
		if again, err := stateCall(t).State(leg); len(again) > StateLimit || err != nil && !errors.Is(err, ErrStateTooLong) {
			t.Errorf("%d bytes, %v", len(again), err)
		}
	})
}
