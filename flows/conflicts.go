package flows

import (
	"fmt"
	"strings"
	"time"
)

// Conflict is something in an effective document that does not do what somebody may expect who reads it
// (flows/README.md, Conflicts).
// Entry and With are the paths of numbers and patterns, spelled as those of a run: numbers.9, patterns.2(\d+).
type Conflict struct {
	Code    string `json:"code"` // shadowed, prefix, unreachable, differs_from_kazoo, unsupported
	Entry   string `json:"entry"`
	With    string `json:"with,omitempty"`
	Message string `json:"message"`
}

// The conflicts that Conflicts finds; unsupported is for who knows the modules.
const (
	ConflictShadowed    = "shadowed"
	ConflictPrefix      = "prefix"
	ConflictUnreachable = "unreachable"
	ConflictKazoo       = "differs_from_kazoo"
	ConflictUnsupported = "unsupported"
)

// Conflicts finds what cannot run, what has to wait, and what Kazoo would do otherwise, in the order of the document: of
// each entry at most one conflict of a kind, and 200 or some 64 KiB in all. What is switched off by module none is in none.
//
// It follows every sequence of keys that a collector would take, as far as they differ for the document, with the matcher
// itself, and tells only what it has seen: where the patterns are so entangled that this would take more than some ten
// milliseconds, it looks at the entries two by two, and past that says nothing of them.
func (e *Effective) Conflicts() []Conflict {
	s := &survey{eff: e, found: map[finding]Conflict{}}
	s.whole()
	s.shadows()
	if !e.anywhere {
		s.kazoo()
	}
	return s.list()
}

// entryAt is a number's or a pattern's place: among the codes, or among the searches.
type entryAt struct {
	number bool
	i      int
}

// finding is a kind of conflict of an entry.
type finding struct {
	code  string
	entry string
}

// survey is one look for conflicts.
type survey struct {
	eff   *Effective
	ran   []bool // of the searches: some keys run it
	known bool   // ran tells of all
	found map[finding]Conflict
	again Run // whose keys are pressed again: its room is as large as the document
}

func (s *survey) path(at entryAt) string {
	if at.number {
		return "numbers." + s.eff.codes[at.i].key
	}
	return "patterns." + s.eff.patterns.list[s.eff.searches[at.i].entry].Key
}

// named is a path within a sentence; the conflict has it whole.
func named(path string) string { return docCut(path, 128) }

func (s *survey) add(code, entry, with, format string, args ...any) {
	at := finding{code, entry}
	if _, told := s.found[at]; !told {
		s.found[at] = Conflict{Code: code, Entry: entry, With: with, Message: fmt.Sprintf(format, args...)}
	}
}

// What one answer tells: how many conflicts, and how much text of all of them.
const (
	maxConflicts    = 200
	maxConflictText = 64 << 10
)

// list is what was found, in the order of the document.
func (s *survey) list() []Conflict {
	conflicts, left := []Conflict{}, maxConflictText
	of := func(entry string) {
		for _, code := range []string{ConflictUnreachable, ConflictShadowed, ConflictPrefix, ConflictKazoo} {
			c, ok := s.found[finding{code, entry}]
			if c.Entry = docCut(c.Entry, patMaxLength+len("patterns.")); !ok || len(conflicts) == maxConflicts {
				continue
			}
			if left -= len(c.Entry) + len(c.With) + len(c.Message); left >= 0 {
				conflicts = append(conflicts, c)
			}
		}
	}
	for _, n := range s.eff.numbers.list {
		of("numbers." + n.Key)
	}
	for _, p := range s.eff.patterns.list {
		of("patterns." + p.Key)
	}
	return conflicts
}

// whole follows the document as it is: what runs, what waits, what does neither.
func (s *survey) whole() {
	for _, n := range s.eff.numbers.list {
		if n.Node.Module != moduleNone && len(n.Key) > maxKeys {
			s.add(ConflictUnreachable, "numbers."+n.Key, "", "This number has %d digits and can never run: a code has at most %d keys. Shorten it.", len(n.Key), maxKeys)
		}
	}
	s.ran = make([]bool, len(s.eff.searches))
	x := newExplorer(s.eff, wholeEffort)
	waits := map[entryAt]bool{}
	s.known = x.explore(func(word func() string) bool {
		at, ok := x.run.bestAt()
		if ok && !at.number {
			s.ran[at.i] = true
		}
		if ok && x.run.verdict == Open && !waits[at] {
			x.effort -= x.run.n * (16 + len(x.run.patterns)/2) // its keys are pressed again
			waits[at] = s.waits(at, word())
		}
		return true
	})
	if !s.known {
		s.numberPrefixes()
	}
}

// waits tells whether a code that these keys run has to wait for the timeout because of another one, and not only because
// it goes on itself.
func (s *survey) waits(at entryAt, keys string) bool {
	other, ok := s.pressed(keys).waitsFor()
	if ok {
		s.add(ConflictPrefix, s.path(at), s.path(other),
			"%s runs only after the timeout of %d ms, because %s could still be meant. Let one of them begin otherwise, so that it runs at once.",
			s.shown(keys), s.eff.DigitTimeout/time.Millisecond, named(s.path(other)))
	}
	return ok
}

// pressed is where the matching stands after keys that a collector would take; it ends before one that it would not. It
// holds until the next one is asked for.
func (s *survey) pressed(keys string) *Run {
	r := &s.again
	s.eff.Start(r)
	for i := range len(keys) {
		if r.verdict != Open || !r.CanUse(keys[i]) {
			break
		}
		r.Press(keys[i])
	}
	return r
}

// shown are keys as they are pressed.
func (s *survey) shown(keys string) string { return string(s.eff.BindingDigit) + keys }

// numberPrefixes finds the numbers with which longer ones begin; those stand right behind them.
func (s *survey) numberPrefixes() {
	codes := s.eff.codes
	for i := range codes[:max(0, len(codes)-1)] {
		if strings.HasPrefix(codes[i+1].key, codes[i].key) {
			entry, with := s.path(entryAt{true, i}), s.path(entryAt{true, i + 1})
			s.add(ConflictPrefix, entry, with, "%s runs only after the timeout of %d ms, because %s could still be meant. Let one of them begin otherwise, so that it runs at once.",
				s.shown(codes[i].key), s.eff.DigitTimeout/time.Millisecond, named(with))
		}
	}
}

// shadows looks for patterns that nothing runs.
func (s *survey) shadows() {
	effort := pairsEffort
	for i := range s.eff.searches {
		if s.ran[i] {
			continue
		}
		entry := s.path(entryAt{false, i})
		word, all := s.runs(i, &effort, i)
		if word == "" {
			if all {
				s.add(ConflictUnreachable, entry, "", "No keys can ever match this pattern: a code has 1 to %d keys of 0-9 * #. Correct or remove it.", maxKeys)
			}
			continue
		}
		if hidden := s.hiddenBy(i, word, &effort); hidden >= 0 {
			with := s.path(entryAt{false, hidden})
			s.add(ConflictShadowed, entry, with, "This pattern can never run: %s stands before it and takes all that it could match. Put it before that one, or remove it.", named(with))
			continue
		}
		if by, ok := s.pressed(word).bestAt(); ok && s.known {
			with := s.path(by)
			s.add(ConflictShadowed, entry, with, "This pattern can never run: numbers, and patterns before it, take all that it could match; %s runs %s. Put it before the patterns, or remove it.", s.shown(word), named(with))
		}
	}
}

// hiddenBy is the first pattern before i that alone takes everything that i could match, of which word is the shortest;
// -1 for none, or none that is known.
func (s *survey) hiddenBy(i int, word string, effort *int) int {
	for earlier := range i {
		if *effort -= len(word) + 4; *effort <= 0 {
			return -1
		}
		if !s.matches(earlier, word) {
			continue
		}
		if other, all := s.runs(i, effort, earlier, i); all && other == "" {
			return earlier
		}
	}
	return -1
}

// matches says whether a search alone matches keys.
func (s *survey) matches(i int, keys string) bool {
	r := new(Run)
	s.some(i).Start(r)
	for k := range len(keys) {
		r.Press(keys[k])
	}
	return r.Matches()
}

// runs gives the shortest keys that run search i if there were only these searches and no numbers, whatever keys a
// collector would take; "" for none, which is certain only with all.
func (s *survey) runs(i int, effort *int, only ...int) (keys string, all bool) {
	x := newExplorer(s.some(only...), *effort)
	x.any = true
	all = x.explore(func(word func() string) bool {
		if at, ok := x.run.bestAt(); ok && only[at.i] == i {
			keys = word()
		}
		return keys == ""
	})
	*effort = x.effort
	return keys, all
}

// some is the document with only these searches, in order.
func (s *survey) some(searches ...int) *Effective {
	e := &Effective{BindingDigit: s.eff.BindingDigit, patterns: s.eff.patterns}
	for _, i := range searches {
		e.searches = append(e.searches, s.eff.searches[i])
		e.sizes.add(s.eff.searches[i].program)
	}
	return e
}

// kazoo looks for codes that Kazoo would give to another entry: it searches a pattern anywhere in the keys, and lets it
// match none (flows/README.md, Captures).
func (s *survey) kazoo() {
	anywhere := &Effective{BindingDigit: s.eff.BindingDigit, numbers: s.eff.numbers, patterns: s.eff.patterns}
	anywhere.prepare(true)
	x := newExplorer(s.eff, wholeEffort)
	x.with(anywhere)
	for i := range s.eff.searches {
		r := x.run
		if r.look(i, patNone).match {
			s.add(ConflictKazoo, s.path(entryAt{false, i}), "", "Kazoo runs this pattern also on %s alone; here a code has at least one more key. Let it ask for one.", s.shown(""))
		}
	}
	x.explore(func(word func() string) bool {
		at, ok := x.run.bestAt()
		other, _ := x.beside.bestAt()
		if ok && at != other {
			with := s.path(other)
			s.add(ConflictKazoo, s.path(at), with, "%s runs this pattern; Kazoo would run %s, which it finds anywhere in the keys. Begin that one with ^, which means the same to both.", s.shown(word()), named(with))
		}
		return true
	})
}
