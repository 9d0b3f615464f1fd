package flows

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	propertyTime = flag.Duration("match.property", 3*time.Second, "how long TestProperty tries documents")
	propertySeed = flag.Uint64("match.seed", 0, "seed of TestProperty, 0 for the time")
)

// TestProperty compares a Run with brute force over package regexp, on random documents: what matches now and its
// captures are the same; decided and dead are never contradicted within the horizon; open, and a key that can be used,
// are confirmed where the patterns' longest useful length lies inside it.
func TestProperty(t *testing.T) {
	seed := *propertySeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	counts := map[string]int{}
	for end := time.Now().Add(*propertyTime); time.Now().Before(end); counts["documents"]++ {
		p := propDocument(t, rnd)
		if p.check(t, counts); t.Failed() {
			t.Fatalf("seed %d, document %d: %s, anywhere %v", seed, counts["documents"], p.document.Raw, p.anywhere)
		}
	}
	t.Log(counts)
	for _, seen := range []string{"decided", "dead", "open", "open confirmed", "use confirmed"} {
		if counts[seen] == 0 {
			t.Errorf("never seen: %s", seen)
		}
	}
}

// propAlphabets are the keys that are tried, with the pieces of patterns for which these keys stand for all twelve: a
// piece that takes a digit takes one of them, and one that takes * or # likewise. The larger is slow, so it is rare.
var propAlphabets = []struct {
	keys            string
	pieces          []string
	prefix, horizon int
	weight          int
}{
	{"12*#", []string{`1`, `2`, `\*`, `#`, `\d`, `.`, `[12]`, `[1*]`, `[*#]`, `\D`, `[^1]`, `[^*]`, `\w`, `\W`, `[2#]`}, 3, 5, 1},
	{"12*#", []string{`1`, `2`, `\*`, `#`, `\d`, `.`, `[12]`, `[1*]`, `[*#]`, `\D`, `[^1]`, `[^*]`, `\w`, `\W`, `[2#]`}, 2, 4, 16},
	{"1*", []string{`1`, `\*`, `\d`, `.`, `[1*]`, `\D`, `\w`, `\W`}, 4, 6, 60},
	{"12", []string{`1`, `2`, `\d`, `[12]`, `[^1]`, `\w`}, 4, 6, 60},
}

// propCase is a document and what is known of it.
type propCase struct {
	rnd             *rand.Rand
	keys            string
	pieces          []string
	prefix, horizon int
	anywhere        bool

	document *Document
	useful   int // how many keys decide what an open sequence becomes, at most
	numbers  map[string]int
	patterns []*regexp.Regexp
}

func propDocument(t *testing.T, rnd *rand.Rand) *propCase {
	total := 0
	for _, a := range propAlphabets {
		total += a.weight
	}
	pick := rnd.IntN(total)
	p := &propCase{rnd: rnd, numbers: map[string]int{}, anywhere: rnd.IntN(4) == 0}
	for _, a := range propAlphabets {
		if pick -= a.weight; pick < 0 {
			p.keys, p.pieces, p.prefix, p.horizon = a.keys, a.pieces, a.prefix, a.horizon
			break
		}
	}
	digits := strings.Trim(p.keys, "*#")
	var numbers, patterns []string
	for range rnd.IntN(3) {
		var b strings.Builder
		for range 1 + rnd.IntN(4) {
			b.WriteByte(digits[rnd.IntN(len(digits))])
		}
		if _, ok := p.numbers[b.String()]; !ok {
			p.numbers[b.String()] = len(numbers)
			numbers = append(numbers, b.String())
			p.useful = max(p.useful, b.Len())
		}
	}
	seen := map[string]bool{}
	for range 1 + rnd.IntN(3) {
		source, takes, boundary := p.pattern(3)
		if source == "" || seen[source] {
			continue
		}
		seen[source] = true
		patterns = append(patterns, source)
		search := source
		if !p.anywhere {
			search = `\A(?:` + source + `)`
		} else {
			takes++ // the keys before it
		}
		p.patterns = append(p.patterns, regexp.MustCompile(search))
		// A shortest way to a match passes each place once; with \b and \B once for each kind of key before it, and one
		// more key may have to be looked at.
		takes++
		if boundary {
			takes *= 2
			if digits == p.keys { // only keys that are not there make a boundary
				takes = p.horizon + 1
			}
		}
		p.useful = max(p.useful, takes)
	}
	p.document = docOf(t, numbers, patterns...)
	return p
}

// pattern gives a random pattern, how many keys its pieces take with counted repetition unfolded, and whether it looks
// at word boundaries.
func (p *propCase) pattern(depth int) (source string, takes int, boundary bool) {
	sub := func() string {
		s, n, b := p.pattern(depth - 1)
		takes, boundary = takes+n, boundary || b
		return s
	}
	roll := p.rnd.IntN(16)
	if depth == 0 {
		roll = min(roll, 9)
	}
	switch roll {
	case 0, 1, 2, 3, 4, 5, 6:
		return p.pieces[p.rnd.IntN(len(p.pieces))], 1, false
	case 7:
		return []string{`$`, `^`, `\z`, `\A`, `(?m:$)`, `(?m:^)`}[p.rnd.IntN(6)], 0, false
	case 8:
		return []string{`\b`, `\B`}[p.rnd.IntN(2)], 0, true
	case 9:
		return []string{``, `a`, `()`}[p.rnd.IntN(3)], 0, false
	case 10:
		source = "(" + sub() + ")"
	case 11:
		source = sub() + "|" + sub()
		if p.rnd.IntN(2) == 0 {
			source = "(" + source + ")"
		} else {
			source = "(?:" + source + ")"
		}
	case 12:
		source = "(?:" + sub() + ")" + []string{`*`, `+`, `?`, `*?`, `+?`, `??`}[p.rnd.IntN(6)]
	case 13:
		times := p.rnd.IntN(3)
		source = fmt.Sprintf("(?:%s){%d,%d}", sub(), p.rnd.IntN(times+1), times)
		takes *= times
		if p.rnd.IntN(3) == 0 {
			source += "?"
		}
	default:
		source = sub() + sub()
	}
	return source, takes, boundary
}

// propOutcome is what some keys run: entry 0 nothing, numbers from 1, patterns below 0.
type propOutcome struct {
	entry      int
	start, end int
	text       string
	captures   string
}

func (p *propCase) outcome(keys []byte) propOutcome {
	if len(keys) == 0 {
		return propOutcome{}
	}
	if i, ok := p.numbers[string(keys)]; ok {
		return propOutcome{entry: i + 1, end: len(keys), text: string(keys)}
	}
	for i, re := range p.patterns {
		loc := re.FindSubmatchIndex(keys)
		if loc == nil {
			continue
		}
		o := propOutcome{entry: -i - 1, start: loc[0], end: loc[1], text: string(keys[loc[0]:loc[1]])}
		groups := make([]string, 0, 4)
		last := 0
		for g := 2; g < len(loc); g += 2 {
			if loc[g] < 0 {
				groups = append(groups, "")
				continue
			}
			groups = append(groups, string(keys[loc[g]:loc[g+1]]))
			last = len(groups)
		}
		o.captures = fmt.Sprintf("%q", groups[:last])
		return o
	}
	return propOutcome{}
}

// propNode is what is known of a sequence of at most prefix keys from those that begin with it.
type propNode struct {
	keys    []byte
	run     Run
	now     propOutcome
	other   string          // a longer sequence that runs something else
	differs bool            // one runs something else, or the same text elsewhere
	uses    map[byte]string // per next key: a sequence that uses it
}

func (p *propCase) check(t *testing.T, counts map[string]int) {
	e := Merge(Settings{SearchAnywhere: p.anywhere}, p.document, nil, nil)
	p.walk(t, counts, e, nil, nil)
}

// walk tries keys and everything that begins with them. above are the sequences that keys begin with.
func (p *propCase) walk(t *testing.T, counts map[string]int, e *Effective, keys []byte, above []*propNode) {
	now := p.outcome(keys)
	for _, a := range above {
		if len(keys)-len(a.keys) > p.horizon || now.entry == 0 {
			continue
		}
		if now != a.now {
			a.differs = true
		}
		if now.entry != a.now.entry || now.text != a.now.text || now.captures != a.now.captures {
			a.other = string(keys)
		}
		if now.end > len(a.keys) || a.now.entry == 0 {
			a.uses[keys[len(a.keys)]] = string(keys)
		}
	}
	if len(keys) == p.prefix+p.horizon {
		return
	}
	var here *propNode
	if len(keys) <= p.prefix {
		here = &propNode{keys: append([]byte(nil), keys...), now: now, uses: map[byte]string{}}
		above = append(above, here)
		e.Start(&here.run)
		for _, key := range keys {
			here.run.Press(key)
		}
	}
	for i := range len(p.keys) {
		p.walk(t, counts, e, append(keys, p.keys[i]), above)
	}
	if here != nil {
		p.compare(t, counts, here)
	}
}

func (p *propCase) compare(t *testing.T, counts map[string]int, n *propNode) {
	verdict := n.run.Verdict()
	counts[verdict.String()]++
	var got propOutcome
	if m := n.run.Best(); m != nil {
		got = propOutcome{text: m.Text, start: n.now.start, end: n.now.end}
		if m.Kind == "number" {
			got.entry = p.numbers[m.Key] + 1
		} else {
			got.captures = fmt.Sprintf("%q", m.Captures)
			for i, e := range p.document.Patterns {
				if e.Key == m.Key {
					got.entry = -i - 1
				}
			}
		}
	}
	if got != n.now || n.run.Matches() != (n.now.entry != 0) {
		t.Errorf("%q: matches %v %+v, package regexp %+v", n.keys, n.run.Matches(), got, n.now)
	}
	inside := p.useful <= p.horizon
	switch {
	case verdict == Decided && (n.now.entry == 0 || n.other != ""):
		t.Errorf("%q: decided, but %q runs something else", n.keys, n.other)
	case verdict == Dead && (n.now.entry != 0 || n.other != ""):
		t.Errorf("%q: dead, but %q runs something", n.keys, n.other)
	case verdict == Open && inside && !n.differs:
		t.Errorf("%q: open, but no longer sequence runs anything else", n.keys)
	case verdict == Open && inside:
		counts["open confirmed"]++
	}
	for _, key := range []byte(p.keys) {
		uses := n.uses[key]
		switch can := n.run.CanUse(key); {
		case !can && uses != "":
			t.Errorf("%q: cannot use %c, but %q does", n.keys, key, uses)
		case can && inside && uses == "":
			t.Errorf("%q: can use %c, but nothing does", n.keys, key)
		case can && inside:
			counts["use confirmed"]++
		}
	}
}
