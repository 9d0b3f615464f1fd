package calls

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/flows"
)

// Add puts a leg on the call. Its channel's id must be registered.
func (c *Call) Add(leg *Leg) {
	leg.newKeypad(c)
	c.Legs = append(c.Legs, leg)
	c.far = c.far || strings.HasSuffix(leg.ID, farHalf)
	if !slices.Contains(c.all, leg) {
		c.all = append(c.all, leg)
		c.company = append(c.company, leg)
	}
	c.tally()
	c.rewire()
	c.noteMade(leg)
}

// Accounts are those of all legs that are or were on the call, in the order of their coming, and those of what lasts on it;
// "" only when there is no other.
func (c *Call) Accounts() []string {
	var accounts []string
	for _, leg := range c.all {
		for _, account := range slices.Concat(leg.formerly, []string{leg.Owner.Account}) {
			if account != "" && !slices.Contains(accounts, account) {
				accounts = append(accounts, account)
			}
		}
	}
	for _, k := range c.lasting { // begun before a restart, by a leg that has left
		if k.Account != "" && !slices.Contains(accounts, k.Account) {
			accounts = append(accounts, k.Account)
		}
	}
	if accounts == nil {
		return []string{""}
	}
	return accounts
}

// Attended says whether an account has a leg on the call, or may have: whose a leg is that has taken another's place is
// known a moment later.
func (c *Call) Attended(account string) bool {
	return slices.ContainsFunc(c.Legs, func(l *Leg) bool { return l.Asked || l.Owner.Account == account })
}

// PublishAll publishes a notice about the call under each account on it, each with a leg of that account and without
// what belongs to another. Each account is told once: called again, it tells those that have joined since.
func (t *Task) PublishAll(kind string, fill func(*Notice)) {
	c := t.Call
	accounts := c.Accounts()
	for _, account := range c.knowing { // whose leg has gone to another account's
		if !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
	}
	c.knowing = accounts
	for _, account := range accounts {
		id := CallEventID(c.ID, kind, account)
		if slices.Contains(c.told, id) {
			continue
		}
		c.told = append(c.told, id)
		n := Notice{Type: kind, Account: account}
		if i := slices.IndexFunc(c.all, func(l *Leg) bool { return l.Owner.Account == account }); i >= 0 {
			n = c.NoticeAbout(c.all[i], kind)
		}
		n.ID = id
		fill(&n)
		c.publish(n)
		c.logCall(n)
	}
}

// Release lets a leg go: it is no longer on the call, what becomes of its channel is the caller's business. What was
// still to be relayed for it or to it is dropped.
func (c *Call) Release(leg *Leg) {
	leg.stopKeys()
	c.Legs = slices.DeleteFunc(c.Legs, func(l *Leg) bool { return l == leg })
	c.tally()
	c.rewire()
}

// Drop lets go of a leg that was never connected, as if it had not been on the call.
func (c *Call) Drop(leg *Leg) {
	c.Release(leg)
	c.all = slices.DeleteFunc(c.all, func(l *Leg) bool { return l == leg })
	c.knowing = slices.DeleteFunc(c.knowing, func(account string) bool { return !slices.Contains(c.Accounts(), account) })
}

// Joined says of a leg that was found that it is in the call's bridge, where nothing of it is absorbed.
func (c *Call) Joined(leg *Leg) { leg.bridged, leg.asked = true, false }

// Rejoin says of legs that were found that they are in the call's bridge. A process that was killed may have left their
// digits absorbed, so that they are added again is the first that is asked for them now; where that fails or cannot be, it is
// as soon as it can. It does not wait for that.
func (c *Call) Rejoin(legs []*Leg) {
	for _, leg := range legs {
		leg.bridged, leg.asked, leg.unknown = true, false, leg.Phone()
	}
	for _, leg := range legs {
		c.turn(leg)
	}
}

// Part prepares a leg for being taken out of the bridge by the task: no absorb is switched on it any more, what was to be
// relayed for it and to it is dropped, so that nobody who comes in its place hears it, and it waits until commands that
// are under way for it have ended, and nobody attends it any more (Call.Attend).
func (t *Task) Part(leg *Leg) error {
	leg.bridged = false
	leg.stopKeys()
	err := t.Until(0, func() bool { return leg.lane.Idle() && !t.Call.attended(leg) || leg.Gone })
	for _, peer := range t.Call.Peers(leg) {
		peer.keypad.Forget()
	}
	return err
}

// Quiet waits, for a while at most, until no command for a leg is under way any more: one that reaches a bridge while it
// is being removed leaves the application's subscription to it behind. No new ones are sent.
func (t *Task) Quiet() {
	for _, leg := range t.Call.all {
		leg.bridged = false
		leg.stopKeys()
	}
	_ = t.Until(quietTime, func() bool {
		return !slices.ContainsFunc(t.Call.all, func(l *Leg) bool { return !l.lane.Idle() })
	})
}

// quietTime is longer than a relay, which blocks its leg.
const quietTime = 2 * time.Second

// Peers are the other legs on the call.
func (c *Call) Peers(of *Leg) []*Leg { return others(c.Legs, of) }

// Peer is the other leg of a call of two, nil when there is none or there are several.
func (c *Call) Peer(of *Leg) *Leg { return only(others(c.Legs, of)) }

func others(legs []*Leg, one *Leg) []*Leg {
	return slices.DeleteFunc(slices.Clone(legs), func(l *Leg) bool { return l == one })
}

func only(legs []*Leg) *Leg {
	if len(legs) == 1 {
		return legs[0]
	}
	return nil
}

// Over says that nobody is left to talk to and no action holds the call.
func (c *Call) Over() bool { return len(c.Legs) < 2 && !c.Held() }

// Register tells the process that events of this id are this call's. It comes before the request that makes the id.
func (c *Call) Register(id string) {
	c.ids = append(c.ids, id)
	c.named++
	c.calls.register(id, c)
}

// claim is Register, unless something has the id already.
func (c *Call) claim(id string) bool {
	if !c.calls.claim(id, c) {
		return false
	}
	c.ids = append(c.ids, id)
	c.named++
	return true
}

// Forget takes an id off that Name has made: what has it is over, and what is told of it later is nobody's business. A long call
// has thousands of tones.
func (c *Call) Forget(id string) {
	it := func(other string) bool { return other == id }
	c.ids, c.entered = slices.DeleteFunc(c.ids, it), slices.DeleteFunc(c.entered, it)
	c.calls.unregister(id, c)
}

// Name makes an id for a resource of this call and registers it.
func (c *Call) Name(kind string) string {
	id := kind + "-" + c.ID + "-" + c.epoch + strconv.Itoa(c.named)
	c.Register(id)
	return id
}

// Open lets the collectors work: the call is answered.
func (c *Call) Open() { c.open, c.up = true, true }

// Answered says that Open was called.
func (c *Call) Answered() bool { return c.up }

// First says what publishes the beginning of the call: it runs before anything else is published, if that has not been
// done by then. nil: it is done now.
func (t *Task) First(publish func()) { t.Call.first = publish }

// Publish publishes a notice of this call.
func (t *Task) Publish(n Notice) { t.Call.publish(n) }

// Overdue says that the talk has ended since its time was over: nobody has hung up.
func (c *Call) Overdue() bool { return c.overdue }

// EndedBy says that a leg ends the talk with all who are on the call, whoever of them leaves first; nil: it does not.
func (c *Call) EndedBy(leg *Leg) {
	if c.ender, c.last = leg, nil; leg != nil {
		c.last = slices.Clone(c.Legs)
	}
}

// Left are the legs whose channels are gone, in the order of their going.
func (c *Call) Left() []*Leg { return c.left }

// leg is the leg of a channel on this call, nil if there is none.
func (c *Call) leg(channel string) *Leg {
	for _, l := range c.Legs {
		if l.ID == channel {
			return l
		}
	}
	return nil
}

// lose notes that the leg of a channel is gone, also one that was let go before.
func (c *Call) lose(channel string) {
	for _, leg := range c.all {
		if leg.ID == channel && !leg.Gone {
			leg.Gone = true
			c.left = append(c.left, leg)
			c.Release(leg)
			if c.up && c.ender == nil && c.Over() {
				c.ender = leg
				c.overdue = !leg.Until.IsZero() && !c.clock.now().Before(leg.Until)
			}
		}
	}
}

// replace gives a leg's place to another channel (pickup, REFER): its role, its partner, who ends with whom. Whose it is and
// where it may dial are not handed over: it is an outsider until Identify says what its own endpoint says, and what
// listened for who has left does not listen any more.
func (c *Call) replace(leg *Leg, ch Channel) {
	c.Register(ch.ID)
	bridged, former := leg.bridged, leg.ID
	leg.stopKeys()
	c.Disown(leg)
	leg.reset(ch)
	leg.bridged, leg.former = bridged, former
	if leg.Dialled != "" && leg.Phone() {
		leg.Dialled = ch.Endpoint()
	}
	leg.newKeypad(c)
	c.rewire()
}

// Identify says whose the leg is by a new channel of its own endpoint, and lets its codes work. What else is on its own
// channel is not asked: it may be inherited, or of the channel whose place it has taken.
func (c *Call) Identify(leg *Leg, own Channel) {
	leg.identify(own)
	c.rewire()
}

// Disown makes an outsider of a leg until Identify says whose it is.
func (c *Call) Disown(leg *Leg) {
	if !leg.Outsider() {
		leg.formerly = append(leg.formerly, leg.Owner.Account)
	}
	leg.spellOut()
	leg.Owner, leg.Context = flows.Owner{}, ""
	c.rewire()
}

// notice makes a notice about this leg.
func (l *Leg) notice(kind string) Notice {
	return Notice{
		Type: kind, Account: l.Owner.Account, Channel: l.ID, UniqueID: l.ID, Endpoint: l.Endpoint(),
		LinkedID: l.LinkedID, SIPCallID: l.SIPCallID,
	}
}

// NoticeAbout makes a notice about a leg of this call and its other side.
func (c *Call) NoticeAbout(leg *Leg, kind string) Notice {
	n := leg.notice(kind)
	n.ID = strings.Join([]string{c.ID, leg.ID, kind}, ":")
	legs := c.Legs
	if c.over != nil { // who was on it is hung up one after the other
		legs = c.last
	}
	if peer := only(others(legs, leg)); peer != nil {
		n.OtherChannel = peer.ID
	}
	return n
}
