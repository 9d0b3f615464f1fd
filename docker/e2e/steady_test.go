package e2e

import (
	"context"
	"time"
)

// stall is how long a machine may let a process wait for its turn in a test that compares keys and times. Where it was
// longer, phones, Asterisk and metaflows get several packets at once, in which Asterisk loses digits, or tells one of them
// twice that nobody can tell from two.
const stall = 25 * time.Millisecond

// steadyTries is how often such a test is tried on a machine with much else to do.
const steadyTries = 6

// steadily does something that depends on times, and again where it went wrong while the machine stood still. What goes wrong
// on a steady machine is wrong. Each try sees its own events alone.
func (l *lab) steadily(what string, try func() error) {
	l.Helper()
	var err error
	for range steadyTries {
		l.start = l.lastRead()
		stood := standstill(l.ctx)
		err = try()
		longest := stood()
		if err == nil {
			return
		}
		if longest <= stall {
			break
		}
		l.Logf("%s: once more, since the machine stood still for %s: %v", what, longest.Round(time.Millisecond), err)
	}
	l.Errorf("%s: %v", what, err)
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
