package events

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// BenchmarkStream is from Publish to the stream's word that it has the event, with the embedded server: calls of some
// accounts, all at once.
func BenchmarkStream(b *testing.B) {
	for _, bb := range []struct{ accounts, calls int }{{1, 1}, {1, 500}, {50, 500}} {
		b.Run(fmt.Sprintf("%d accounts, %d calls", bb.accounts, bb.calls), func(b *testing.B) {
			broker := embedded(b)
			p := New(Config{Conn: broker.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 512 << 20})
			defer func() { _ = p.Close(b.Context()) }()
			for p.Err() != nil {
				time.Sleep(time.Millisecond)
			}
			before := p.Published()
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				call := n % bb.calls
				for p.Backlog() > 20000 {
					time.Sleep(100 * time.Microsecond)
				}
				p.Publish(calls.Notice{
					Type: "code.matched", ID: fmt.Sprint(n), Account: fmt.Sprint("a", call%bb.accounts), Call: fmt.Sprint("c", call), Digits: 1, Time: time.Unix(1, 0),
				})
			}
			for p.Published()-before < int64(b.N) {
				runtime.Gosched()
				time.Sleep(100 * time.Microsecond)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
