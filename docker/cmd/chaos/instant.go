package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// instant is when the kill comes: some time after the begin, or around a press.
type instant struct {
	after time.Duration // or earlier, if that press begins earlier
	press int           // 0 for any time
	past  time.Duration
}

// latest is how late a kill comes at most.
const latest = 3 * time.Second

// newInstant is at any time in one of three cases, else around a press: there the most is going on.
func newInstant(r *rand.Rand) instant {
	i := instant{after: between(r, 0, int(latest/time.Millisecond))}
	if r.IntN(3) > 0 {
		i = instant{after: between(r, 1500, 3000), press: 1 + r.IntN(4), past: between(r, 0, 1500)}
		if r.IntN(2) == 0 {
			i.past = between(r, 100, 500) // the end of a short code
		}
	}
	return i
}

// restartAfter is the time from the kill to the new start, mostly a short one.
func restartAfter(r *rand.Rand) time.Duration {
	x := r.Float64()
	return time.Duration(x * x * x * 4500 * float64(time.Millisecond)).Round(time.Millisecond)
}

// wait returns at the instant and tells it.
func (i instant) wait(ctx context.Context, pressing <-chan struct{}) string {
	began, timer := time.Now(), time.NewTimer(i.after)
	defer timer.Stop()
	for presses := 0; ; {
		select {
		case <-pressing:
			if presses++; i.press > 0 && presses == i.press {
				timer.Reset(min(i.past, latest-time.Since(began)))
			}
		case <-timer.C:
			return fmt.Sprintf("after %s and %d presses", time.Since(began).Round(time.Millisecond), presses)
		case <-ctx.Done():
			return "at the end"
		}
	}
}
