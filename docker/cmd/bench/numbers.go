package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// times are measured ones, in any order.
type times []time.Duration

// quantile is the smallest time that this part of all does not exceed; 0 when there is none.
func (t times) quantile(part float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[max(0, int(math.Ceil(part*float64(len(sorted))))-1)]
}

func (t times) median() time.Duration { return t.quantile(0.5) }

// milliseconds tells a short time to people.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }
