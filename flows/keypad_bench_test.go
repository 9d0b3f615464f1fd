package flows

import (
	"testing"
	"time"
)

// quietReport hears and forgets.
type quietReport struct{ matched int }

func (*quietReport) Armed(*Collector)                       {}
func (q *quietReport) Matched(*Collector, *Match, Decision) { q.matched++ }
func (*quietReport) Unmatched(*Collector, int)              {}
func (*quietReport) Awaited(string, int)                    {}

// BenchmarkKeypad is one digit on its way through the keypad of a leg that two owners listen to, each with 20 numbers and
// 5 patterns. Goal: 1 us, nothing allocated.
func BenchmarkKeypad(b *testing.B) {
	for _, c := range []struct{ name, keys string }{
		{"unarmed", "5"},
		{"armed", "*2123456712345671234567123456712345671234"},
		{"dead", "*5"},
	} {
		b.Run(c.name, func(b *testing.B) {
			eff := Merge(Settings{}, benchDocument(b), nil, nil)
			source := func() *Effective { return eff }
			k := NewKeypad(&quietReport{}, true)
			k.Listen([]*Collector{{Source: source, Self: true}, {Source: source}})
			at := padEpoch
			press := func(i int) {
				if i == 0 {
					k.Drop()
				}
				at = at.Add(time.Millisecond)
				k.Press(c.keys[i], i > 0, at, at)
				if k.Relay() != "" {
					k.Relayed()
				}
			}
			for i := range len(c.keys) { // the first sequence makes what all others use
				press(i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				press(i)
				i = (i + 1) % len(c.keys)
			}
		})
	}
}

// TestDigitAllocates: a digit that is no end of a code allocates nothing, armed or not.
func TestDigitAllocates(t *testing.T) {
	eff := Merge(Settings{}, benchDocument(t), nil, nil)
	k := NewKeypad(&quietReport{}, true)
	k.Listen([]*Collector{{Source: func() *Effective { return eff }, Self: true}})
	press := func(keys string) {
		for i := range len(keys) {
			k.Press(keys[i], i > 0, padEpoch, padEpoch)
		}
	}
	press("*2123*")
	k.Drop()
	if n := testing.AllocsPerRun(100, func() { press("*2123"); k.Drop() }); n != 0 {
		t.Errorf("five digits of a code allocate %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { press("2123") }); n != 0 {
		t.Errorf("four plain digits allocate %v times", n)
	}
}
