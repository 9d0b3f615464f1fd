package simulate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"metaflows/flows"
)

// MaxDocument is the longest document, in bytes, as for documents that are stored (design 4, Documents).
const MaxDocument = 256 << 10

// maxOutcomes is how many nodes a request may give an outcome.
const maxOutcomes = 1000

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
	// Outcomes say how nodes end, by their paths: continue, stop, fail:<reason>, branch:<key>. Others continue.
	Outcomes map[string]string
}

// Documents are one party's stored documents; one that is nil is not there.
type Documents struct{ Account, User, Device json.RawMessage }

// Levels are the levels of documents.
var Levels = []flows.Scope{flows.ScopeAccount, flows.ScopeUser, flows.ScopeDevice}

// At is where the document of a level is; nil for what is none of the Levels.
func (d *Documents) At(level flows.Scope) *json.RawMessage {
	switch level {
	case flows.ScopeAccount:
		return &d.Account
	case flows.ScopeUser:
		return &d.User
	case flows.ScopeDevice:
		return &d.Device
	}
	return nil
}

// Merge makes the effective documents of a party. The error is an *Error.
func (d *Documents) Merge(settings flows.Settings) (*flows.Effective, error) {
	p := &problems{}
	e := p.merge("", settings, d)
	return e, p.err()
}

// Settings are the process's (design 3.2), each with its zero value where it is not set.
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

// ParseRequest reads a request as design 3.3 has it, but for its documents: whoever takes a request from outside treats them
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
		at := "outcomes." + strings.ReplaceAll(path, ".", "%2E")
		out := p.text(at, value)
		if _, ok := parseOutcome(out); !ok {
			p.add(at, "enum", "Accepted are continue, stop, fail:<reason>, branch:<key>")
		}
		req.Outcomes[path] = out
	}
}

// outcome is how a module is to end.
type outcome struct {
	next   flows.Next
	reason string // of a failure, else ""
}

func parseOutcome(s string) (outcome, bool) {
	kind, what, named := strings.Cut(s, ":")
	switch {
	case s == "continue":
		return outcome{next: flows.Continue}, true
	case s == "stop":
		return outcome{next: flows.Stop}, true
	case kind == "fail" && named && what != "" && len(what) <= 64:
		return outcome{next: flows.Stop, reason: what}, true
	case kind == "branch" && named && what != "":
		return outcome{next: flows.Branch(what)}, true
	}
	return outcome{}, false
}

// merge makes a party's effective documents; nil for an outsider. The path stands before the levels.
func (p *problems) merge(path string, settings flows.Settings, docs *Documents) *flows.Effective {
	if docs == nil {
		return nil
	}
	return flows.Merge(settings, p.parse(path+"account", docs.Account), p.parse(path+"user", docs.User), p.parse(path+"device", docs.Device))
}

// parse reads one document of a party; nil for one that is not there.
func (p *problems) parse(path string, raw json.RawMessage) *flows.Document {
	if raw == nil {
		return nil
	}
	if len(raw) > MaxDocument {
		p.add(path, "maxSize", "The document has %d bytes, at most %d are allowed", len(raw), MaxDocument)
		return nil
	}
	doc, err := flows.ParseDocument(raw)
	if err == nil {
		return doc
	}
	wrong, ok := errors.AsType[*flows.DocumentError](err)
	if !ok {
		p.add(path, "error", "%s", err)
		return nil
	}
	for _, each := range wrong.Problems {
		at := path
		if each.Path != "" {
			at += "." + each.Path
		}
		p.add(at, each.Code, "%s", each.Message)
	}
	return nil
}

// FileDocuments reads what a file has: one document, which is then the account's, or an object of account, user, device.
// Blank text is no document.
func FileDocuments(text []byte) (*Documents, error) {
	var members map[string]json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&members); err != nil {
		return nil, fmt.Errorf("this is no JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one JSON object")
	}
	levels := len(members) > 0
	for key, value := range members {
		value = bytes.TrimSpace(value)
		levels = levels && slices.Contains(Levels, flows.Scope(key)) && (value[0] == '{' || string(value) == "null")
	}
	if !levels {
		return &Documents{Account: text}, nil
	}
	p := &problems{}
	docs := p.party("", text)
	return docs, p.err()
}
