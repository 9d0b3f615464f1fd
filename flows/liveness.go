package flows

import "regexp/syntax"

// measure finds for every instruction that takes a key how few keys lead from it to a match. It walks backwards from the
// matches over the states (instruction, context before, context after), nearest first; states more than maxKeys away
// are not reached.
func (p *patProgram) measure() {
	first, before := p.reverse()
	const far = 255
	dist := make([]uint8, len(p.insts)*9)
	for i := range dist {
		dist[i] = far
	}
	var now, next []int32
	reach := func(pc, prev, after int, d uint8, queue *[]int32) {
		if s := pc*9 + prev*3 + after; d < dist[s] {
			dist[s] = d
			*queue = append(*queue, int32(s))
		}
	}
	for pc := range p.insts {
		if p.insts[pc].op == patMatch {
			for prev := patWord; prev <= patOther; prev++ { // a key was taken, so there is one before
				reach(pc, prev, patNone, 0, &now)
				reach(pc, prev, patWord, 1, &next)
				reach(pc, prev, patOther, 1, &next)
			}
		}
	}
	for d := uint8(0); d <= maxKeys; d++ {
		for len(now) > 0 {
			s := int(now[len(now)-1])
			now = now[:len(now)-1]
			if dist[s] != d {
				continue
			}
			pc, prev, after := s/9, s/3%3, s%3
			for _, b := range before[first[pc]:first[pc+1]] {
				switch in := &p.insts[b]; in.op {
				case patNop, patAlt, patCapture:
					reach(int(b), prev, after, d, &now)
				case patEmpty:
					if syntax.EmptyOp(in.need)&^patFlags[prev][after] == 0 {
						reach(int(b), prev, after, d, &now)
					}
				case patKeys:
					for earlier := patWord; earlier <= patOther && in.keys&patKeysOf[prev] != 0; earlier++ {
						reach(int(b), earlier, prev, d+1, &next)
					}
				}
			}
		}
		now, next = next, now
	}
	for pc := range p.insts {
		if in := &p.insts[pc]; in.op == patKeys {
			in.more = [3]uint8{far, far, far}
			for _, took := range [2]int{patWord, patOther} {
				if s := int(in.out)*9 + took*3; in.keys&patKeysOf[took] != 0 {
					if d := min(dist[s], dist[s+1], dist[s+2]); d < maxKeys {
						in.more[took] = d + 1
					}
				}
			}
		}
	}
}

// reverse lists the instructions that lead to each: those before pc are before[first[pc]:first[pc+1]].
func (p *patProgram) reverse() (first []int32, before []uint16) {
	first = make([]int32, len(p.insts)+2)
	edges := func(visit func(from, to uint16)) {
		for pc := range p.insts {
			switch in := &p.insts[pc]; in.op {
			case patAlt:
				visit(uint16(pc), in.arg)
				visit(uint16(pc), in.out)
			case patNop, patCapture, patEmpty, patKeys:
				visit(uint16(pc), in.out)
			}
		}
	}
	edges(func(_, to uint16) { first[to+2]++ })
	for i := 2; i < len(first); i++ {
		first[i] += first[i-1]
	}
	before = make([]uint16, first[len(first)-1])
	edges(func(from, to uint16) {
		before[first[to+1]] = from
		first[to+1]++
	})
	return first, before
}
