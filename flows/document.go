package flows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Owner names the endpoint whose documents apply: account, user and device, each "" where it has none.
type Owner struct{ Account, User, Device string }

// Scope is the level of a document, or where a value comes from that no document has.
type Scope string

// The scopes.
const (
	ScopeAccount Scope = "account"
	ScopeUser    Scope = "user"
	ScopeDevice  Scope = "device"
	ScopeSystem  Scope = "system"
)

// ListenOn says whose keys a document is for, seen from its owner.
type ListenOn uint8

// The values of listen_on; self is Kazoo's default.
const (
	ListenSelf ListenOn = iota
	ListenPeer
	ListenBoth
)

// String is the value as a document has it.
func (l ListenOn) String() string { return [...]string{"self", "peer", "both"}[l%3] }

// Entry is a number or a pattern and its flow.
type Entry struct {
	Key  string
	Node *Node

	pattern *patPattern // of a pattern only
}

// Document is one stored metaflows document. It is immutable.
type Document struct {
	// Raw is the stored text: the truth. Key order is meaning, unknown keys survive (flows/README.md, Documents).
	Raw json.RawMessage
	// BindingDigit arms collection; 0 where the document has none.
	BindingDigit byte
	// DigitTimeout is 0 where the document has none, or 0.
	DigitTimeout time.Duration
	// ListenOn counts only with ListenOnSet.
	ListenOn    ListenOn
	ListenOnSet bool
	// Numbers and Patterns are in stored order.
	Numbers  []Entry
	Patterns []Entry
}

// Problem is one reason why a document is refused. Path is dotted as Kazoo's, with %2E for a dot inside a key; Code and
// Message are Kazoo's where Kazoo has the check (app/rest/README.md, Details).
type Problem struct{ Path, Code, Message string }

// DocumentError is why a text is no metaflows document: all of its problems, in the order of the text, at most 100.
type DocumentError struct{ Problems []Problem }

const docMaxProblems = 100

// Error names the first problem and how many more there are.
func (e *DocumentError) Error() string {
	if len(e.Problems) == 0 {
		return "metaflows document: refused"
	}
	p := e.Problems[0]
	s := "metaflows document: " + p.Message
	if p.Path != "" {
		s = fmt.Sprintf("metaflows document: %s: %s", p.Path, p.Message)
	}
	if more := len(e.Problems) - 1; more > 0 {
		s += fmt.Sprintf(" (and %d more)", more)
	}
	return s
}

// ParseDocument reads a stored document. The error is a *DocumentError. It refuses what it cannot understand, duplicate
// keys at any depth, a node without a module, patterns that do not compile, more than 200 patterns, one of more
// than 1 KiB, more than 2,000 instructions or 32 KiB of text in all of them, and keys of children of more than 128 bytes
// (flows/README.md, Documents); it does not look into a module's data. It never
// panics and takes time in proportion to the text, whatever the text is. raw is copied.
func ParseDocument(raw []byte) (*Document, error) {
	raw = bytes.Clone(raw)
	p := &docParser{doc: &Document{Raw: raw}, budget: patLimits()}
	root, err := docRead(raw)
	switch {
	case err != nil:
		p.problem(nil, "error", err.Error())
	case root.kind() != '{':
		p.wrongType(nil, "object")
	default:
		docDuplicates(root, nil, func(at *docPath, key string) {
			p.problem(&docPath{at, key}, "duplicate", "Key stands twice in one object")
		})
		for _, m := range root.members {
			p.property(m)
		}
	}
	if p.problems != nil {
		return nil, &DocumentError{p.problems}
	}
	return p.doc, nil
}

// docParser collects a document and what is wrong with it.
type docParser struct {
	doc      *Document
	budget   patBudget
	problems []Problem
}

func (p *docParser) problem(at *docPath, code, message string) {
	if len(p.problems) < docMaxProblems {
		p.problems = append(p.problems, Problem{at.String(), code, message})
	}
}

func (p *docParser) wrongType(at *docPath, want string) {
	p.problem(at, "type", "Value did not match type(s): "+want)
}

// property reads one property of the document (Kazoo's schema metaflows: app/rest/README.md, Schemas). Others are kept unread.
func (p *docParser) property(m docMember) {
	at := &docPath{nil, m.key}
	switch m.key {
	case "binding_digit":
		if m.value.kind() != '"' {
			p.wrongType(at, "string")
		} else if s := m.value.text(); len(s) != 1 || patKeyBit(s[0]) == 0 {
			p.problem(at, "enum", "Value not found in enumerated list of values")
		} else {
			p.doc.BindingDigit = s[0]
		}
	case "digit_timeout":
		if ms, ok := docInteger(m.value.raw); !ok {
			p.wrongType(at, "integer")
		} else if ms < 0 {
			p.problem(at, "minimum", "Value must be at least 0")
		} else {
			p.doc.DigitTimeout = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		}
	case "listen_on":
		p.listenOn(m.value, at)
	case "numbers":
		p.doc.Numbers = p.entries(m.value, at, docIsNumber)
	case "patterns":
		p.doc.Patterns = p.entries(m.value, at, func(key string) bool { return key != "" })
		p.compile(at)
	}
}

func (p *docParser) listenOn(v docValue, at *docPath) {
	if v.kind() != '"' {
		p.wrongType(at, "string")
		return
	}
	for l := ListenSelf; l <= ListenBoth; l++ {
		if v.text() == l.String() {
			p.doc.ListenOn, p.doc.ListenOnSet = l, true
			return
		}
	}
	p.problem(at, "enum", "Value not found in enumerated list of values")
}

// entries reads numbers or patterns.
func (p *docParser) entries(v docValue, at *docPath, allowed func(key string) bool) []Entry {
	if v.kind() != '{' {
		p.wrongType(at, "object")
		return nil
	}
	entries := make([]Entry, 0, len(v.members))
	for _, m := range v.members {
		here := &docPath{at, m.key}
		if !allowed(m.key) {
			p.problem(here, "additionalProperties", "Strict checking of data is enabled; only include schema-defined properties")
			continue
		}
		if n := p.node(m.value, here, 0); n != nil {
			entries = append(entries, Entry{Key: m.key, Node: n})
		}
	}
	return entries
}

// compile makes the patterns' programs, until a limit is reached.
func (p *docParser) compile(at *docPath) {
	patterns := p.doc.Patterns
	if len(patterns) > patMaxPatterns {
		p.problem(at, "error", fmt.Sprintf("%d patterns, at most %d are allowed", len(patterns), patMaxPatterns))
		patterns = patterns[:patMaxPatterns]
	}
	for i := range patterns {
		e := &patterns[i]
		if len(e.Key) > patMaxLength {
			p.problem(&docPath{at, docCut(e.Key, MaxChildKey)}, "maxLength", fmt.Sprintf("A pattern must not be more than %d bytes", patMaxLength))
			continue
		}
		pattern, problem, spent := patCompile(e.Key, &p.budget)
		if e.pattern = pattern; problem != "" {
			p.problem(&docPath{at, e.Key}, "error", problem)
		}
		if spent {
			return
		}
	}
}

// docIsNumber: numbers have digits only (Kazoo schema metaflows, ^[0-9]+$).
func docIsNumber(key string) bool {
	return key != "" && strings.Trim(key, "0123456789") == ""
}

// docInteger reads a JSON number without a fraction, as JSON Schema's integer: 800, 800.0, 8e2. Beyond int64 it gives
// the nearest.
func docInteger(raw []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	if c := raw[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil && !math.IsInf(f, 0):
		return 0, false
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	case f <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(f), f == math.Trunc(f)
}
