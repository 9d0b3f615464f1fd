package actions_test

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/actions/pbxtest"
	"metaflows/flows"
	"metaflows/flows/calls"
)

// answers counts the calls that were answered.
type answers struct{ atomic.Int64 }

func (a *answers) Publish(n calls.Notice) {
	if n.Type == "call.answered" {
		a.Add(1)
	}
}

// used is what the process has in use, after all that can be given back was.
func used() (bytes uint64, goroutines int) {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
}

// process is a process with calls on a telephone system in memory.
type process struct {
	line     struct{ actions.PBX }
	calls    *calls.Registry
	answered answers
}

func newProcess(tb testing.TB, pbx *pbxtest.PBX) *process {
	tb.Helper()
	p := &process{}
	p.line.PBX = pbx
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1})) // says nothing, and is as large as one that does
	set := actions.New(actions.Config{PBX: &p.line, Log: log})
	doc, err := flows.ParseDocument([]byte(`{"numbers":{"1":{"module":"hold"},"9":{"module":"record_call"}},"patterns":{"2(\\d+)":{"module":"transfer"}}}`))
	if err != nil {
		tb.Fatal(err)
	}
	codes := flows.Merge(flows.Settings{BindingDigit: '*', DigitTimeout: time.Second}, doc, nil, nil)
	p.calls = calls.New(calls.Config{
		Line: &p.line, Publisher: &p.answered, Modules: set.Modules(), Log: log, Absorb: true,
		Effective: func(flows.Owner) *flows.Effective { return codes },
		Enter:     set.Enter, Failed: set.Failed, Adopt: set.Adopt, Stray: set.Stray, Return: set.Return, Replaced: set.Replaced, Save: set.Save, Bring: set.Bring,
	})
	pbx.Listen(p.calls)
	return p
}

// talk lets so many calls of two phones be dialled and answered.
func (p *process) talk(tb testing.TB, pbx *pbxtest.PBX, n int) {
	tb.Helper()
	pbx.Behave("bob", pbxtest.Answers(time.Millisecond))
	for i := range n {
		pbx.Call("alice", "1002", nil, "dial", "PJSIP/bob", "30")
		until(tb, "all but 200 are answered", func() bool { return int64(i)-p.answered.Load() <= 200 })
	}
	until(tb, "all are answered", func() bool { return p.answered.Load() >= int64(n) })
	quiet(tb, pbx)
	if p.calls.Len() != n {
		tb.Fatal(p.calls.Len(), "calls")
	}
}

// until waits for what other goroutines do.
func until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatal("not within a minute:", what)
		}
	}
}

// quiet waits until nothing has been asked for a while.
func quiet(tb testing.TB, pbx *pbxtest.PBX) {
	tb.Helper()
	sent, since := pbx.Sent(), time.Now()
	until(tb, "nothing is asked", func() bool {
		if now := pbx.Sent(); now != sent {
			sent, since = now, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	})
}

// BenchmarkCallMemory is what each of so many calls that talk holds: heap and stacks, and goroutines. The telephone system is
// gone by then: what is left is the calls'. METAFLOWS_BENCH_CALLS says how many, at most.
func BenchmarkCallMemory(b *testing.B) {
	most, _ := strconv.Atoi(os.Getenv("METAFLOWS_BENCH_CALLS"))
	for _, n := range []int{1000, max(most, 4000)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				before, goroutines := used()
				pbx := pbxtest.New()
				p := newProcess(b, pbx)
				p.talk(b, pbx, n)
				pbx.Listen(nil)
				pbx.Close()
				pbx, p.line.PBX = nil, nil
				bytes, now := used()
				b.ReportMetric(float64(bytes-before)/float64(n)/1024, "KiB/call")
				b.ReportMetric(float64(now-goroutines)/float64(n), "goroutines/call")
				if err := p.calls.Shutdown(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
