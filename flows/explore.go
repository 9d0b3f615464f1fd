package flows

import "encoding/binary"

// How much a look for conflicts may follow, in instructions.
const (
	wholeEffort = 600_000
	pairsEffort = 300_000
)

// explorer follows all sequences of keys that a collector would take, the shortest first, as far as they differ for a Run:
// what its threads are, without their captures, and where it is among the numbers.
type explorer struct {
	run    *Run
	beside *Run // presses the same keys; may be nil
	effort int  // what is left of it
	any    bool // also keys that a collector would not take

	classes []uint16
	seen    map[string]struct{}
	queue   []explored
}

// explored is a state that was reached, and how.
type explored struct {
	state  string
	parent int32
	n      uint8
	key    byte
}

func newExplorer(e *Effective, effort int) *explorer {
	x := &explorer{run: new(Run), effort: effort, seen: map[string]struct{}{}}
	e.Start(x.run)
	x.classes = keyClasses(e.searches)
	return x
}

// with lets another document's matching press the same keys.
func (x *explorer) with(e *Effective) {
	x.beside = new(Run)
	e.Start(x.beside)
	x.classes = keyClasses(append(append([]effPattern{}, x.run.eff.searches...), e.searches...))
}

// explore visits every state once, and says whether these were all: it stops when its effort is spent, or when visit says
// so. word gives the keys that lead to the state.
func (x *explorer) explore(visit func(word func() string) (more bool)) (all bool) {
	if x.run.verdict == Dead {
		return true
	}
	x.queue = append(x.queue[:0], explored{state: x.state(), parent: -1})
	for i := 0; i < len(x.queue); i++ {
		from := x.queue[i]
		x.restore(from)
		x.run.judge()
		for _, key := range x.keys() {
			if x.effort <= 0 {
				return false
			}
			x.restore(from)
			x.press(key)
			state := x.state()
			if _, seen := x.seen[state]; seen {
				continue
			}
			x.seen[state] = struct{}{}
			next := explored{state, int32(i), from.n + 1, key}
			if !visit(func() string { return x.word(next) }) {
				return false
			}
			if x.run.verdict == Open && x.run.n < maxKeys {
				x.queue = append(x.queue, next)
			}
		}
	}
	return true
}

func (x *explorer) press(key byte) {
	for _, r := range x.both() {
		r.Press(key)
		x.effort -= 16 + len(r.patterns)/2
		for i := range r.patterns {
			if t := &r.patterns[i]; len(t.pcs) > 0 {
				x.effort -= len(t.program.insts)
			}
		}
	}
}

func (x *explorer) both() []*Run {
	if x.beside == nil {
		return []*Run{x.run}
	}
	return []*Run{x.run, x.beside}
}

// keys are those that can be pressed next: one of each class, and all that numbers go on with.
func (x *explorer) keys() []byte {
	var keys []byte
	r := x.run
	for _, class := range x.classes {
		one := false
		for _, key := range []byte("0123456789*#") {
			if class&patKeyBit(key) == 0 || !x.any && !r.CanUse(key) {
				continue
			}
			lo, hi := r.narrow(key)
			if lo < hi || !one {
				keys = append(keys, key)
			}
			one = one || lo >= hi
		}
	}
	return keys
}

func (x *explorer) word(s explored) string {
	word := make([]byte, s.n)
	for ; s.n > 0; s = x.queue[s.parent] {
		word[s.n-1] = s.key
	}
	return string(word)
}

// state writes down what the runs' futures depend on. How many keys there were counts only among the numbers: who needs
// fewer to come to a state can do all that others can.
func (x *explorer) state() string {
	var b []byte
	for _, r := range x.both() {
		b = append(b, byte(r.prev))
		if r.lo < r.hi {
			b = binary.AppendUvarint(b, uint64(r.hi))
			b = binary.AppendUvarint(b, uint64(r.lo))
			b = append(b, byte(r.n)) // all of them may begin with more than these keys
		} else {
			b = append(b, 0)
		}
		for i := range r.patterns {
			t := &r.patterns[i]
			if len(t.pcs) == 0 && !t.matched {
				continue
			}
			b = binary.AppendUvarint(b, uint64(i)+1)
			n := uint64(len(t.pcs)) << 1
			if t.matched {
				n |= 1
			}
			b = binary.AppendUvarint(b, n)
			for _, pc := range t.pcs {
				b = binary.LittleEndian.AppendUint16(b, pc)
			}
		}
		b = append(b, 0)
	}
	return string(b)
}

// restore brings the runs to a state. What they have captured is not in it.
func (x *explorer) restore(s explored) {
	b := []byte(s.state)
	next := func() int {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return int(v)
	}
	for _, r := range x.both() {
		r.n, r.prev = int(s.n), int(b[0])
		b = b[1:]
		r.lo, r.hi = 0, next()
		if r.hi > 0 {
			r.lo = next()
			b = b[1:]
		}
		for i := range r.patterns {
			t := &r.patterns[i]
			t.pcs, t.matched = t.pcs[:0], false
		}
		for i := next(); i > 0; i = next() {
			t := &r.patterns[i-1]
			n := next()
			t.matched = n&1 != 0
			for range n >> 1 {
				t.pcs = append(t.pcs, binary.LittleEndian.Uint16(b))
				b = b[2:]
			}
			t.slots = unset(t.slots[:len(t.pcs)*t.program.slots])
			unset(t.match)
		}
	}
}

func unset(slots []uint8) []uint8 {
	for i := range slots {
		slots[i] = patUnset
	}
	return slots
}

// keyClasses are the sets of keys that no instruction of the searches tells apart.
func keyClasses(searches []effPattern) []uint16 {
	classes := []uint16{patWordKeys, patOtherKeys}
	for _, search := range searches {
		for pc := range search.program.insts {
			in := &search.program.insts[pc]
			if in.op != patKeys {
				continue
			}
			for i, class := range classes {
				if taken := class & in.keys; taken != 0 && taken != class {
					classes[i] = taken
					classes = append(classes, class&^taken)
				}
			}
		}
	}
	return classes
}

// bestAt is what would run now.
func (r *Run) bestAt() (entryAt, bool) {
	switch {
	case r.number >= 0:
		return entryAt{true, r.number}, true
	case r.best >= 0:
		return entryAt{false, r.best}, true
	}
	return entryAt{}, false
}

// waitsFor is another entry that a longer sequence could run instead of what matches now, where what matches now would not
// go on itself.
func (r *Run) waitsFor() (other entryAt, ok bool) {
	if r.number >= 0 && r.hi-r.lo > 1 {
		return entryAt{true, r.lo + 1}, true
	}
	if r.number < 0 && r.lo < r.hi {
		other, ok = entryAt{true, r.lo}, true
	}
	for _, next := range [2]int{patWord, patOther} {
		for i := range r.patterns {
			l := r.look(i, next)
			goesOn := l.usable&patKeysOf[next] != 0
			switch {
			case i != r.best && (goesOn || l.match):
				if !ok {
					other, ok = entryAt{false, i}, true
				}
			case i == r.best && (goesOn && !r.patterns[i].program.fixed || l.match && !l.same):
				return entryAt{}, false
			}
			if l.match {
				break
			}
		}
	}
	return other, ok
}
