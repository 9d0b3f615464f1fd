package flows

// Verdict is what the keys so far say about what would run (flows/README.md, Collecting).
type Verdict uint8

// The verdicts.
const (
	// Open: a longer sequence would run something, and not what the keys so far run: wait.
	Open Verdict = iota
	// Decided: something matches, and no longer sequence would run anything else, or the same with other matched text
	// or captures: run it now.
	Decided
	// Dead: nothing matches and no longer sequence would match.
	Dead
)

// String is the verdict's name.
func (v Verdict) String() string { return [...]string{"open", "decided", "dead"}[v%3] }

// Match is the flow found, and how. It is the caller's own.
type Match struct {
	Kind  string // number or pattern
	Key   string // of the number or pattern
	Scope Scope  // whose document has it
	Node  *Node
	// Captures are a pattern's groups, nil for a number. A group that took no part is "", and at the end it is left
	// out (flows/README.md, Captures).
	Captures  []string
	Collected string // all keys
	Text      string // those that matched
}

// Run is a matching in progress: one sequence of keys against one Effective. It keeps its memory for the next Start;
// from the second sequence on, neither Start nor Press allocates. It is not safe for concurrent use. A Run that was not
// started is Dead.
type Run struct {
	eff  *Effective
	keys [maxKeys]byte
	n    int
	prev int // context before the next key

	lo, hi   int // the codes that begin with the keys
	patterns []patThreads
	machine  patMachine

	number  int // among the codes: the keys are this number, else -1
	best    int // among the searches: the first that matches now, else -1; not looked for beside a number
	verdict Verdict
	usable  uint16  // keys that patterns can use
	slots   []uint8 // of the best pattern's match
	other   []uint8 // of the match that it would be before the next key

	pcs    []uint16 // what the patterns' threads are kept in
	memory []uint8
}

// runSizes is what a Run needs for an Effective.
type runSizes struct{ insts, slots, pcs, memory int }

func (s *runSizes) add(p *patProgram) {
	s.insts, s.slots = max(s.insts, len(p.insts)), max(s.slots, p.slots)
	s.pcs += 2 * p.takes
	s.memory += (2*p.takes + 1) * p.slots
}

// Start makes r ready for the first key of a sequence against e.
func (e *Effective) Start(r *Run) {
	r.eff, r.n, r.prev = e, 0, patNone
	r.lo, r.hi = 0, len(e.codes)
	size := &e.sizes
	r.slots, r.other = patFit(r.slots, size.slots), patFit(r.other, size.slots)
	r.patterns = patFit(r.patterns, len(e.searches))
	r.machine.fit(size.insts, size.slots)
	r.pcs, r.memory = patFit(r.pcs, size.pcs), patFit(r.memory, size.memory)
	pcs, memory := r.pcs, r.memory
	for i, s := range e.searches {
		pcs, memory = r.patterns[i].start(s.program, pcs, memory)
	}
	r.judge()
}

// Keys are the keys so far, until the next Press or Start.
func (r *Run) Keys() []byte { return r.keys[:r.n] }

// Len is how many keys there are.
func (r *Run) Len() int { return r.n }

// Verdict is the verdict on the keys so far; with no key it is never Decided.
func (r *Run) Verdict() Verdict {
	if r.eff == nil {
		return Dead
	}
	return r.verdict
}

// Press adds a key, one of 0-9 * #, and gives the verdict. The 64th key ends a sequence whatever its verdict, which is
// Open if a still longer sequence would run something else. Other keys, and a 65th, change nothing.
func (r *Run) Press(key byte) Verdict {
	bit := patKeyBit(key)
	if r.eff == nil || bit == 0 || r.n == maxKeys {
		return r.Verdict()
	}
	next := patContext(bit)
	for i := range r.patterns {
		r.machine.step(&r.patterns[i], r.prev, next, bit, r.n)
	}
	r.lo, r.hi = r.narrow(key)
	r.keys[r.n] = key
	r.n++
	r.prev = next
	r.judge()
	return r.verdict
}

// CanUse says whether some number or pattern can still use the key (flows/README.md, Keys in special places): some sequence
// that goes on with it would run a number, a pattern whose matched text has the key in it, or, where nothing matches
// yet, anything.
func (r *Run) CanUse(key byte) bool {
	bit := patKeyBit(key)
	if r.eff == nil || bit == 0 || r.n == maxKeys {
		return false
	}
	if r.usable&bit != 0 {
		return true
	}
	lo, hi := r.narrow(key)
	return lo < hi
}

// Matches says whether something matches the keys so far, as the timeout would find it.
func (r *Run) Matches() bool { return r.eff != nil && (r.number >= 0 || r.best >= 0) }

// Best is what would run now: the number, else the first pattern that matches; nil if nothing does.
func (r *Run) Best() *Match {
	if !r.Matches() {
		return nil
	}
	keys := string(r.Keys())
	if r.number >= 0 {
		i := r.eff.codes[r.number].entry
		if i == noEntry {
			return &Match{Kind: kindAwaited, Key: keys, Collected: keys, Text: keys}
		}
		e := r.eff.numbers.list[i]
		return &Match{Kind: "number", Key: e.Key, Scope: r.eff.numbers.origins[i].Source, Node: e.Node, Collected: keys, Text: keys}
	}
	i := r.eff.searches[r.best].entry
	e := r.eff.patterns.list[i]
	m := &Match{Kind: "pattern", Key: e.Key, Scope: r.eff.patterns.origins[i].Source, Node: e.Node, Collected: keys,
		Captures: []string{}, Text: keys[r.slots[0]:r.slots[1]]}
	last := 0
	for s := 2; s < r.eff.searches[r.best].program.slots; s += 2 {
		group, took := patGroup(r.Keys(), r.slots, s)
		m.Captures = append(m.Captures, string(group))
		if took {
			last = s / 2
		}
	}
	m.Captures = m.Captures[:last]
	return m
}

// narrow gives the codes that begin with the keys and then key.
func (r *Run) narrow(key byte) (lo, hi int) {
	codes, at := r.eff.codes, r.n
	lo, hi = r.lo, r.hi
	if lo < hi && len(codes[lo].key) == at { // the keys themselves, the first in the order
		lo++
	}
	for end := hi; lo < end; { // the first with the key or a greater one
		if mid := (lo + end) / 2; codes[mid].key[at] < key {
			lo = mid + 1
		} else {
			end = mid
		}
	}
	for from := lo; from < hi; { // the first with a greater one
		if mid := (from + hi) / 2; codes[mid].key[at] <= key {
			from = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, hi
}

// judge finds what matches and the verdict. What a longer sequence runs depends on the context that its next key makes,
// so both are walked: number, then patterns in order, down to the first that matches whatever follows that key.
func (r *Run) judge() {
	codes := r.eff.codes
	r.number, r.best, r.usable = -1, -1, 0
	longer := r.lo < r.hi
	if longer && r.n > 0 && len(codes[r.lo].key) == r.n {
		r.number = r.lo
		longer = r.hi-r.lo > 1
		if codes[r.lo].entry == noEntry { // it goes before all others
			r.verdict = Decided
			return
		}
	}
	for i := range r.patterns {
		r.patterns[i].known = [3]bool{}
	}
	for i := 0; i < len(r.patterns) && r.number < 0 && r.best < 0 && r.n > 0; i++ {
		if r.look(i, patNone).match {
			r.best = i
		}
	}
	matches := r.number >= 0 || r.best >= 0
	open := longer
	for _, next := range [2]int{patWord, patOther} {
		for i := range r.patterns {
			l := r.look(i, next)
			if keys := l.usable & patKeysOf[next]; keys != 0 {
				open = open || i != r.best || !r.patterns[i].program.fixed
				r.usable |= keys
			}
			if !l.match {
				continue
			}
			if !matches {
				r.usable |= patKeysOf[next]
			}
			if i != r.best || !l.same {
				open = true
			}
			break
		}
	}
	switch {
	case open:
		r.verdict = Open
	case matches:
		r.verdict = Decided
	default:
		r.verdict = Dead
	}
}

// look asks what a pattern makes of the next context, once for all contexts that it cannot tell apart. While the best
// pattern is being looked for, a match leaves its slots in r.slots.
func (r *Run) look(i, next int) patLook {
	t := &r.patterns[i]
	next = min(next, t.program.looks-1)
	if t.known[next] {
		return t.looks[next]
	}
	within := uint8(maxKeys - r.n)
	if r.n == maxKeys { // as if it went on
		within = maxKeys
	}
	slots := r.other
	if r.best < 0 && next == patNone {
		slots = r.slots
	}
	l := r.machine.look(t, r.prev, next, r.n, within, slots)
	l.same = next == patNone || l.match && i == r.best && r.same(t.program)
	t.known[next], t.looks[next] = true, l
	return l
}

// same says whether r.slots and r.other give the same text and the same captures.
func (r *Run) same(p *patProgram) bool {
	last, lastOther := 0, 0
	for s := 0; s < p.slots; s += 2 {
		group, took := patGroup(r.keys[:], r.slots, s)
		other, tookOther := patGroup(r.keys[:], r.other, s)
		if string(group) != string(other) {
			return false
		}
		if took {
			last = s
		}
		if tookOther {
			lastOther = s
		}
	}
	return last == lastOther
}
