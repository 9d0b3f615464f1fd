package flows

import "time"

// maxKeys is the longest sequence: its last key ends it (flows/README.md, Keys in special places).
const maxKeys = 64

// relayBatch is how many digits go into one relay: it blocks the receiving leg for 100 + n*200 ms
// (ari/ASTERISK.md, Absorb and relay).
const relayBatch = 4

// Decision says what decided a sequence: the digit itself, # , the binding digit, the timeout, or the limit of 64 keys.
type Decision string

// The decisions.
const (
	ByDigit   Decision = "digit"
	ByHash    Decision = "hash"
	ByBinding Decision = "binding"
	ByTimeout Decision = "timeout"
	ByLimit   Decision = "limit"
)

// KeypadReport hears what a keypad concludes. It is called from within Press, Expire and Drop and must not call back.
type KeypadReport interface {
	// Armed: the binding digit was pressed.
	Armed(c *Collector)
	// Matched: keys were a code. They are swallowed.
	Matched(c *Collector, m *Match, by Decision)
	// Unmatched: so many keys after the binding digit were no code.
	Unmatched(c *Collector, keys int)
	// Awaited: keys that were awaited were pressed (Await), by whoever has awaited them before first (Pressed) at the latest. The
	// last one is not relayed; a temporary code is swallowed.
	Awaited(keys string, first int)
}

// Keypad is the keys of one leg on their way: its collectors look for codes in them, and what was no code is relayed to
// the other legs. It is pure: the caller brings the time and carries out what Absorb, Relay and Deadline ask for.
//
//	         binding digit                     decided, or ended with a match: swallowed
//	unarmed ---------------> armed ------------------------------------------------------> unarmed
//	   ^                       | dead, or ended without a match
//	   |    relay has ended    v
//	   +------------------- draining: what was kept is relayed; a binding digit arms again
type Keypad struct {
	report     KeypadReport
	absorb     bool // mode armed: keys are kept from the others while a collector is armed
	collectors []*Collector
	held       []heldKey // fate undecided: from the first armed collector's binding digit on
	last       heldKey   // the last key, once its fate is settled; none where nobody would hear it
	outbox     []byte    // no code and not heard: to be relayed
	relaying   bool
	closed     bool // nobody listens any more
	gone       int  // how many keys are held no more
	awaited    []string
	since      []int  // of each, Pressed when it began to be
	alone      bool   // no document has a code
	typed      []byte // what was pressed and is no code, while something is awaited
}

// heldKey is one key whose fate is open.
type heldKey struct {
	key       byte
	absorbed  bool // the other party has not heard it
	swallowed bool // part of a code, or the second binding digit
	awaited   bool // it has counted for what is awaited: the other party hears it unless it is kept, and then never
}

// plain says of a key that the other party is to hear it, later if it is kept now.
func (h heldKey) plain() bool { return !h.swallowed && !h.awaited }

// NewKeypad makes the keypad of one leg. With absorb false (ABSORB=off) the other party hears everything anyway and
// nothing is ever relayed.
func NewKeypad(report KeypadReport, absorb bool) *Keypad {
	return &Keypad{report: report, absorb: absorb}
}

// Listen sets the collectors, the leg's own first. One that is known keeps its state; one that is left out is forgotten.
func (k *Keypad) Listen(collectors []*Collector) {
	k.collectors = collectors
	k.release()
}

// Press takes a key that was down from began until at. absorbed says that it began while the leg's keys were kept from the
// other party.
func (k *Keypad) Press(key byte, absorbed bool, began, at time.Time) {
	k.Expire(at)
	for _, c := range k.collectors {
		if c.resume(began, at) {
			c.from = len(k.held) - 1 // no key has come since its binding digit
		}
	}
	k.held = append(k.held, heldKey{key: key, absorbed: absorbed && k.absorb})
	if len(k.awaited) == 0 || k.firstDue() != nil || !k.give(true) {
		k.offer(len(k.held)-1, at)
	}
	k.release()
}

// Correct says of the last key whether it was kept from the other party after all. Once it was relayed that is too late.
func (k *Keypad) Correct(absorbed bool) {
	absorbed = absorbed && k.absorb
	if n := len(k.held); n > 0 {
		k.held[n-1].absorbed = absorbed
		return
	}
	if k.last == (heldKey{}) || k.last.absorbed == absorbed {
		return
	}
	switch n := len(k.outbox); {
	case !k.last.plain():
	case absorbed:
		k.outbox = append(k.outbox, k.last.key)
	case n > 0: // it is the last of them
		k.outbox = k.outbox[:n-1]
	default:
		return
	}
	k.last.absorbed = absorbed
}

// Swallowed says of the last key that it is part of a code, or its end: the others are not to hear it.
func (k *Keypad) Swallowed() bool { return k.absorb && len(k.held) == 0 && k.last.swallowed }

// Expire ends every sequence whose time was over at now, as if its timer had come in time.
func (k *Keypad) Expire(now time.Time) {
	for {
		c := k.firstDue()
		if c == nil || c.deadline.After(now) {
			return
		}
		matched := k.finish(c, ByTimeout, true)
		c.lapsed = !matched && c.run.Len() == 0
		k.release()
	}
}

// Deadline is when Expire has something to do; zero when no collector is armed.
func (k *Keypad) Deadline() time.Time {
	if c := k.firstDue(); c != nil {
		return c.deadline
	}
	return time.Time{}
}

// Absorb says whether the leg's keys are to be kept from the others now: while armed or draining.
func (k *Keypad) Absorb() bool {
	return k.absorb && (k.firstDue() != nil || k.relaying || len(k.outbox) > 0)
}

// Relay gives the next digits to be relayed, none while a relay is running. Relayed must follow.
func (k *Keypad) Relay() string {
	if k.relaying || len(k.outbox) == 0 {
		return ""
	}
	n := len(k.outbox)
	if !k.closed { // else there may be no time for another
		n = min(n, relayBatch)
	}
	digits := string(k.outbox[:n])
	k.outbox = append(k.outbox[:0], k.outbox[n:]...)
	k.relaying = true
	return digits
}

// Relayed says that the last relay has ended, well or not.
func (k *Keypad) Relayed() { k.relaying = false }

// Forget gives up what was to be relayed, also of sequences that are still open: whom it was meant for is not there any
// more. What is a code remains one.
func (k *Keypad) Forget() {
	k.outbox, k.last = k.outbox[:0], heldKey{}
	for i := range k.held {
		k.held[i].absorbed = false
	}
}

// Drop disarms everything and forgets what was to be relayed: the leg hangs up or is transferred.
func (k *Keypad) Drop() {
	for _, c := range k.collectors {
		c.armed, c.lapsed = false, false
	}
	k.gone += len(k.held)
	k.held, k.outbox, k.last, k.typed = k.held[:0], k.outbox[:0], heldKey{}, k.typed[:0]
}

// Close ends every sequence for good, as no code: what was kept from the others, and what is pressed until they hear the
// leg again, is to be relayed.
func (k *Keypad) Close() {
	for _, c := range k.collectors {
		if c.armed && c.run.Len() > 0 {
			k.report.Unmatched(c, c.run.Len())
		}
		c.armed, c.lapsed = false, false
	}
	k.Await(nil, nil, false)
	k.closed = true
	k.Listen(nil)
}

// Closed says whether nobody listens any more.
func (k *Keypad) Closed() bool { return k.closed }

// firstDue is the armed collector whose time is over first.
func (k *Keypad) firstDue() *Collector {
	var first *Collector
	for _, c := range k.collectors {
		if c.armed && (first == nil || c.deadline.Before(first.deadline)) {
			first = c
		}
	}
	return first
}

// offer shows held key i to the collectors in order; the first that is decided takes its keys and disarms the others.
func (k *Keypad) offer(i int, at time.Time) {
	for _, c := range k.collectors {
		if !c.armed {
			if c.arm(k.held[i].key, i, at, k.awaited, k.alone) {
				k.report.Armed(c)
			}
			continue
		}
		ended, by, consumed := c.feed(k.held[i].key, at)
		switch {
		case !ended: // it goes on
		case by == byTwice: // ** : what follows is plain
			k.held[i].swallowed = true
			c.armed = false
		case k.finish(c, by, consumed):
			if consumed {
				k.held[i].swallowed = true
			} else {
				k.held[i].swallowed = false // also if it was the second of ** to another
				k.offer(i, at)              // the others are unarmed now, so this ends
			}
			return
		case !consumed && c.arm(k.held[i].key, i, at, k.awaited, k.alone): // *2*9: the second * arms again
			k.report.Armed(c)
		}
	}
}

// finish ends a sequence: with a match its keys are swallowed, every collector is unarmed, and the result is true.
// consumed false: the key that ended it is not among its keys.
func (k *Keypad) finish(c *Collector, by Decision, consumed bool) bool {
	c.armed = false
	keys := c.run.Len()
	m := c.run.Best()
	if m == nil {
		if !consumed && by != ByBinding || by == ByHash {
			keys++ // the key that no code could use
		}
		if keys > 0 { // else the binding digit alone
			k.report.Unmatched(c, keys)
		}
		return false
	}
	for i := max(c.from, 0); i <= c.from+keys && i < len(k.held); i++ {
		k.held[i].swallowed = true
	}
	for _, other := range k.collectors {
		other.armed = false
	}
	if m.Kind == kindAwaited {
		k.report.Awaited(string(c.eff.BindingDigit)+m.Key, k.Pressed()) // whoever awaits it now
	} else {
		k.report.Matched(c, m, by)
	}
	return true
}

// release lets go of the keys that no armed collector can still use: they are plain digits, and those that the other
// party has not heard are to be relayed.
func (k *Keypad) release() {
	n := len(k.held)
	for _, c := range k.collectors {
		if c.armed {
			n = min(n, max(c.from, 0))
		}
	}
	if n > 0 && n == len(k.held) {
		k.give(false)
	}
	for _, h := range k.held[:n] {
		k.letGo(h)
		if h.absorbed && h.plain() {
			k.outbox = append(k.outbox, h.key)
		}
		k.last = h
	}
	k.held = append(k.held[:0], k.held[n:]...)
	k.gone += n
	for _, c := range k.collectors {
		c.from -= n
	}
}
