package calls

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// errRefused is how the wait of a call's entry ends that is given up.
var errRefused = fmt.Errorf("ARI refuses all requests: %w", ErrUnavailable)

// GiveUp ends the dialling of every call that nobody has answered, since no request of ours will be obeyed any more: what
// the entry's task waits for fails with ErrUnavailable, so that it gives its caller back to the dialplan. It returns how many
// calls have ended so, when they have, or with ctx's error. Other calls go on.
func (cs *Registry) GiveUp(ctx context.Context) (int, error) {
	type given struct {
		call *Call
		goes chan struct{} // closed where the call goes on
	}
	var all []given
	cs.mu.Lock()
	calls := slices.Collect(maps.Keys(cs.live))
	cs.mu.Unlock()
	for _, c := range calls {
		g := given{c, make(chan struct{})}
		if c.mail.put(giveUp{func() { close(g.goes) }}) {
			all = append(all, g)
		}
	}
	ended := 0
	for _, g := range all {
		select {
		case <-g.goes:
		case <-g.call.done:
			ended++
		case <-ctx.Done():
			return ended, ctx.Err()
		}
	}
	return ended, nil
}

// giveUp: nobody will answer the call; not is called when somebody has.
type giveUp struct{ not func() }

func (giveUp) event() {}

// refuse ends the wait of the first task of a call that is given up, and says whether it has done something. An answer that it
// waits for comes: what was asked for must not be left behind.
func (c *Call) refuse() bool {
	switch main := c.main; {
	case c.up:
		refusals := c.refusals
		c.refusals, c.givenUp = nil, false
		for _, refusal := range refusals {
			refusal.not()
		}
		return len(refusals) > 0
	case c.givenUp && (main.want != nil || main.until != nil) && main.asked == nil:
		main.step(errRefused)
		return true
	}
	return false
}
