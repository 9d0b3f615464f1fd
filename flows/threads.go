package flows

import "regexp/syntax"

// patUnset is a slot that no key position was written to.
const patUnset = 255

// patThreads is where a pattern's matching stands between two keys: its threads, the preferred first, before the
// empty-width conditions were asked, since $ and \b look at the next key; and the last match found, to which only these
// threads are preferred (leftmost-first, as package regexp). Each thread has an instruction and its slots.
type patThreads struct {
	program *patProgram
	pcs     []uint16
	slots   []uint8 // program.slots of each thread
	nextPCs []uint16
	next    []uint8
	matched bool
	match   []uint8 // its slots

	known [3]bool // per next context: looks holds
	looks [3]patLook
}

// patLook is what threads come to in a context.
type patLook struct {
	usable uint16 // keys that can lead to a match that is preferred to this one
	match  bool   // something matches without another key
	same   bool   // and it is what matches now
}

// start puts the threads at the beginning, in memory that is cut off the given.
func (t *patThreads) start(p *patProgram, pcs []uint16, memory []uint8) (restPCs []uint16, rest []uint8) {
	n, m := p.takes, p.takes*p.slots
	t.program = p
	t.pcs, t.nextPCs, pcs = pcs[:1:n], pcs[n:n:2*n], pcs[2*n:]
	t.slots, t.next, memory = memory[:p.slots:m], memory[m:m:2*m], memory[2*m:]
	t.match, memory = memory[:p.slots:p.slots], memory[p.slots:]
	t.pcs[0] = p.start
	for i := range t.slots {
		t.slots[i] = patUnset
	}
	t.slots[0] = 0 // where an anchored search begins; the other writes it anew
	t.matched = false
	return pcs, memory
}

// patMachine follows threads through the instructions that take no key. One serves all patterns of a Run, in turn.
type patMachine struct {
	insts []patInst
	seen  []uint32 // per instruction: the turn in which it was reached
	turn  uint32
	holds syntax.EmptyOp
	at    uint8 // keys before the position
	slots []uint8

	// looking
	within uint8
	usable uint16

	// stepping
	key uint16 // 0 when looking
	to  *patThreads
}

// fit makes room for programs of so many instructions and slots.
func (m *patMachine) fit(insts, slots int) {
	if cap(m.seen) < insts {
		m.seen, m.turn = make([]uint32, insts), 0
	}
	m.seen = m.seen[:cap(m.seen)]
	m.slots = patFit(m.slots, slots)
}

func (m *patMachine) begin(t *patThreads, prev, next, at int) {
	if m.turn++; m.turn == 0 {
		clear(m.seen)
		m.turn = 1
	}
	m.insts, m.holds, m.at = t.program.insts, patFlags[prev][next], uint8(at)
	m.slots = m.slots[:t.program.slots]
}

// step takes a key at position at.
func (m *patMachine) step(t *patThreads, prev, next int, key uint16, at int) {
	if len(t.pcs) == 0 {
		return
	}
	m.begin(t, prev, next, at)
	m.key, m.to = key, t
	t.nextPCs, t.next = t.nextPCs[:0], t.next[:0]
	if m.follow(t) {
		t.matched = true
		copy(t.match, m.slots)
	}
	t.pcs, t.nextPCs = t.nextPCs, t.pcs
	t.slots, t.next = t.next, t.slots
}

// look says what the threads come to before a next context, with at most so many more keys. The slots of a match are
// copied.
func (m *patMachine) look(t *patThreads, prev, next, at int, within uint8, slots []uint8) patLook {
	if len(t.pcs) == 0 {
		if t.matched {
			copy(slots, t.match)
		}
		return patLook{match: t.matched}
	}
	m.begin(t, prev, next, at)
	m.key, m.within, m.usable = 0, within, 0
	l := patLook{match: true}
	switch {
	case m.follow(t):
		copy(slots, m.slots)
	case t.matched:
		copy(slots, t.match)
	default:
		l.match = false
	}
	l.usable = m.usable
	return l
}

// follow follows the threads in order until one matches, whose slots are then in m.slots.
func (m *patMachine) follow(t *patThreads) bool {
	n := t.program.slots
	for i, pc := range t.pcs {
		copy(m.slots, t.slots[i*n:(i+1)*n])
		if m.add(pc) {
			return true
		}
	}
	return false
}

// add follows one thread to the instructions that take a key, and says whether it matches on the way: nothing after that
// counts. An instruction that was reached before was reached by a preferred thread.
func (m *patMachine) add(pc uint16) bool {
	for m.seen[pc] != m.turn {
		m.seen[pc] = m.turn
		in := &m.insts[pc]
		switch in.op {
		case patFail:
			return false
		case patMatch:
			m.slots[1] = m.at
			return true
		case patAlt:
			if m.add(in.out) {
				return true
			}
			pc = in.arg
			continue
		case patCapture:
			old := m.slots[in.arg]
			m.slots[in.arg] = m.at
			if m.add(in.out) {
				return true
			}
			m.slots[in.arg] = old
			return false
		case patEmpty:
			if syntax.EmptyOp(in.need)&^m.holds != 0 {
				return false
			}
		case patKeys:
			m.take(in)
			return false
		}
		pc = in.out
	}
	return false
}

func (m *patMachine) take(in *patInst) {
	switch {
	case m.key == 0:
		m.usable |= in.usable(m.within)
	case in.keys&m.key != 0:
		m.to.nextPCs = append(m.to.nextPCs, in.out)
		m.to.next = append(m.to.next, m.slots...)
	}
}

// patGroup is what the group at slot s took, and whether it took part.
func patGroup(keys []byte, slots []uint8, s int) (text []byte, took bool) {
	if slots[s] == patUnset || slots[s+1] == patUnset {
		return nil, false
	}
	return keys[slots[s]:slots[s+1]], true
}

// patFit gives s with that length, in the same memory if that is large enough. The contents are anything.
func patFit[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
