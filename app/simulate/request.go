package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// maxOutcomes is how many nodes a request may give an outcome.
const maxOutcomes = 1000

// maxReason is how many bytes the reason of a failure may have.
const maxReason = 64

// Request is what is to be simulated.
type Request struct {
	// Keys are pressed one after another (ParseKeys).
	Keys string
	// A and B are the documents of the two parties, who are of one account; nil for an outsider.
	A, B *Documents
	// Stored: the request does not say what a's documents are; they are those that are stored, for the caller to fill in.
	Stored bool
	// Settings, where set, hold instead of the process's.
	Settings Settings
	// Outcomes say how nodes end, by their paths, spelled as those of a run: continue, stop, fail:<reason>, branch:<key>.
	// Others continue.
	Outcomes map[string]string
}

// Settings are the process's (app/README.md, Settings), each with its zero value where it is not set.
type Settings struct {
	Precedence    string // device, kazoo
	PatternSearch string // start, anywhere
	Absorb        string // armed, off
	BindingDigit  string
	DigitTimeout  time.Duration
}

// Error is why a request is refused: all that is wrong with it, by the paths of its values.
type Error struct{ Problems []flows.Problem }

// Error names the first problem and how many more there are.
func (e *Error) Error() string {
	p := e.Problems[0]
	s := p.Message
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if more := len(e.Problems) - 1; more > 0 {
		s += fmt.Sprintf(" (and %d more)", more)
	}
	return s
}

// ParseRequest reads a request as app/rest/README.md has it, but for its documents: whoever takes a request from outside treats them
// as those that shall be stored. The error is an *Error; what is not wrong is in the request all the same. Keys that mean
// nothing here are ignored, as everywhere in the API.
func ParseRequest(data []byte) (Request, error) {
	p := &problems{}
	req := Request{Stored: true}
	for key, value := range p.object("", data) {
		switch key {
		case "keys":
			if req.Keys = p.text(key, value); req.Keys != "" {
				p.keys(req.Keys)
			}
		case "documents":
			p.documents(value, &req)
		case "settings":
			p.settings(value, &req.Settings)
		case "outcomes":
			p.outcomes(value, &req)
		}
	}
	return req, p.err()
}

// problems collects what is wrong.
type problems struct{ list []flows.Problem }

func (p *problems) add(path, code, format string, args ...any) {
	p.list = append(p.list, flows.Problem{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if p.list == nil {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b flows.Problem) int { return strings.Compare(a.Path, b.Path) })
	return &Error{p.list}
}

func (p *problems) object(path string, raw []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		p.add(cmp.Or(path, "data"), "type", "Value did not match type(s): object")
	}
	return members
}

func (p *problems) keys(text string) []Press {
	presses, err := ParseKeys(text)
	if err != nil {
		p.add("keys", "pattern", "%s", err)
	}
	return presses
}

func (p *problems) text(path string, raw []byte) string {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		p.add(path, "type", "Value did not match type(s): string")
		return ""
	}
	return *s
}

func (p *problems) oneOf(path string, raw []byte, accepted ...string) string {
	s := p.text(path, raw)
	if s != "" && !slices.Contains(accepted, s) {
		p.add(path, "enum", "Value not found in enumerated list of values: %s", strings.Join(accepted, ", "))
		return ""
	}
	return s
}

func (p *problems) documents(raw []byte, req *Request) {
	for party, value := range p.object("documents", raw) {
		var docs *Documents
		if string(value) != "null" {
			docs = p.party("documents."+party, value)
		}
		switch party {
		case "a":
			req.A, req.Stored = docs, false
		case "b":
			req.B = docs
		default:
			p.add("documents."+party, "additionalProperties", "There are two parties: a, b")
		}
	}
}

func (p *problems) party(path string, raw []byte) *Documents {
	docs := &Documents{}
	for level, value := range p.object(path, raw) {
		document := docs.At(flows.Scope(level))
		switch {
		case document == nil:
			p.add(path+"."+level, "additionalProperties", "A party has documents of its account, user, device")
		case string(value) != "null":
			*document = value
		}
	}
	return docs
}

func (p *problems) settings(raw []byte, s *Settings) {
	for key, value := range p.object("settings", raw) {
		path := "settings." + key
		switch key {
		case "precedence":
			s.Precedence = p.oneOf(path, value, "device", "kazoo")
		case "pattern_search":
			s.PatternSearch = p.oneOf(path, value, "start", "anywhere")
		case "absorb":
			s.Absorb = p.oneOf(path, value, "armed", "off")
		case "binding_digit":
			s.BindingDigit = p.oneOf(path, value, strings.Split("0123456789*#", "")...)
		case "digit_timeout":
			var ms float64
			if err := json.Unmarshal(value, &ms); err != nil || ms != math.Trunc(ms) || ms < 0 || ms > 60_000 {
				p.add(path, "type", "Value is no integer of 0 to 60000, in ms")
				continue
			}
			s.DigitTimeout = time.Duration(ms) * time.Millisecond
		}
	}
}

func (p *problems) outcomes(raw []byte, req *Request) {
	members := p.object("outcomes", raw)
	if len(members) > maxOutcomes {
		p.add("outcomes", "maxItems", "%d outcomes, at most %d are allowed", len(members), maxOutcomes)
		return
	}
	req.Outcomes = make(map[string]string, len(members))
	for path, value := range members {
		at := outcomePath(path)
		out := p.text(at, value)
		if _, ok := parseOutcome(out); !ok {
			p.add(at, "enum", "Accepted are continue, stop, fail:<reason>, branch:<key>; a reason has at most %d bytes, a key %d", maxReason, flows.MaxChildKey)
		}
		req.Outcomes[path] = out
	}
}

// nodes refuses outcomes of what is no node of either party, which nothing could ever have.
func (p *problems) nodes(outcomes map[string]string, merged map[string]*flows.Effective) {
	if p.list != nil { // there is nothing to look into
		return
	}
	for path := range outcomes {
		if !slices.ContainsFunc([]string{legA, legB}, func(leg string) bool {
			return merged[leg] != nil && merged[leg].Node(path) != nil
		}) {
			p.add(outcomePath(path), "not_found", "There is no node of this path in the documents; one is written as numbers.9.children._")
		}
	}
}

func outcomePath(path string) string { return "outcomes." + strings.ReplaceAll(path, ".", "%2E") }

// outcome is how a module is to end.
type outcome struct {
	next   calls.Next
	reason string // of a failure, else ""
}

func parseOutcome(s string) (outcome, bool) {
	kind, what, named := strings.Cut(s, ":")
	switch {
	case s == "continue":
		return outcome{next: calls.Continue}, true
	case s == "stop":
		return outcome{next: calls.Stop}, true
	case kind == "fail" && named && what != "" && len(what) <= maxReason:
		return outcome{next: calls.Stop, reason: what}, true
	case kind == "branch" && named && what != "" && len(what) <= flows.MaxChildKey:
		return outcome{next: calls.Branch(what)}, true
	}
	return outcome{}, false
}
