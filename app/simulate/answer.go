package simulate

import (
	"encoding/json"
	"strings"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// Answer is what came of a simulation (app/rest/README.md, Simulation). Times are in ms from the first release; what the
// first key does before
// that, since it is heard as soon as it is pressed, has times below 0.
type Answer struct {
	Effective Parties[json.RawMessage] `json:"effective"` // merged documents, null for an outsider
	// Listening says which owners look for codes in a leg's keys.
	Listening Parties[[]string] `json:"listening"`
	Runs      []*Run            `json:"runs"`
	Hears     Parties[[]Heard]  `json:"hears"`
	Unmatched []Unmatched       `json:"unmatched"`
	Timeline  []Happening       `json:"timeline"`
	Conflicts []flows.Conflict  `json:"conflicts"`
	// Truncated: so much has happened that the rest was left out (maxAnswer).
	Truncated bool `json:"truncated,omitempty"`
	// Idle: nothing was pending at the end, which else is the end of the time that is simulated.
	idle bool
}

// Parties has something of each party.
type Parties[T any] struct {
	A T `json:"a"`
	B T `json:"b"`
}

func (p *Parties[T]) of(leg string) *T {
	if leg == legA {
		return &p.A
	}
	return &p.B
}

// Run is a code that ran.
type Run struct {
	At        int64          `json:"at"`
	Leg       string         `json:"leg"`   // who pressed
	Owner     string         `json:"owner"` // whose code it is
	DecidedBy flows.Decision `json:"decided_by"`
	Kind      string         `json:"kind"` // number, pattern
	Key       string         `json:"key"`
	Source    flows.Scope    `json:"source"`
	Collected string         `json:"collected"`
	// Captures are nil for a number, and empty for a pattern without groups.
	Captures []string `json:"captures,omitzero"`
	Nodes    []Node   `json:"nodes"`
}

// Node is a node that a code ran, and how it ended: continue, stop, branch:<key>, fail:<reason>.
type Node struct {
	Path    string          `json:"path"`
	Module  string          `json:"module"`
	Data    json.RawMessage `json:"data"` // as stored
	Outcome string          `json:"outcome"`
}

// Heard is a digit that a party has heard, from its beginning on.
type Heard struct {
	At     int64  `json:"at"`
	Digits string `json:"digits"`
}

// Unmatched tells of keys after a binding digit that were no code.
type Unmatched struct {
	At    int64  `json:"at"`
	Leg   string `json:"leg"`
	Count int    `json:"count"`
}

// Happening is an event that would be published, or a request that would be sent to Asterisk, in their order.
type Happening struct {
	At      int64  `json:"at"`
	Event   string `json:"event,omitempty"`   // code.armed, action.finished, ...
	Request string `json:"request,omitempty"` // addChannel, dtmf
	Leg     string `json:"leg"`               // who pressed; of a request the channel

	Absorb *bool  `json:"absorb,omitempty"` // of addChannel: whether the leg's digits are kept from the other party from now on
	Digits string `json:"digits,omitempty"` // of dtmf: what is relayed

	Module   string `json:"module,omitempty"`
	Path     string `json:"path,omitempty"`
	Document string `json:"document,omitempty"`
	Count    int    `json:"count,omitempty"` // of code.*: how many digits
	Result   string `json:"result,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// maxAnswer is how many bytes of runs and time-line are told: a short request can make many runs of a long flow.
const maxAnswer = 1 << 20

// record writes down what happens.
type record struct {
	left   int // of maxAnswer
	answer *Answer
	r      *calls.Rehearsal
	zero   time.Time
	merged map[string]*flows.Effective
	runs   map[string]*Run // by the id of the run
	last   calls.Notice    // of code.matched
}

func (rec *record) at(t time.Time) int64 { return t.Sub(rec.zero).Milliseconds() }

// room says whether something may still be told; when not, the simulation is over.
func (rec *record) room(told any) bool {
	text, _ := json.Marshal(told) // ours can be
	if rec.left -= len(text); rec.left < 0 && !rec.answer.Truncated {
		rec.answer.Truncated = true
		rec.r.Stop()
	}
	return !rec.answer.Truncated
}

func (rec *record) heard(leg string, key byte) {
	list := rec.answer.Hears.of(leg)
	*list = append(*list, Heard{rec.at(rec.r.Now()), string(key)})
}

func (rec *record) request(h Happening) {
	h.At = rec.at(rec.r.Now())
	if rec.room(h) {
		rec.answer.Timeline = append(rec.answer.Timeline, h)
	}
}

// Publish is calls.Publisher.
func (rec *record) Publish(n calls.Notice) {
	at := rec.at(n.Time)
	happened := Happening{
		At: at, Event: n.Type, Leg: n.Channel, Module: n.Module, Path: n.Path, Document: n.Document, Count: n.Digits,
		Result: n.Result, Reason: n.Reason,
	}
	if !rec.room(happened) {
		return
	}
	rec.answer.Timeline = append(rec.answer.Timeline, happened)
	switch n.Type {
	case "code.matched":
		rec.last = n
	case "code.unmatched":
		rec.answer.Unmatched = append(rec.answer.Unmatched, Unmatched{at, n.Channel, n.Digits})
	case "action.finished":
		rec.ended(n, n.Result)
	case "action.failed":
		rec.ended(n, "fail:"+n.Reason)
	}
}

// matched notes that a code runs; its event has just been published.
func (rec *record) matched(owner, presser *calls.Leg, m *flows.Match, id string) {
	run := &Run{
		At: rec.at(rec.r.Now()), Leg: presser.ID, Owner: owner.ID, DecidedBy: flows.Decision(rec.last.Result), Kind: m.Kind, Key: m.Key,
		Source: m.Scope, Collected: m.Collected, Captures: m.Captures, Nodes: []Node{},
	}
	if !rec.room(run) {
		return
	}
	rec.runs[id] = run
	rec.answer.Runs = append(rec.answer.Runs, run)
}

// ended notes how a node has ended. An action's id is the run's and the number of the node.
func (rec *record) ended(n calls.Notice, outcome string) {
	run := rec.runs[n.Action[:max(0, strings.LastIndexByte(n.Action, '.'))]]
	if run == nil {
		return
	}
	node := Node{Path: n.Path, Module: n.Module, Data: json.RawMessage("{}"), Outcome: outcome}
	if stored := rec.merged[run.Owner].Node(n.Path); stored != nil {
		node.Data = stored.Data
	}
	if rec.room(node) {
		run.Nodes = append(run.Nodes, node)
	}
}
