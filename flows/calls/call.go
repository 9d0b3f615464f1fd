package calls

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"metaflows/flows"
)

// Call is two or more legs, their bridge and the actions running on them. It is one goroutine that owns all of it;
// everything reaches it through its mailbox. Exported fields and methods are for its tasks, which run on that goroutine.
type Call struct {
	ID     string
	Bridge string // the id of its bridge, chosen by us
	Log    *slog.Logger
	// Legs are those on the call now.
	Legs []*Leg

	calls        *Registry
	clock        clock
	epoch        string   // of an adopted call: begins what it names
	entered      []string // channels of this call whose entry into the application is known
	knowing      []string // accounts that were told of the call
	mail         *mailbox
	done         chan struct{} // closed when it has ended in this process
	main         *Task         // that its channels' entry has begun: the call is over when it returns
	all          []*Leg        // also those that have left
	left         []*Leg        // those
	lanes        []*Lane       // those with something under way of what is no leg
	company      []*Leg        // all, those too that were never connected
	tallied      int           // legs that the process knows of
	told         []string      // ids of what was published about the call
	logged       []string      // kinds of its notices of which the log has a line
	ender        *Leg          // whose going has ended the talk
	overdue      bool          // that was since its time was over
	first        func()        // publishes what comes before all else; nil when that was done
	ids          []string
	named        int // how many ids there have been
	tasks        []*Task
	fresh        []*Task
	flows        []*Flow // that run
	matched      []matched
	holders      []*string                // modules that change who is on the call, "" for what takes it up again
	over         error                    // its tasks have been ended; no other begins
	last         []*Leg                   // on the call at that moment: of those its last notices tell
	open         bool                     // answered: collectors work
	up           bool                     // answered
	commands     map[string]*knownCommand // commands by their run
	commandOrder []string
	stamp        time.Time     // of the digit that is looked at
	handed       func()        // called when all keys pass again, before the process stops
	refusals     []giveUp      // who asks for that
	givenUp      bool          // no wait of the first task works any more, but for an answer to what it has asked
	hurried      bool          // that waits for no pause any more
	offset       time.Duration // our clock less Asterisk's

	lost     []Notice        // what has begun the actions that a process before this one has left, and that may go on yet
	noted    map[string]bool // actions of which that has left notes, and whether they were gone on with
	repeated map[string]bool // actions that were
	lasting  []*Kept         // what lasts

	attending []*Attendance
	far       bool     // some leg is or was the far half of a Local channel
	sources   []string // the channels in the bridge, where such a leg is there
	ears      []Found  // that a process before this one has left, and nobody has taken up yet

	shown, sight View // as it was told last; where the next one is made
}

// matched is a code that was found and is to run.
type matched struct {
	owner, presser *Leg
	match          *flows.Match
	stamp          time.Time
	by             flows.Decision
	pressed        time.Time // arrival of its last key
}

// run is the call's goroutine, until its first task has returned.
// shown is called when it has told for the first time how it stands, and whose its legs are.
func (c *Call) run(enter func(*Task) error, shown func()) {
	var rest []Event // that came together with the one that ended it
	shown = sync.OnceFunc(shown)
	defer func() { c.finish(rest); shown() }()
	show := func() {
		if c.show(); !slices.ContainsFunc(c.Legs, func(l *Leg) bool { return l.Asked }) {
			shown()
		}
	}
	main := c.spawn("enter", nil, nil, enter)
	c.main = main
	c.settle()
	show()
	for !main.done {
		events, over := c.mail.take()
		if over {
			c.overrun()
		}
		for n, ev := range events {
			rest = events[n+1:]
			if _, ok := ev.(detach); ok {
				c.endTasks(nil, ErrDetached)
				return
			}
			c.handle(ev)
			c.settle()
			if main.done {
				return
			}
		}
		show()
	}
}

// handle notes an event and shows it to the tasks that await; a key goes to its leg's keypad.
func (c *Call) handle(ev Event) {
	switch ev := ev.(type) {
	case taskTimer:
		if t := ev.task; !t.done && t.tick == ev.tick && (t.want != nil || t.until != nil) {
			t.step(ErrTimeout)
		}
		return
	case keyTimer:
		c.expireKeys(ev.leg, ev.at)
		return
	case carried:
		ev.then(ev.err)
		return
	case execute:
		c.execute(ev)
		return
	case resync:
		c.resync(ev)
		return
	case lostAction:
		c.lostAction(ev.begun)
		return
	case handBack:
		c.handBack(ev.done)
		return
	case giveUp:
		c.refusals, c.givenUp = append(c.refusals, ev), c.over == nil // else it ends already
		return
	case hurryUp:
		c.hurried = true
		return
	case Digit:
		c.calls.cfg.Meter.Digit()
		c.press(ev)
		return
	}
	c.note(ev)
	wanted := c.offer(ev)
	if started, ok := ev.(Started); ok && !wanted && c.leg(started.Channel.ID) == nil {
		c.calls.stray(started)
	}
}

// offer shows an event to the tasks in the order of their start; all that want it get it.
func (c *Call) offer(ev Event) (wanted bool) {
	for _, t := range slices.Clone(c.tasks) {
		if !t.done && t.expecting(ev) {
			wanted = true
		}
		if !t.done && t.want != nil && t.want(ev) {
			wanted = true
			t.step(nil)
		}
	}
	return wanted
}

// note keeps the legs' state up to date.
func (c *Call) note(ev Event) {
	switch ev := ev.(type) {
	case Started:
		c.entered = append(c.entered, ev.Channel.ID)
		if leg := c.leg(ev.Replaces); ev.Replaces != "" && leg != nil {
			c.replace(leg, ev.Channel)
			if replaced := c.calls.cfg.Replaced; replaced != nil {
				c.spawn("replaced", nil, nil, func(t *Task) error { return replaced(t, leg, ev.Replaces) })
			}
		}
	case StateChanged:
		if leg := c.leg(ev.Channel); leg != nil {
			leg.State = ev.State
		}
	case Dialed: // where a leg was redirected to may be told after its end
		if leg := c.known(ev.Channel); leg != nil {
			leg.dialed(ev)
		}
	case Entered:
		switch leg := c.leg(ev.Channel); {
		case leg == nil:
		case ev.Bridge == c.Bridge:
			leg.confirm(ev.Stamp)
		default: // somebody has moved it
			leg.removed = time.Time{}
		}
	case Removed:
		if ev.Bridge == c.Bridge {
			c.tear(ev.Channel, ev.Stamp)
		}
	case SourceChanged:
		c.passOn(ev)
	case Reached:
		if leg := c.leg(ev.Channel); leg != nil {
			leg.Reached = &ev
		}
	case Destroyed:
		for _, leg := range c.all {
			if leg.ID == ev.Channel {
				leg.Cause, leg.TechCause = ev.Cause, ev.TechCause
			}
		}
		c.lose(ev.Channel)
	case Left:
		c.lose(ev.Channel) // its cause comes with Destroyed, right after
	case Lost:
		c.lose(ev.Channel)
	}
}

// settle lets everything run that can: new tasks, codes that were found, waits whose condition holds.
func (c *Call) settle() {
	for again := true; again; {
		again = false
		for len(c.fresh) > 0 || len(c.matched) > 0 {
			for _, m := range c.matched {
				c.startFlow(m)
			}
			c.matched = c.matched[:0]
			fresh := c.fresh
			c.fresh = nil
			for _, t := range fresh {
				t.step(nil)
			}
		}
		for _, t := range slices.Clone(c.tasks) {
			if !t.done && t.until != nil && t.until() {
				t.step(nil)
				again = true
			}
		}
		again = c.attend() || again
		again = c.refuse() || again
	}
	c.tasks = slices.DeleteFunc(c.tasks, func(t *Task) bool {
		if t.done && t.err != nil && !errors.Is(t.err, ErrCallEnded) && !errors.Is(t.err, ErrDetached) {
			c.Log.Debug("a task ended with an error", "task", t.name, "error", t.err)
		}
		return t.done
	})
	for _, leg := range c.Legs {
		c.serveKeys(leg)
	}
	c.tellHanded()
}

// spawn makes a task; it runs when the present step is over.
func (c *Call) spawn(name string, leg *Leg, flow *Flow, body func(*Task) error) *Task {
	t := &Task{Call: c, Leg: leg, Flow: flow, name: name}
	if c.over != nil {
		t.ending, t.done = c.over, true
		return t
	}
	t.start(body)
	c.tasks = append(c.tasks, t)
	c.fresh = append(c.fresh, t)
	return t
}

// EndOthers ends every other task of the call with ErrCallEnded: their defers run and may still use the PBX. No new one
// begins.
func (t *Task) EndOthers() {
	t.Call.givenUp = false // it ends
	t.Call.endTasks(t, ErrCallEnded)
}

func (c *Call) endTasks(except *Task, why error) {
	if c.over == nil && c.last == nil {
		c.last = slices.Clone(c.Legs)
	}
	c.over = why
	if !errors.Is(why, ErrDetached) {
		c.tellLost()
	}
	c.fresh, c.matched = nil, nil
	for _, t := range c.tasks {
		if t != except {
			t.withdraw() // before the first one puts something back
		}
	}
	for _, t := range slices.Clone(c.tasks) {
		if t != except {
			t.end(why)
		}
	}
	for _, f := range slices.Clone(c.flows) {
		if except == nil || f != except.Flow { // a task that had not begun
			c.ended(f, why)
		}
	}
}

// finish gives back what the call had in the process. rest are events that it has taken and not looked at.
func (c *Call) finish(rest []Event) {
	detached := errors.Is(c.over, ErrDetached)
	c.endTasks(nil, cmp.Or(c.over, ErrCallEnded))
	for _, ev := range slices.Concat(rest, c.mail.close()) {
		switch late := ev.(type) {
		case execute:
			why := ErrNoLeg
			if detached {
				why = ErrDetached
			}
			late.told(Report{Call: c.ID, Over: true, Err: why})
		case handBack:
			late.done()
		case lostAction:
			if !detached && !c.continued(late.begun.Action) {
				c.publish(EndedUnseen(late.begun))
			}
		}
	}
	if c.handed != nil {
		c.handed()
	}
	for _, leg := range c.Legs {
		leg.stopKeys()
		leg.lane.drop()
	}
	c.calls.legs.Add(int64(-c.tallied))
	if over := c.calls.cfg.Over; over != nil && !detached {
		over(c.ID)
	}
	c.calls.forget(c)
}

// overrun: digits were refused because the call is too far behind. Its codes end, the talk goes on.
func (c *Call) overrun() {
	c.Log.Error("the call is more than 1024 events behind: its codes are switched off",
		"do", "see why this machine or Asterisk is so slow; the next call has its codes again")
	c.open = false
	for _, leg := range c.Legs {
		if leg.keypad != nil {
			leg.keypad.Drop()
		}
		n := leg.notice("events.lost")
		n.ID, n.Reason = c.ID+":overrun", "overrun"
		c.publish(n)
	}
}

func (c *Call) post(ev Event) { c.mail.put(ev) }

func (c *Call) publish(n Notice) {
	if first := c.first; first != nil {
		c.first = nil
		first()
	}
	n.Call = c.ID
	if n.Time.IsZero() {
		n.Time = c.clock.now()
	}
	c.introduce(&n)
	c.calls.cfg.Publisher.Publish(n)
}

// detach: the process stops; the call is left to Asterisk.
type detach struct{}

func (detach) event() {}
