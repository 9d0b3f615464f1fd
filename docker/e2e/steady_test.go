package e2e

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// What a machine may do in a test that compares keys and times: let this process, the phones', wait so long for its turn at
// once, and let somebody wait in so great a part of the time. Else several packets come at once, in which Asterisk loses
// digits, or tells one of them twice that nobody can tell from two.
const (
	stall    = 25 * time.Millisecond
	pressure = 0.4
)

// steadyTries is how often such a test is tried on a machine with much else to do, and steadyTime for how long at most another
// try begins.
const (
	steadyTries = 10
	steadyTime  = 2 * time.Minute
)

// steadily does something that depends on times, and again where it went wrong while the machine was not steady. What goes
// wrong on a steady machine is wrong. Each try sees its own events alone.
func (l *lab) steadily(what string, try func() error) {
	l.Helper()
	var err error
	first := time.Now()
	for range steadyTries {
		l.start = l.lastRead()
		began, waited, stood := time.Now(), waits(), standstill(l.ctx)
		err = try()
		longest, part := stood(), float64(waits()-waited)/float64(time.Since(began))
		if err == nil {
			return
		}
		if longest <= stall && part <= pressure || time.Since(first) > steadyTime {
			break
		}
		l.Logf("%s: once more, since the machine stood still for %s, and somebody waited for it in %.0f%% of the time: %v",
			what, longest.Round(time.Millisecond), 100*part, err)
	}
	l.Errorf("%s: %v", what, err)
}

// waits is for how long somebody on this machine was ready to run and did not; 0 where the system does not count it.
func waits() time.Duration {
	raw, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	some, _, _ := strings.Cut(string(raw), "\n")
	µs, _ := strconv.ParseInt(some[strings.LastIndexByte(some, '=')+1:], 10, 64)
	return time.Duration(µs) * time.Microsecond
}

// standstill looks how long the machine lets this process wait for its turn, and tells the longest time when it is asked.
func standstill(ctx context.Context) (longest func() time.Duration) {
	ctx, stop := context.WithCancel(ctx)
	told := make(chan time.Duration, 1)
	go func() {
		const step = 5 * time.Millisecond
		ticker := time.NewTicker(step)
		defer ticker.Stop()
		longest, last := time.Duration(0), time.Now()
		for {
			select {
			case <-ticker.C:
				longest, last = max(longest, time.Since(last)-step), time.Now()
			case <-ctx.Done():
				told <- max(longest, time.Since(last)-step)
				return
			}
		}
	}()
	return func() time.Duration {
		stop()
		return <-told
	}
}
