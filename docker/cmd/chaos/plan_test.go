package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A seed gives the same calls and instants again, and not all of them are alike.
func TestSeed(t *testing.T) {
	random := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
	seen := map[string]bool{}
	for seed := range uint64(500) {
		one, other := random(seed), random(seed)
		plan := newPlan(one)
		if again := newPlan(other); again.String() != plan.String() {
			t.Fatalf("seed %d: %s, and then %s", seed, plan, again)
		}
		for n, s := range plan.steps {
			seen[s.what] = true
			if last := n == len(plan.steps)-1; (s.what == "transfer" || s.what == "hangup") && !last {
				t.Errorf("%s: somebody presses after he has gone", plan)
			}
		}
		seen["several"] = seen["several"] || plan.several
		seen["g"] = seen["g"] || plan.goes
		for _, a := range []answer{plan.callee, plan.second, plan.target} {
			seen[a.how] = true
		}
		at, same := newInstant(one), newInstant(other)
		if at != same || at.after > latest {
			t.Errorf("seed %d: the kill comes at %v, and then at %v", seed, at, same)
		}
		if d := restartAfter(one); d < 0 || d >= 5*time.Second {
			t.Errorf("seed %d: started %s after the kill", seed, d)
		}
	}
	for _, what := range []string{"record", "transfer", "hangup", "half", "digits", "several", "g", "answers", "busy", "silent"} {
		if !seen[what] {
			t.Errorf("no plan has: %s", what)
		}
	}
}

// A call's codes can begin half as many recordings, rounded up.
func TestRecordings(t *testing.T) {
	for n, want := range []int{0, 1, 1, 2} {
		s := &scene{codes: append([]string{"half"}, []string{"record", "record", "record"}[:n]...)}
		if got := s.recordings(); got != want {
			t.Errorf("%d codes: %d recordings, want %d", n, got, want)
		}
	}
}

// Phones' tones are told from each other and from what else is heard.
func TestFrequencies(t *testing.T) {
	if len(frequencies) != mostCalls*int(roles) {
		t.Fatalf("%d tones for %d phones", len(frequencies), mostCalls*int(roles))
	}
	for i, one := range frequencies {
		for _, other := range append([]float64{afterTone, 1000, 400, 440, 480, 523, 330}, frequencies[i+1:]...) {
			if math.Abs(one-other) < 40 {
				t.Errorf("%g and %g Hz", one, other)
			}
		}
	}
}
