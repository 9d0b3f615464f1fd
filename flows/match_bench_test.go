package flows

import (
	"fmt"
	"testing"
)

// benchDocument has 20 numbers and 5 patterns, all of which go on at 2.
func benchDocument(t testing.TB) *Document {
	var numbers []string
	for i := range 20 {
		numbers = append(numbers, fmt.Sprint(100+i*37))
	}
	return docOf(t, numbers, `2(\d+)`, `2(\d{3})#`, `^2(\d*)\*(\d*)$`, `(?:1|2|3)([0-9*]+)\b`, `2[0-8]+(#|\*)?`)
}

// BenchmarkPress is one digit with 20 numbers and 5 patterns (a code acts at the key press: goal 1 µs, 0 allocations).
func BenchmarkPress(b *testing.B) {
	for _, search := range []string{"start", "anywhere"} {
		b.Run(search, func(b *testing.B) {
			e := Merge(Settings{SearchAnywhere: search == "anywhere"}, benchDocument(b), nil, nil)
			var r Run
			e.Start(&r)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if r.Len() == 8 {
					e.Start(&r)
				}
				r.Press("21234567"[i&7])
			}
		})
	}
}

func BenchmarkStart(b *testing.B) {
	e := Merge(Settings{}, benchDocument(b), nil, nil)
	var r Run
	b.ReportAllocs()
	for b.Loop() {
		e.Start(&r)
	}
}

func BenchmarkBest(b *testing.B) {
	e := Merge(Settings{}, benchDocument(b), nil, nil)
	var r Run
	e.Start(&r)
	for _, key := range []byte("2123") {
		r.Press(key)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Best()
	}
}

// BenchmarkHostile is one key against patterns of 2,000 instructions in all, most of them alive.
func BenchmarkHostile(b *testing.B) {
	for _, pattern := range []string{`(?:\d?){60}(?:\b\d?){500}`, `(?:(\d)?\b){330}`} {
		b.Run(pattern, func(b *testing.B) {
			e := Merge(Settings{}, docOf(b, nil, pattern), nil, nil)
			var r Run
			e.Start(&r)
			b.ReportAllocs()
			for b.Loop() {
				if r.Len() == 8 {
					e.Start(&r)
				}
				r.Press('1')
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	account, user, device := benchDocument(b), docOf(b, []string{"100", "5"}, `7(\d+)`), docOf(b, []string{"6"})
	b.ReportAllocs()
	for b.Loop() {
		Merge(Settings{}, account, user, device)
	}
}

func BenchmarkParseDocument(b *testing.B) {
	raw := benchDocument(b).Raw
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseDocument(raw); err != nil {
			b.Fatal(err)
		}
	}
}
