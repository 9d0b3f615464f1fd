package flows

import "time"

// byTwice: the binding digit twice. It is no decision, nothing runs.
const byTwice Decision = "twice"

// Collector looks in one leg's keys for the codes of one owner. It is armed or not; the digits' way to the other party is
// the Keypad's. The documents are taken when the binding digit is pressed and kept until the sequence has ended.
type Collector struct {
	// Source gives the owner's documents as they are now; nil or empty for none. It is called at every key.
	Source func() *Effective
	// Self says that the keys are the owner's own, else they are of another leg of the call (listen_on).
	Self bool

	armed    bool
	lapsed   bool // its time was over with nothing collected, and no key was released since
	from     int  // index of its binding digit among the keypad's held keys; -1: that is not held any more
	eff      *Effective
	run      *Run // of the sequence that was collected last; nil before the first
	deadline time.Time
}

// Effective is the documents of the sequence that was collected last.
func (c *Collector) Effective() *Effective { return c.eff }

// Collected is the digits of the sequence that was collected last.
func (c *Collector) Collected() string { return string(c.run.Keys()) }

// arm starts a sequence if key is the binding digit of an owner that listens, or of whom codes are awaited; alone: of these only.
func (c *Collector) arm(key byte, from int, at time.Time, awaited []string, alone bool) bool {
	eff := c.Source()
	if eff == nil || key != eff.BindingDigit { // as most keys: they cost no more
		return false
	}
	looks := c.Looks(eff)
	if !looks && !c.Self {
		return false
	}
	alone = alone || !looks
	if codes := temporary(awaited, key); codes != nil {
		eff = eff.behind(codes, alone)
	} else if alone {
		return false
	}
	c.eff, c.armed, c.from = eff, true, from
	c.deadline = at.Add(eff.DigitTimeout)
	if c.run == nil { // most legs press no code
		c.run = new(Run)
	}
	eff.Start(c.run)
	return true
}

// resume takes a sequence up again whose time was over while its first key was already down: that key is known of when it is
// released, and belongs to the code however long it was held, as with features.conf. It says whether it did.
func (c *Collector) resume(began, at time.Time) bool {
	lapsed := c.lapsed
	c.lapsed = false
	if !lapsed || c.armed || !began.Before(c.deadline) {
		return false
	}
	c.armed, c.deadline = true, at.Add(c.eff.DigitTimeout)
	return true
}

// Looks says whether documents of the owner have codes for these keys (listen_on). They may be nil.
func (c *Collector) Looks(eff *Effective) bool {
	if eff == nil || eff.Empty() {
		return false
	}
	if c.Self {
		return eff.ListenOn != ListenPeer
	}
	return eff.ListenOn != ListenSelf
}

// feed takes a key of an armed sequence. ended says that the sequence is over, and by what; consumed that the key was
// part of it or its end, else it is a key of its own. The order is that of flows/README.md, Keys in special places: a key
// that some number or pattern can still use is collected, * and # too.
func (c *Collector) feed(key byte, at time.Time) (ended bool, by Decision, consumed bool) {
	switch {
	case isKey(key) && c.run.CanUse(key):
		verdict := c.run.Press(key)
		switch {
		case verdict != Open:
			return true, ByDigit, true
		case c.run.Len() >= maxKeys:
			return true, ByLimit, true
		}
		c.deadline = at.Add(c.eff.DigitTimeout)
		return false, "", true
	case key == c.eff.BindingDigit && c.run.Len() == 0:
		return true, byTwice, true
	case key == c.eff.BindingDigit:
		return true, ByBinding, false
	case key == '#':
		return true, ByHash, c.run.Matches()
	default:
		return true, ByDigit, false
	}
}

// isKey tells the keys that can be part of a code; A to D cannot.
func isKey(key byte) bool { return key >= '0' && key <= '9' || key == '*' || key == '#' }
