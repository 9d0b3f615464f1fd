package simulate

import (
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// The parties, and the account that those have who are no outsiders.
const (
	legA    = "a"
	legB    = "b"
	account = "simulated"
)

// Bounds of a simulation: how much time there is after the last key, and how much may happen.
const (
	rest          = 60 * time.Second
	mostHappening = 100_000
)

// Simulator is what holds where a request says nothing else.
type Simulator struct {
	Settings flows.Settings
	Absorb   bool
	// Modules are those of the process: which there are, and which are kept from outsiders. They are not run.
	Modules calls.Modules
	// Conflicts finds those of an effective document.
	Conflicts func(*flows.Effective) []flows.Conflict
}

// Run simulates. The error is an *Error.
func (s Simulator) Run(req Request) (*Answer, error) {
	p := &problems{}
	presses := p.keys(req.Keys)
	settings, absorb := s.with(req.Settings)
	merged := map[string]*flows.Effective{
		legA: p.merge("documents.a.", settings, req.A), legB: p.merge("documents.b.", settings, req.B),
	}
	p.nodes(req.Outcomes, merged)
	if err := p.err(); err != nil {
		return nil, err
	}
	rec := s.newRecord(merged)
	if err := s.play(req, rec, presses, absorb); err != nil {
		return nil, err
	}
	return rec.answer, nil
}

// with are the settings of a request, where it has some, else the process's.
func (s Simulator) with(own Settings) (flows.Settings, bool) {
	settings, absorb := s.Settings, s.Absorb
	if own.BindingDigit != "" {
		settings.BindingDigit = own.BindingDigit[0]
	}
	if own.DigitTimeout > 0 {
		settings.DigitTimeout = own.DigitTimeout
	}
	if own.Precedence != "" {
		settings.KazooPrecedence = own.Precedence == "kazoo"
	}
	if own.PatternSearch != "" {
		settings.SearchAnywhere = own.PatternSearch == "anywhere"
	}
	if own.Absorb != "" {
		absorb = own.Absorb == "armed"
	}
	return settings, absorb
}

func (s Simulator) newRecord(merged map[string]*flows.Effective) *record {
	answer := &Answer{
		Effective: Parties[json.RawMessage]{json.RawMessage("null"), json.RawMessage("null")},
		Listening: Parties[[]string]{[]string{}, []string{}},
		Hears:     Parties[[]Heard]{[]Heard{}, []Heard{}},
		Runs:      []*Run{}, Unmatched: []Unmatched{}, Timeline: []Happening{}, Conflicts: []flows.Conflict{},
	}
	for _, leg := range []string{legA, legB} {
		if e := merged[leg]; e != nil {
			*answer.Effective.of(leg) = e.Merged()
			for _, c := range s.Conflicts(e) {
				if !slices.Contains(answer.Conflicts, c) {
					answer.Conflicts = append(answer.Conflicts, c)
				}
			}
		}
	}
	return &record{left: maxAnswer, answer: answer, merged: merged, runs: map[string]*Run{}}
}

// play lets the keys be pressed in a call of the two.
func (s Simulator) play(req Request, rec *record, presses []Press, absorb bool) error {
	began := time.Unix(1_000_000_000, 0).UTC() // any time: nobody looks at the date
	rec.zero = began.Add(time.Minute)          // the call has stood for a while
	line := &asterisk{record: rec, phones: map[string]*phone{}}
	var legs []*calls.Leg
	for _, id := range []string{legA, legB} {
		p := &phone{id: id, of: line}
		p.reading.Bridge = p
		line.phones[id] = p
		ch := calls.Channel{ID: id, Name: "PJSIP/" + id + "-1", State: "Up"}
		if rec.merged[id] != nil {
			ch.Vars = map[string]string{"METAFLOWS_ACCOUNT": account, "METAFLOWS_DEVICE": id}
		}
		legs = append(legs, calls.NewLeg(ch, calls.RoleCaller))
	}
	line.phones[legA].peer, line.phones[legB].peer = line.phones[legB], line.phones[legA]
	r, err := calls.NewRehearsal(calls.Config{
		Line: line, Publisher: rec, Modules: s.modules(req.Outcomes), Log: slog.New(slog.DiscardHandler), Absorb: absorb,
		Effective: func(owner flows.Owner) *flows.Effective { return rec.merged[owner.Device] },
	}, began, legs...)
	if err != nil {
		return err
	}
	defer r.End()
	rec.r, line.r, r.Matched = r, r, rec.matched
	for _, leg := range legs {
		r.Deliver(calls.Entered{Channel: leg.ID, Bridge: r.Bridge(), Stamp: began})
		for _, owner := range r.Listeners(leg) {
			list := rec.answer.Listening.of(leg.ID)
			*list = append(*list, owner.ID)
		}
	}
	last := time.Duration(0)
	for _, press := range presses {
		line.press(line.phones[press.Leg], press.Key, rec.zero.Add(press.At))
		last = press.At
	}
	rec.answer.idle = r.Run(rec.zero.Add(last+rest), mostHappening)
	return nil
}

// modules are the process's, with nothing done: they end as the request says, by the paths of the nodes.
func (s Simulator) modules(outcomes map[string]string) calls.Modules {
	modules := make(calls.Modules, len(s.Modules))
	for name, m := range s.Modules {
		modules[name] = calls.Module{Name: name, Owned: m.Owned, Run: func(t *calls.Task, _ json.RawMessage) (calls.Next, error) {
			out, ok := parseOutcome(outcomes[t.Flow.Path])
			switch {
			case !ok:
				return calls.Continue, nil
			case out.reason == "":
				return out.next, nil
			case !m.Kind(out.reason).Refused(): // else it never starts
				t.Accept("")
			}
			return calls.Stop, calls.Fail(out.reason, nil)
		}}
	}
	return modules
}
