package calls

import (
	"fmt"
	"log/slog"
	"testing"

	"metaflows/docker/growtest"
)

// What it costs to hand over an event does not grow with the calls that there are.
func TestDispatchGrows(t *testing.T) {
	ev := Event(StateChanged{Channel: "x", State: "Up"})
	growtest.Linear(t, "events handed over to calls", 1000, func(n int) int64 {
		registry := New(Config{Log: slog.New(slog.DiscardHandler)})
		var few []*Call // that are handed all of them, so that they are as near to the processor beside many as beside few
		for i := range n {
			c := registry.newCall(fmt.Sprint(i))
			registry.register(fmt.Sprint("channel-", i), c)
			if few = append(few, c); len(few) > 100 {
				few = few[:100]
			}
		}
		channels := make([]string, len(few))
		for i, c := range few {
			channels[i] = "channel-" + c.ID
		}
		return growtest.CPU(func() {
			for i := range 200 * n { // some 20 ms: of less, what else the process does is too great a part
				registry.Deliver(channels[i%100], ev)
				if i%1000 == 999 {
					for _, c := range few {
						c.mail.list()
					}
				}
			}
		})
	})
}
