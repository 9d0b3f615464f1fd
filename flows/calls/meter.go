package calls

import (
	"time"

	"metaflows/flows"
)

// Meter is told of what is counted, for measurements. Its methods are called on the calls' goroutines: they must not block
// and not allocate.
type Meter interface {
	// Call: a call begins here, also one that a process before this one has left.
	Call()
	// Digit: Asterisk has told of a key. Which one is nobody's business.
	Digit()
	// Decided: a code's flow begins, so long after its last key has arrived. By says what decided it.
	Decided(by flows.Decision, after time.Duration)
	// Ended: a module's run has ended, with continue, stop, branch or failed.
	Ended(module, result string)
}

// noMeter is where nobody counts.
type noMeter struct{}

func (noMeter) Call()                                 {}
func (noMeter) Digit()                                {}
func (noMeter) Decided(flows.Decision, time.Duration) {}
func (noMeter) Ended(string, string)                  {}

// Load is what the process has to do at a moment.
type Load struct {
	Calls   int
	Legs    int // on all calls
	Waiting int // events that calls have not taken yet
	Longest int // of them, those of the call that has most
}

// Load looks at all calls; it costs a lock of each call's mailbox for a moment.
func (cs *Registry) Load() Load {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	l := Load{Calls: len(cs.live), Legs: int(cs.legs.Load())}
	for c := range cs.live {
		n := c.mail.depth()
		l.Waiting, l.Longest = l.Waiting+n, max(l.Longest, n)
	}
	return l
}

// tally tells the process how many legs the call has.
func (c *Call) tally() {
	n := len(c.Legs)
	c.calls.legs.Add(int64(n - c.tallied))
	c.tallied = n
}
