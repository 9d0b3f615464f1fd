package flows

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestConflicts(t *testing.T) {
	long := strings.Repeat("1", 65)
	for _, tc := range []struct {
		name     string
		numbers  []string
		patterns []string
		anywhere bool
		want     string // code entry with
	}{
		{name: "nothing"},
		{name: "the README's", numbers: []string{"9", "0"}, patterns: []string{`2(\d+)`}},
		{name: "a number begins another", numbers: []string{"9", "91"}, want: "prefix numbers.9 numbers.91"},
		{name: "a number beside a pattern for all", numbers: []string{"9"}, patterns: []string{"..*"},
			want: "prefix numbers.9 patterns...*"},
		{name: "a pattern for nothing, too", numbers: []string{"9"}, patterns: []string{".*"},
			want: "prefix numbers.9 patterns..*; differs_from_kazoo patterns..* "},
		{name: "a pattern that a number is the beginning of", numbers: []string{"2"}, patterns: []string{`^2(\d{4})$`},
			want: `prefix numbers.2 patterns.^2(\d{4})$`},
		{name: "patterns of two lengths", patterns: []string{`^2\d{2}$`, `^2\d{4}$`}, want: `prefix patterns.^2\d{2}$ patterns.^2\d{4}$`},
		{name: "one that goes on itself does not wait for another", patterns: []string{`^2\d#`, `2(\d+)`}},
		{name: "hidden by a number", numbers: []string{"2"}, patterns: []string{`^2$`}, want: "shadowed patterns.^2$ numbers.2"},
		{name: "hidden by a pattern", patterns: []string{`2(\d+)`, `21(\d)`}, want: `shadowed patterns.21(\d) patterns.2(\d+)`},
		{name: "the same the other way round", patterns: []string{`^21(\d)$`, `2(\d+)`},
			want: `prefix patterns.^21(\d)$ patterns.2(\d+)`},
		{name: "hidden by two", patterns: []string{`^[12]$`, `^[34]$`, `^[1-4]$`}, want: "shadowed patterns.^[1-4]$ patterns.^[12]$"},
		{name: "hidden by numbers and a pattern", numbers: []string{"1"}, patterns: []string{`^2$`, `^[12]$`},
			want: "shadowed patterns.^[12]$ numbers.1"},
		{name: "hidden, since its longer key is no key of it", patterns: []string{`^2$`, `^2`},
			want: "prefix patterns.^2$ patterns.^2; shadowed patterns.^2 patterns.^2$"},
		{name: "letters", patterns: []string{`2([a-z]+)`}, want: "unreachable patterns.2([a-z]+) "},
		{name: "nothing only", patterns: []string{`^$`}, want: "unreachable patterns.^$ ; differs_from_kazoo patterns.^$ "},
		{name: "a long number", numbers: []string{long}, want: "unreachable numbers." + long + " "},
		{name: "a long pattern", patterns: []string{`\d{65}`}, want: `unreachable patterns.\d{65} `},
		{name: "as long as can be", patterns: []string{`\d{64}`}},
		{name: "switched off", numbers: []string{"9", "91=>none"}, patterns: []string{`.*=>none`, `9(\d)=>none`}},
		{name: "Kazoo finds the first inside", patterns: []string{`2(\d+)`, `^91(\d{3})$`},
			want: `differs_from_kazoo patterns.^91(\d{3})$ patterns.2(\d+)`},
		{name: "and a number is a number to it", numbers: []string{"9123"}, patterns: []string{`2(\d+)`}},
		{name: "anchored it is the same", patterns: []string{`^2(\d+)`, `^91(\d{3})$`}},
		{name: "as Kazoo", patterns: []string{`2(\d+)`, `^91(\d{3})$`}, anywhere: true,
			want: `prefix patterns.^91(\d{3})$ patterns.2(\d+)`},
		{name: "as Kazoo, hidden", patterns: []string{`2`, `123`}, anywhere: true, want: "shadowed patterns.123 patterns.2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, c := range Merge(Settings{SearchAnywhere: tc.anywhere}, docOf(t, tc.numbers, tc.patterns...), nil, nil).Conflicts() {
				got = append(got, c.Code+" "+c.Entry+" "+c.With)
				if c.Message == "" {
					t.Error("a conflict without a message")
				}
			}
			if s := strings.Join(got, "; "); s != tc.want {
				t.Errorf("got  %s\nwant %s", s, tc.want)
			}
		})
	}
}

// TestConflictsProperty compares them with brute force, on random documents: every sequence that a collector takes, up to
// a length. What is reported was seen there, where the patterns' longest useful length lies inside it; what was seen is
// reported.
func TestConflictsProperty(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	counts := map[string]int{}
	const enough = 80 // documents, on a machine with much to do
	for end := time.Now().Add(*propertyTime); time.Now().Before(end) || counts["documents"] < enough; counts["documents"]++ {
		p := propDocument(t, rnd)
		if p.conflicts(t, counts); t.Failed() {
			t.Fatalf("seed %d: %s, anywhere %v", seed, p.document.Raw, p.anywhere)
		}
	}
	t.Log(counts)
	for _, code := range []string{ConflictShadowed, ConflictPrefix, ConflictUnreachable, ConflictKazoo} {
		if counts[code] == 0 {
			t.Errorf("never seen: %s", code)
		}
	}
}

// conflictsSeen is what brute force has seen of an entry.
type conflictsSeen struct {
	ran, waits, waitsForOther, kazoo string // keys
}

func (p *propCase) conflicts(t *testing.T, counts map[string]int) {
	e := Merge(Settings{SearchAnywhere: p.anywhere}, p.document, nil, nil)
	const alphabet, length = "123*#", 5 // every kind of key that the pieces tell apart
	seen := map[entryAt]*conflictsSeen{}
	for i := range e.codes {
		seen[entryAt{true, i}] = &conflictsSeen{}
	}
	for i := range e.searches {
		seen[entryAt{false, i}] = &conflictsSeen{}
	}
	kazoo := make([]*regexp.Regexp, len(e.searches))
	for i := range kazoo {
		kazoo[i] = regexp.MustCompile(p.document.Patterns[i].Key)
	}
	var walk func(keys string)
	walk = func(keys string) {
		var r Run
		e.Start(&r)
		for i := range len(keys) {
			r.Press(keys[i])
		}
		if at, ok := r.bestAt(); ok && keys != "" {
			s := seen[at]
			s.ran = keys
			if r.Verdict() == Open {
				s.waits = keys
				if p.decidedAlone(t, e, at, keys) {
					s.waitsForOther = keys
				}
			}
			if kazooRuns(e, kazoo, keys) != at {
				s.kazoo = keys
			}
		}
		if len(keys) == length || r.Verdict() != Open {
			return
		}
		for i := range len(alphabet) {
			if r.CanUse(alphabet[i]) {
				walk(keys + alphabet[i:i+1])
			}
		}
	}
	walk("")
	s := &survey{eff: e}
	reported := map[finding]Conflict{}
	for _, c := range e.Conflicts() {
		counts[c.Code]++
		reported[finding{c.Code, c.Entry}] = c
	}
	whole := p.useful <= length
	for at, saw := range seen {
		entry := s.path(at)
		told := func(code string) bool { _, ok := reported[finding{code, entry}]; return ok }
		dead := told(ConflictShadowed) || told(ConflictUnreachable)
		for what, wrong := range map[string]bool{
			fmt.Sprintf("%s runs it", saw.ran):                        dead && saw.ran != "",
			"nothing runs it":                                         !dead && saw.ran == "" && whole,
			fmt.Sprintf("%s waits for another", saw.waitsForOther):    !told(ConflictPrefix) && saw.waitsForOther != "",
			"it never waits":                                          told(ConflictPrefix) && saw.waits == "" && whole,
			fmt.Sprintf("Kazoo runs something else on %s", saw.kazoo): !p.anywhere && !told(ConflictKazoo) && saw.kazoo != "",
			"Kazoo runs the same":                                     told(ConflictKazoo) && reported[finding{ConflictKazoo, entry}].With != "" && saw.kazoo == "" && whole,
		} {
			if wrong {
				t.Errorf("%s: %s; reported %v", entry, what, reported)
			}
		}
	}
}

// decidedAlone says whether keys would be decided if there were nothing but that entry.
func (p *propCase) decidedAlone(t *testing.T, e *Effective, at entryAt, keys string) bool {
	if at.number {
		return true
	}
	alone := Merge(Settings{SearchAnywhere: p.anywhere}, docOf(t, nil, e.patterns.list[e.searches[at.i].entry].Key), nil, nil)
	var r Run
	alone.Start(&r)
	for i := range len(keys) {
		r.Press(keys[i])
	}
	return r.Verdict() == Decided
}

// kazooRuns is what Kazoo runs on keys, by package regexp.
func kazooRuns(e *Effective, patterns []*regexp.Regexp, keys string) entryAt {
	for i, c := range e.codes {
		if c.key == keys {
			return entryAt{true, i}
		}
	}
	for i, re := range patterns {
		if re.MatchString(keys) {
			return entryAt{false, i}
		}
	}
	return entryAt{false, -1}
}

// BenchmarkConflicts is the largest documents that are allowed: many patterns alike, many that differ, such as are alive
// all at once, patterns with many states, and as many numbers as there is room for.
func BenchmarkConflicts(b *testing.B) {
	for _, bc := range conflictsLarge(b) {
		b.Run(bc.name, func(b *testing.B) {
			e := Merge(Settings{}, bc.doc, nil, nil)
			for b.Loop() {
				e.Conflicts()
			}
			b.ReportMetric(float64(len(e.Conflicts())), "conflicts")
		})
	}
}

type conflictsCase struct {
	name string
	doc  *Document
}

func conflictsLarge(t testing.TB) []conflictsCase {
	many := func(n int, of func(i int) string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = of(i)
		}
		return list
	}
	return []conflictsCase{
		{"usual", docOf(t, []string{"9", "0", "91"}, `2(\d+)`, `^3(\d{4})$`)},
		{"200 with a length", docOf(t, nil, many(200, func(i int) string { return fmt.Sprintf(`^%d.$`, 10+i) })...)},
		{"200 open", docOf(t, nil, many(200, func(i int) string { return fmt.Sprintf(`%d.*`, 10+i) })...)},
		{"200 the same", docOf(t, nil, many(200, func(i int) string { return fmt.Sprintf("[0-9%c][0-9%c].", 'a'+i/20, 'a'+i%20) })...)},
		{"200 for all", docOf(t, nil, many(200, func(i int) string { return fmt.Sprintf(".*[%d%c][%d%c]", i/10%10, 'a'+i/100, i%10, 'a') })...)},
		{"many states", docOf(t, nil, `[0-9]*1[0-9]{30}#`, `[0-9]*2[0-9]{25}#`, `[0-9]*3[0-9]{20}#`, `(?:\d?){60}(?:\b\d?){300}`)},
		{"all alive", docOf(t, nil, `(?:\d?){60}(?:\b\d?){500}`)},
		{"5000 numbers", docOf(t, many(5000, func(i int) string { return fmt.Sprint(1 + i) }), many(50, func(i int) string { return fmt.Sprintf(`.*%d#`, i) })...)},
	}
}

// The look for conflicts is bounded on whatever document is allowed.
func TestConflictsBounded(t *testing.T) {
	for _, c := range conflictsLarge(t) {
		began := time.Now()
		conflicts := Merge(Settings{}, c.doc, nil, nil).Conflicts()
		if took := time.Since(began); took > 20*time.Second { // what is not bounded takes minutes; this is with the race detector, on a machine with much to do
			t.Errorf("%s: %s, %d conflicts", c.name, took, len(conflicts))
		}
	}
}

// Conflicts with one long pattern do not each tell the whole of it, nor more than an answer should have in all.
func TestConflictsAreShort(t *testing.T) {
	patterns := []string{"[" + strings.Repeat("2", 1000) + `]\d*`}
	for i := range 199 {
		patterns = append(patterns, fmt.Sprintf("2%03d", i))
	}
	text, conflicts := 0, Merge(Settings{}, docOf(t, []string{strings.Repeat("1", 100<<10)}, patterns...), nil, nil).Conflicts()
	for _, c := range conflicts {
		text += len(c.Entry) + len(c.With) + len(c.Message)
		if len(c.Message) > 400 {
			t.Error("a long message:", c.Message)
		}
	}
	if len(conflicts) < 20 || text > 64<<10 {
		t.Errorf("%d conflicts of %d bytes", len(conflicts), text)
	}
}
