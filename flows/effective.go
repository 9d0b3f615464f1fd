package flows

import (
	"slices"
	"strings"
	"time"
)

// Settings are the system-wide defaults and choices of the process (app/README.md, Settings).
type Settings struct {
	// BindingDigit and DigitTimeout hold where no document sets them; 0 means * and 800 ms.
	BindingDigit byte
	DigitTimeout time.Duration
	// KazooPrecedence: account < device < user, instead of account < user < device (PRECEDENCE=kazoo).
	KazooPrecedence bool
	// SearchAnywhere: a pattern may begin at any collected digit, not only at the first (PATTERN_SEARCH=anywhere).
	SearchAnywhere bool
}

// Effective is the account's, the user's and the device's documents merged and compiled for one owner. It is immutable
// and safe for concurrent use.
type Effective struct {
	BindingDigit byte
	DigitTimeout time.Duration
	ListenOn     ListenOn

	levels   []level
	scalars  [3]Origin // binding digit, digit timeout, listen_on
	numbers  effEntries
	patterns effEntries

	codes    []effNumber  // numbers that are not switched off and not too long, sorted
	searches []effPattern // patterns that are not switched off, in order
	sizes    runSizes
	anywhere bool // patterns are searched anywhere
}

// Origin says which document a value comes from and which others it replaced, the least specific first.
type Origin struct {
	Source   Scope
	Replaced []Scope
}

// Part names what Origin can be asked about; the values are the document's keys.
type Part string

// The parts of an effective document. The first three have no keys.
const (
	PartBindingDigit Part = "binding_digit"
	PartDigitTimeout Part = "digit_timeout"
	PartListenOn     Part = "listen_on"
	PartNumbers      Part = "numbers"
	PartPatterns     Part = "patterns"
)

// level is one of the merged documents.
type level struct {
	scope Scope
	doc   *Document
}

// effEntries are the entries of numbers or patterns after the merge, those that are switched off too.
type effEntries struct {
	list    []Entry
	origins []Origin       // beside list
	index   map[string]int // into list; nil while one document alone has entries
}

type effNumber struct {
	key   string
	entry int
}

type effPattern struct {
	program *patProgram
	entry   int
}

// Merge makes the effective document of an owner; a document may be nil. Numbers and patterns are merged entry by entry,
// the more specific document's node replaces the whole node, and a scalar of the more specific document wins where it is
// set. The account's patterns come first, then the new ones of the next level; a replaced one keeps its place
// (flows/README.md, Merge).
func Merge(s Settings, account, user, device *Document) *Effective {
	e := &Effective{BindingDigit: s.BindingDigit, DigitTimeout: s.DigitTimeout}
	if e.BindingDigit == 0 {
		e.BindingDigit = '*'
	}
	if e.DigitTimeout <= 0 {
		e.DigitTimeout = 800 * time.Millisecond
	}
	for i := range e.scalars {
		e.scalars[i].Source = ScopeSystem
	}
	e.merge(ScopeAccount, account)
	if s.KazooPrecedence {
		e.merge(ScopeDevice, device)
		e.merge(ScopeUser, user)
	} else {
		e.merge(ScopeUser, user)
		e.merge(ScopeDevice, device)
	}
	e.prepare(s.SearchAnywhere)
	return e
}

func (e *Effective) merge(scope Scope, d *Document) {
	if d == nil {
		return
	}
	e.levels = append(e.levels, level{scope, d})
	if d.BindingDigit != 0 {
		e.BindingDigit = d.BindingDigit
		e.scalars[0].replace(scope)
	}
	if d.DigitTimeout > 0 {
		e.DigitTimeout = d.DigitTimeout
		e.scalars[1].replace(scope)
	}
	if d.ListenOnSet {
		e.ListenOn = d.ListenOn
		e.scalars[2].replace(scope)
	}
	e.numbers.merge(scope, d.Numbers)
	e.patterns.merge(scope, d.Patterns)
}

// replace sets the source; what was there before is remembered, the system's default is not.
func (o *Origin) replace(by Scope) {
	if o.Source != ScopeSystem {
		o.Replaced = append(o.Replaced, o.Source)
	}
	o.Source = by
}

func (m *effEntries) merge(scope Scope, entries []Entry) {
	if len(entries) == 0 {
		return
	}
	alone := len(m.list) == 0
	if !alone && m.index == nil {
		m.index = make(map[string]int, len(m.list)+len(entries))
		for i, e := range m.list {
			m.index[e.Key] = i
		}
	}
	m.list = slices.Grow(m.list, len(entries))
	m.origins = slices.Grow(m.origins, len(entries))
	for _, e := range entries {
		if i, ok := m.index[e.Key]; ok && !alone {
			m.list[i] = e
			m.origins[i].replace(scope)
			continue
		}
		if !alone {
			m.index[e.Key] = len(m.list)
		}
		m.list = append(m.list, e)
		m.origins = append(m.origins, Origin{Source: scope})
	}
}

// prepare leaves out what module none switches off: it neither matches nor keeps anything open.
func (e *Effective) prepare(anywhere bool) {
	e.anywhere = anywhere
	for i, n := range e.numbers.list {
		if n.Node.Module != moduleNone && len(n.Key) <= maxKeys {
			e.codes = append(e.codes, effNumber{n.Key, i})
		}
	}
	slices.SortFunc(e.codes, byKey)
	for i, p := range e.patterns.list {
		if p.Node.Module == moduleNone || p.pattern == nil {
			continue
		}
		program := p.pattern.program
		if anywhere {
			program = p.pattern.anywhere()
		}
		if program == nil {
			continue
		}
		e.searches = append(e.searches, effPattern{program, i})
		e.sizes.add(program)
	}
}

// Empty says that there is no number and no pattern that does something.
func (e *Effective) Empty() bool { return len(e.codes) == 0 && len(e.searches) == 0 }

// Numbers are the merged numbers, those that are switched off too: the account's in stored order, then the new ones of
// the next level. The caller must not change them.
func (e *Effective) Numbers() []Entry { return e.numbers.list }

// Patterns are the merged patterns, those that are switched off too, in the order in which they are tried. The caller
// must not change them.
func (e *Effective) Patterns() []Entry { return e.patterns.list }

// NumberOrigins and PatternOrigins say where Numbers and Patterns come from, in their order. The caller must not change
// them.
func (e *Effective) NumberOrigins() []Origin { return e.numbers.origins }

// PatternOrigins: see NumberOrigins.
func (e *Effective) PatternOrigins() []Origin { return e.patterns.origins }

// Origin says where a part comes from; key is of the number or pattern, and "" for a scalar, whose source is ScopeSystem
// where no document sets it. ok is false when there is no such entry.
func (e *Effective) Origin(part Part, key string) (origin Origin, ok bool) {
	switch part {
	case PartBindingDigit:
		return e.scalars[0], true
	case PartDigitTimeout:
		return e.scalars[1], true
	case PartListenOn:
		return e.scalars[2], true
	case PartNumbers:
		return e.numbers.origin(key)
	case PartPatterns:
		return e.patterns.origin(key)
	}
	return Origin{}, false
}

func (m *effEntries) origin(key string) (Origin, bool) {
	i, ok := m.index[key]
	if m.index == nil {
		i = slices.IndexFunc(m.list, func(e Entry) bool { return e.Key == key })
		ok = i >= 0
	}
	if !ok {
		return Origin{}, false
	}
	return m.origins[i], true
}

// Node finds the node of a path, as Flow.Path has it; nil if there is none.
func (e *Effective) Node(path string) *Node {
	for kind, entries := range map[string][]Entry{"numbers.": e.numbers.list, "patterns.": e.patterns.list} {
		rest, ok := strings.CutPrefix(path, kind)
		if !ok {
			continue
		}
		for _, entry := range entries {
			if n := entry.Node.under(rest, entry.Key); n != nil {
				return n
			}
		}
	}
	return nil
}
