package main

import (
	"slices"
	"strings"
	"testing"
)

const benchSaid = `goos: linux
goarch: amd64
pkg: metaflows/app/events
cpu: Intel(R) Xeon(R) Processor
BenchmarkStream/1_accounts,_1_calls-2         	   46052	     25980 ns/op	     38491 events/s	    2280 B/op	      30 allocs/op
BenchmarkDeliver/10-2 	 4000000	       301.5 ns/op
--- BENCH: BenchmarkDeliver/10-2
    time=2026-11-30T02:53:28.995Z level=INFO msg="events are published" waiting=2044
BenchmarkSlow-2 	 1	 2500000000 ns/op
BenchmarkMiddle 	 10	 2500000 ns/op
PASS
ok  	metaflows/app/events	1.914s
`

func TestBenchFigures(t *testing.T) {
	got, err := benchFigures(strings.NewReader(benchSaid))
	want := []figure{
		{"Stream/1 accounts, 1 calls", "µs", 25.98, 0}, {"Stream/1 accounts, 1 calls, events in a second", "", 38491, 0},
		{"Deliver/10", "ns", 301.5, 0}, {"Slow", "s", 2.5, 0}, {"Middle", "ms", 2.5, 0},
	}
	if same := func(x, y figure) bool {
		return x.what == y.what && x.unit == y.unit && x.plain == y.plain && max(x.value/y.value, y.value/x.value) < 1.000001
	}; err != nil || !slices.EqualFunc(got, want, same) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
	for _, wrong := range []string{"", "PASS\nok \tmetaflows/flows\t0.1s\n", "BenchmarkX-2 1 fast ns/op\n"} {
		if got, err := benchFigures(strings.NewReader(wrong)); err == nil {
			t.Errorf("%q gives %+v", wrong, got)
		}
	}
}

// A benchmark that fails, or that is not there, gives no figures.
func TestGoBench(t *testing.T) {
	var out strings.Builder
	if got, err := goBench(t.Context(), &out, strings.Fields("go test -run NONE -bench NothingHasThisName ./nowhere")); err == nil || out.Len() == 0 {
		t.Error(got, err, &out)
	}
}
