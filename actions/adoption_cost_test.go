package actions_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"metaflows/actions/pbxtest"
	"metaflows/docker/growtest"
)

// adoption lets a process take up so many calls that talk, which another has left, and says how many requests that took, and how
// long.
func adoption(tb testing.TB, n int) (requests int, took time.Duration) {
	tb.Helper()
	pbx := pbxtest.New()
	defer pbx.Close()
	before := newProcess(tb, pbx)
	before.talk(tb, pbx, n)
	pbx.Detach()
	if err := before.calls.Shutdown(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	pbx.Attach()
	p := newProcess(tb, pbx)
	sent, began := pbx.Sent(), time.Now()
	inv, err := pbx.Inventory(p.calls.Has)
	if err != nil {
		tb.Fatal(err)
	}
	<-p.calls.Connected(inv)
	took = time.Since(began)
	quiet(tb, pbx)
	if p.calls.Len() != n {
		tb.Fatal(p.calls.Len(), "calls of ", n)
	}
	requests = pbx.Sent() - sent
	pbx.Detach()
	if err := p.calls.Shutdown(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return requests, took
}

// What Asterisk is asked at a restart grows with the calls that there are.
func TestAdoptionGrows(t *testing.T) {
	growtest.Linear(t, "requests when calls are taken up", 25, func(n int) int64 {
		requests, _ := adoption(t, n)
		return int64(max(requests, n))
	})
}

// BenchmarkAdoption is a restart beside so many calls that talk: until each is a call of the new process. The telephone system
// in memory, which answers after 0.3 ms, takes its part of the processor. METAFLOWS_BENCH_CALLS says how many, at most.
func BenchmarkAdoption(b *testing.B) {
	most, _ := strconv.Atoi(os.Getenv("METAFLOWS_BENCH_CALLS"))
	for _, n := range []int{250, max(most, 1000)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all time.Duration
			requests := 0
			for b.Loop() {
				sent, took := adoption(b, n)
				requests, all = requests+sent, all+took
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(all.Seconds()/float64(b.N), "s")
			b.ReportMetric(float64(requests)/float64(b.N)/float64(n), "requests/call")
		})
	}
}
