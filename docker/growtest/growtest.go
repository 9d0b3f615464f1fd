// Package growtest tells in tests whether work grows as it should: with what there is of it, and not with its square.
package growtest

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// most is how much more four times the work may cost. With the square it would be 16 times as much.
const most = 5

// Linear fails a test where work of 4n costs more than five times that of n. The cost is best something that is counted, as
// requests, bytes or allocations are; else CPU is one, of which the least of some tries counts.
func Linear(t testing.TB, what string, n int, cost func(n int) int64) {
	t.Helper()
	const tries = 20 // other work, and the collector, are in some
	var few, many int64
	for range tries {
		few, many = least(few, cost(n)), least(many, cost(4*n))
		if many <= most*few {
			return
		}
	}
	t.Errorf("%s: %d cost %d, and %d cost %d: %.1f times as much", what, n, few, 4*n, many, float64(many)/float64(max(few, 1)))
}

func least(before, now int64) int64 {
	if before == 0 {
		return now
	}
	return min(before, now)
}

// CPU is what work takes of the processors, in nanoseconds, with all that the process does meanwhile.
func CPU(work func()) int64 {
	runtime.GC() // what is left over of other work is not counted
	before := Process()
	work()
	return int64(Process() - before)
}

// Allocated is how many bytes work allocates, with all that the process does meanwhile.
func Allocated(work func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// Process is what the process has had of the processors.
func Process() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
