package calls

import (
	"context"
	"slices"
	"sync"
	"time"
)

// hurryTime is how long HandBack waits for pauses in what is typed.
const hurryTime = 2 * time.Second

// HandBack ends the codes of all calls before the process stops: from then on keys are between the parties alone, since
// Asterisk would go on keeping from the others what was kept from them last. What waits and is no code yet is relayed. It
// returns when that is done in every call, or with ctx's error; in the calls that are left then some key may be lost. Calls
// still begin and end, actions go on.
func (cs *Registry) HandBack(ctx context.Context) error {
	var calls []*Call
	cs.mu.Lock()
	cs.handing.Store(true)
	for c := range cs.live {
		calls = append(calls, c)
	}
	cs.mu.Unlock()
	var open sync.WaitGroup
	for _, c := range calls {
		open.Add(1)
		if !c.mail.put(handBack{open.Done}) {
			open.Done()
		}
	}
	done := make(chan struct{})
	go func() {
		open.Wait()
		close(done)
	}()
	hurry := time.After(hurryTime)
	for {
		select {
		case <-done:
			return nil
		case <-hurry:
			for _, c := range calls {
				c.mail.put(hurryUp{})
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handBack: the codes of the call end.
func (c *Call) handBack(done func()) {
	c.handed = done
	c.stamp = c.clock.now().Add(-c.offset)
	for _, leg := range c.Legs {
		leg.keypad.Close()
	}
}

// tellHanded says so when every leg's keys pass again.
func (c *Call) tellHanded() {
	if c.handed == nil || slices.ContainsFunc(c.Legs, c.kept) {
		return
	}
	c.handed()
	c.handed = nil
}

// kept says of a leg that its keys do not pass yet.
func (c *Call) kept(leg *Leg) bool {
	return leg.bridged && (leg.keypad.Absorb() || leg.asked || leg.unknown || leg.turning)
}

// handBack and hurryUp: the process is about to stop; and it waits no longer for a pause.
type (
	handBack struct{ done func() }
	hurryUp  struct{}
)

func (handBack) event() {}
func (hurryUp) event()  {}
