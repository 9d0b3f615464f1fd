package main

// faults are how what was heard differs from what was to be heard.
type faults struct {
	lost, doubled, reordered, foreign int
	leaked                            int // keys of codes that ran; no fault of the digits
	where                             int // position in what was heard of the first one; -1 for none
}

func (f faults) none() bool { return f.lost+f.doubled+f.reordered+f.foreign == 0 }

func (f *faults) add(other faults) {
	f.lost += other.lost
	f.doubled += other.doubled
	f.reordered += other.reordered
	f.foreign += other.foreign
	f.leaked += other.leaked
}

// What a difference costs: the way with the fewest faults through both is taken.
const (
	faultCost = 10
	leakCost  = 1
)

// skipped is what it costs when a token is not heard.
func (t token) skipped() int {
	if t.kind == must {
		return faultCost
	}
	return 0
}

// heardCost is what it costs when it is.
func (t token) heardCost() int {
	if t.kind == leak {
		return leakCost
	}
	return 0
}

// compare finds the faults.
func compare(want []token, heard string) faults {
	// cost[i][j] is that of want from i on against heard from j on.
	cost := make([][]int, len(want)+1)
	for i := range cost {
		cost[i] = make([]int, len(heard)+1)
	}
	for i := len(want); i >= 0; i-- {
		for j := len(heard); j >= 0; j-- {
			if i == len(want) {
				cost[i][j] = (len(heard) - j) * faultCost
				continue
			}
			best := want[i].skipped() + cost[i+1][j]
			if j < len(heard) {
				best = min(best, faultCost+cost[i][j+1])
				if want[i].key == heard[j] {
					best = min(best, want[i].heardCost()+cost[i+1][j+1])
				}
			}
			cost[i][j] = best
		}
	}
	f := faults{where: -1}
	lost := map[byte]int{}
	var extra []int // positions in heard
	for i, j := 0, 0; i < len(want) || j < len(heard); {
		switch {
		case i < len(want) && j < len(heard) && want[i].key == heard[j] && cost[i][j] == want[i].heardCost()+cost[i+1][j+1]:
			if want[i].kind == leak {
				f.leaked++
			}
			i, j = i+1, j+1
		case i < len(want) && cost[i][j] == want[i].skipped()+cost[i+1][j]:
			if want[i].kind == must {
				lost[want[i].key]++
				f.lost++
				f.first(j)
			}
			i++
		default:
			extra = append(extra, j)
			f.first(j)
			j++
		}
	}
	for _, j := range extra {
		switch key := heard[j]; {
		case lost[key] > 0: // it is there, elsewhere
			lost[key]--
			f.lost--
			f.reordered++
		case j > 0 && heard[j-1] == key || j+1 < len(heard) && heard[j+1] == key:
			f.doubled++
		default:
			f.foreign++
		}
	}
	return f
}

func (f *faults) first(at int) {
	if f.where < 0 {
		f.where = at
	}
}
