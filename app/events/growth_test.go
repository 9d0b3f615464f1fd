package events

import (
	"testing"
	"time"

	"metaflows/docker/growtest"
)

// What it costs to publish events grows with them, also where each is of another call.
func TestPublishingGrows(t *testing.T) {
	growtest.Linear(t, "events published", 60, func(calls int) int64 {
		b := embedded(t)
		p := start(t, b, 0)
		return growtest.Allocated(func() {
			day(t, p, 0, calls)
			until(t, time.Minute, "all are published", func() bool { return p.Published() >= int64(calls*8) })
		})
	})
}
