package calls

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Found is a channel that there is in Asterisk, as a connect finds it.
type Found struct {
	Channel
	// Inside: in our application, or it was: Asterisk does not always end the subscription of one that was taken away.
	Inside bool
	// Elsewhere: it runs another application of the dialplan, or says so after it took another channel's place.
	Elsewhere bool
	// Args is what the dialplan gave to Stasis(), or we to an ear (ArgEar); nil for a channel that did not enter by that.
	Args []string
	// Bridge is the bridge that it is in, "" for none.
	Bridge string
	// State is its METAFLOWS_STATE. This and what follows are only known of a channel that no call of this process has.
	State string
	// Dialled: it is one of ours, and the dial was sent.
	Dialled bool
	// Partner is the name of the channel that ends with it, METAFLOWS_PARTNER.
	Partner string
	// Returning: a process before this one was giving it back to the dialplan.
	Returning bool
}

// Inventory is what there is in Asterisk.
type Inventory struct {
	Channels []Found
	Bridges  []string // ids
}

// Connected tells the calls what there is in Asterisk after a connection was made, the first included. Calls that live on
// in this process learn what they have missed. What a process before this one has left is taken up: channels that belong
// together become calls again (Config.Adopt); one that entered unseen begins a call; one that was being given back to
// the dialplan goes on there; whispers and legs that belong to nothing end. It does not block. Events that tell of the
// same things may follow. settled is closed when all calls that it began have been told of (Config.Changed).
func (cs *Registry) Connected(inv Inventory) (settled <-chan struct{}) {
	var begun sync.WaitGroup
	cs.mu.Lock()
	clear(cs.taken) // what was on its way by the connection before does not come any more
	cs.mu.Unlock()
	cs.resync(inv)
	groups, ears := map[string][]Found{}, map[string][]Found{}
	var order []string
	for _, f := range inv.Channels {
		if !f.Inside || cs.Has(f.ID) || f.Bridge != "" && cs.Has(f.Bridge) {
			continue
		}
		call := callOf(f)
		switch {
		case IsEar(f.ID):
			if len(f.Args) == 3 {
				call = f.Args[1]
			}
			ears[call] = append(ears[call], f)
		case f.Returning:
			cs.do(cs.cfg.Return, f.ID)
		case call != "":
			if groups[call] == nil {
				order = append(order, call)
			}
			groups[call] = append(groups[call], f)
		case f.Args != nil && f.Bridge == "":
			cs.take(f.ID)
			begun.Add(1)
			cs.begin(Started{Channel: f.Channel, Args: f.Args, Stamp: time.Now()}, begun.Done)
		case f.Bridge == "":
			cs.do(cs.cfg.Stray, f.ID)
		}
	}
	for _, call := range order {
		begun.Add(1)
		cs.adopt(call, groups[call], ears[call], begun.Done)
		delete(ears, call)
	}
	for _, left := range ears { // of calls that are over
		for _, f := range left {
			cs.do(cs.cfg.Stray, f.ID)
		}
	}
	done := make(chan struct{})
	go func() {
		begun.Wait()
		close(done)
	}()
	return done
}

// callOf is the call that a found channel belongs to, "" for none: by its variables, which hold only if its state names
// it, or by the bridge that it is in.
func callOf(f Found) string {
	if _, ok, err := ParseState(f.State, f.ID); ok || err != nil {
		if call := f.Vars[VarCall]; call != "" {
			return call
		}
	}
	call, ours := strings.CutPrefix(f.Bridge, BridgePrefix)
	if !ours {
		return ""
	}
	return call
}

func (cs *Registry) do(what func(channel string), channel string) {
	if what != nil {
		go what(channel)
	}
}

// take notes that a channel's entry is known, until it leaves: a StasisStart that is still on its way, or comes twice, is
// not another.
func (cs *Registry) take(channel string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.taken[channel] = true
}

// adopt begins a call that a process before this one has left. What it names gets other names than that process gave.
func (cs *Registry) adopt(id string, found, ears []Found, shown func()) {
	c := cs.newCall(id)
	c.epoch = strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
	if !cs.admit(c) {
		shown()
		return
	}
	c.Register(c.Bridge)
	c.Register(c.Beside()) // nobody removes it before that is known to be nobody's
	c.ears = ears
	for _, f := range slices.Concat(found, ears) {
		c.Register(f.ID)
		c.entered = append(c.entered, f.ID)
		if f.Args != nil {
			cs.take(f.ID)
		}
	}
	c.noted = notedActions(found)
	cs.start(c, func(t *Task) error { return cs.cfg.Adopt(t, found) }, shown)
}

// resync tells every live call what there is.
func (cs *Registry) resync(inv Inventory) {
	there := make(map[string]Found, len(inv.Channels))
	for _, f := range inv.Channels {
		there[f.ID] = f
	}
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	for c := range cs.live {
		c.mail.put(resync{there})
		c.mail.put(Resumed{})
	}
}

// resync: the channels that there are, by id.
type resync struct{ there map[string]Found }

func (resync) event() {}

// resync catches up with what became of the legs in a gap. Keys that were pressed in it are not known.
func (c *Call) resync(ev resync) {
	c.resyncReplaced(ev)
	for _, id := range slices.Clone(c.ids) {
		if f, there := ev.there[id]; there && f.Inside && !slices.Contains(c.entered, id) {
			c.handle(Started{Channel: f.Channel, Args: f.Args})
		}
	}
	for _, id := range slices.Clone(c.entered) { // who is no leg: it hears one, or speaks to one
		if _, there := ev.there[id]; !there && !slices.ContainsFunc(c.all, func(leg *Leg) bool { return leg.ID == id || leg.former == id }) {
			c.handle(Left{id})
		}
	}
	for _, leg := range slices.Clone(c.all) {
		f, there := ev.there[leg.ID]
		switch {
		case leg.Gone:
		case !there:
			c.handle(Lost{leg.ID})
		case f.Elsewhere && leg.bridged && f.Bridge != c.Bridge: // somebody else has given it to the dialplan
			c.handle(Left{leg.ID})
		case f.Channel.State != leg.State:
			c.handle(StateChanged{leg.ID, f.Channel.State})
		}
		if there && leg.bridged { // what was confirmed in the gap is not known
			leg.joins, leg.away = nil, f.Bridge != c.Bridge
			leg.unknown = leg.Phone() // and is asked for again
		}
	}
}

// resyncReplaced: one leg is gone, or out of the bridge, and a channel that nobody knows is in there: it has taken the leg's
// place. A phone that has sent the others elsewhere (REFER) is there until it hangs up.
func (c *Call) resyncReplaced(ev resync) {
	var gone []*Leg
	for _, leg := range c.Legs {
		if f, there := ev.there[leg.ID]; !there || leg.bridged && f.Bridge != c.Bridge {
			gone = append(gone, leg)
		}
	}
	if len(gone) != 1 {
		return
	}
	for _, f := range ev.there {
		if f.Inside && f.Bridge == c.Bridge && c.leg(f.ID) == nil && !slices.Contains(c.ids, f.ID) {
			c.handle(Started{Channel: f.Channel, Replaces: gone[0].ID})
			return
		}
	}
}

// TakeUp makes a call again of the legs that were found, and knows what lasts on it by their states; KeepOn goes on with
// that.
func (c *Call) TakeUp(legs []*Leg) {
	for _, leg := range legs {
		c.Add(leg)
	}
	for _, leg := range legs {
		c.findKept(leg)
	}
}

// Told says that an event of this kind was published for every account on the call, by a process before this one.
func (c *Call) Told(kind string) {
	c.knowing = c.Accounts()
	for _, account := range c.knowing {
		c.told = append(c.told, CallEventID(c.ID, kind, account))
	}
}
