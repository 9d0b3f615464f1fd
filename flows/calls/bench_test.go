package calls

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkDeliver is the hand-over of one event to its call, with 10, 1,000 and 5,000 calls of two legs. Goal: flat, 2 us.
// The calls take what they are given beside it.
func BenchmarkDeliver(b *testing.B) {
	for _, n := range []int{10, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var got atomic.Int64
			var ready sync.WaitGroup
			ready.Add(n)
			calls := New(Config{Log: slog.New(slog.DiscardHandler), Enter: func(task *Task, started Started) error {
				task.Call.Register("peer-" + started.Channel.ID)
				ready.Done()
				return task.Await(func(ev Event) bool {
					if _, left := ev.(Left); left {
						return true
					}
					got.Add(1)
					return false
				})
			}})
			ids := make([]string, n)
			for i := range ids {
				id := fmt.Sprint("channel-", i)
				calls.Deliver(id, Started{Channel: Channel{ID: id}})
				if ids[i] = id; i%2 == 1 {
					ids[i] = "peer-" + id
				}
			}
			ready.Wait()
			ev := Event(StateChanged{Channel: "x", State: "Up"})
			b.ReportAllocs()
			i, sent := 0, int64(0)
			for b.Loop() {
				calls.Deliver(ids[i], ev)
				i, sent = (i+1)%n, sent+1
			}
			for i := range n {
				calls.Deliver(fmt.Sprint("channel-", i), Left{})
			}
			calls.running.Wait()
			if got.Load() != sent {
				b.Errorf("%d of %d events arrived", got.Load(), sent)
			}
		})
	}
}
