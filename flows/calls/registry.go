package calls

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"metaflows/flows"
)

// Config is what calls need from outside.
type Config struct {
	Line      Line
	Publisher Publisher
	Modules   Modules
	Log       *slog.Logger
	// Meter counts what calls do; nil for nobody.
	Meter Meter
	// Effective gives an owner's documents as they are now, from memory. It is called at every key and must not allocate
	// or block.
	Effective func(flows.Owner) *flows.Effective
	// Absorb: ABSORB=armed; false is off.
	Absorb bool
	// Enter is what runs for a channel that the dialplan hands over, on a call of its own. The call is over when it
	// returns.
	Enter func(*Task, Started) error
	// Adopt is what runs for a call that a process before this one has left, instead of Enter; found are its channels.
	Adopt func(t *Task, found []Found) error
	// Stray hangs up a channel that belongs to no call any more. It may block. May be nil.
	Stray func(channel string)
	// Return gives a channel back to the dialplan that a process before this one was giving back. It may block. May be nil.
	Return func(channel string)
	// Replaced is a task that runs when another channel has taken a leg's place; left is the channel that had it. May be
	// nil.
	Replaced func(t *Task, leg *Leg, left string) error
	// Save makes the request that writes what a leg's State is now on its channel. It goes in the leg's lane. nil: that is kept
	// nowhere.
	Save func(t *Task, leg *Leg) (request func() error)
	// Bring lets a facet of a leg be as it is claimed now (Task.Take), with a value, or as it is by itself, and is Save before
	// that. It returns when it is so; the call goes on meanwhile. nil: nobody claims any.
	Bring func(t *Task, leg *Leg, facet Facet, value string, claimed bool) error
	// Failed tells the presser that its action has failed, if no child takes that up. It must not await. May be nil.
	Failed func(*Task)
	// Changed is told how a call stands, when that is otherwise than it was told last, and Over when it has ended; not of
	// one that is left to Asterisk at a stop. Both are called on the call's goroutine and must not block. May be nil.
	Changed func(View)
	Over    func(call string)
}

// Registry has the calls of this process and the ids that belong to them. Its methods may be called from any goroutine.
type Registry struct {
	cfg Config

	mu      sync.RWMutex
	ids     map[string]*Call
	live    map[*Call]struct{}
	taken   map[string]bool // channels that are inside, as far as an entry and no end was told: another entry is none
	stopped bool
	running sync.WaitGroup
	handing atomic.Bool // see HandBack

	legs atomic.Int64 // on all calls
}

// New makes an empty registry.
func New(cfg Config) *Registry {
	if cfg.Meter == nil {
		cfg.Meter = noMeter{}
	}
	return &Registry{cfg: cfg, ids: map[string]*Call{}, live: map[*Call]struct{}{}, taken: map[string]bool{}}
}

// Deliver hands an event to the call that id belongs to; it never blocks. A channel that nobody knows and that comes
// from the dialplan begins a call. Everything else that nobody knows is of calls that are over.
func (cs *Registry) Deliver(id string, ev Event) {
	cs.mu.RLock()
	c, taken := cs.ids[id], len(cs.taken) > 0 && cs.taken[id]
	cs.mu.RUnlock()
	started, entered := ev.(Started)
	switch ev.(type) {
	case Left, Destroyed:
		if taken {
			cs.mu.Lock()
			delete(cs.taken, id)
			cs.mu.Unlock()
		}
	}
	switch {
	case entered && started.Replaces == "" && !ours(started) && taken: // found by a connect, or told twice
	case entered && started.Replaces == "" && !ours(started):
		cs.take(id)
		cs.begin(started, func() {}) // also a channel that was given back and enters again while its call is being closed
	case c != nil:
		c.mail.put(ev)
	case entered:
		cs.stray(started)
	}
}

// stray: a channel of ours, or one in another's place, has come too late: nobody would ever talk to it.
func (cs *Registry) stray(started Started) {
	if !strings.HasPrefix(started.Channel.ID, probePrefix) {
		cs.cfg.Log.Info("a channel came too late for its call and is hung up", "channel", started.Channel.Name)
	}
	if cs.cfg.Stray != nil {
		go cs.cfg.Stray(started.Channel.ID)
	}
}

// ours tells a channel that we have made, by its id and the first of its arguments: it is a leg or a whisper of a call that
// is over, not a new one.
func ours(started Started) bool {
	return len(started.Args) > 0 && Ours(started.Channel.ID) && strings.HasPrefix(started.Channel.ID, started.Args[0]+"-")
}

// Ours says by its id that a channel was made by metaflows. The far half of a Local channel, ;2, is the dialplan's.
func Ours(channel string) bool {
	if strings.HasSuffix(channel, farHalf) {
		return false
	}
	return strings.HasPrefix(channel, ArgLeg+"-") || strings.HasPrefix(channel, ArgSnoop+"-") || IsEar(channel)
}

// IsEar says by its id that a channel is none of a call: it hears what a leg says, and is recorded (ArgEar).
func IsEar(channel string) bool { return strings.HasPrefix(channel, ArgEar+"-") }

// The first Stasis argument of channels that we make; their ids begin with it too. Of an ear the others are the call and the leg's
// channel.
const (
	ArgLeg   = "leg"
	ArgSnoop = "snoop"
	ArgEar   = "rec"
)

// probePrefix begins the id of a channel of Probe.
const probePrefix = ArgLeg + "-metaflows-doctor-"

// Probe is the id of a channel by which metaflows doctor looks whether somebody has the application: he hangs it up, as every
// leg of a call that is over. id tells one from another.
func Probe(id string) string { return probePrefix + id }

// BridgePrefix begins the id of every bridge of ours.
const BridgePrefix = "mf-"

// Beside is the id of the bridge in which the call is recorded: its ears are in it.
func (c *Call) Beside() string { return c.Bridge + "-rec" }

// begin starts a call for a channel. shown is called when it has been told of, or comes to nothing.
func (cs *Registry) begin(started Started, shown func()) {
	id := strings.ReplaceAll(started.Channel.ID, ";", "-") // half a Local channel's; a recording's folder has the call's id
	if !started.Stamp.IsZero() {
		// The same channel may enter again: that is another call.
		id += "-" + strconv.FormatInt(started.Stamp.UnixMilli(), 36)
	}
	c := cs.newCall(id)
	if !cs.admit(c) {
		shown()
		return
	}
	c.Register(started.Channel.ID)
	c.entered = []string{started.Channel.ID}
	cs.start(c, func(t *Task) error { return cs.cfg.Enter(t, started) }, shown)
}

func (cs *Registry) newCall(id string) *Call {
	return &Call{
		ID: id, Bridge: BridgePrefix + id, Log: cs.cfg.Log.With("call", id), calls: cs, clock: machine{}, mail: newMailbox(), done: make(chan struct{}),
	}
}

// admit takes a call among the live ones, unless the process stops.
func (cs *Registry) admit(c *Call) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.stopped {
		return false
	}
	cs.live[c] = struct{}{}
	cs.running.Add(1)
	cs.cfg.Meter.Call()
	return true
}

func (cs *Registry) start(c *Call, enter func(*Task) error, shown func()) {
	go func() {
		defer cs.running.Done()
		defer close(c.done)
		c.run(enter, shown)
	}()
}

// Has says whether a live call has registered the id.
func (cs *Registry) Has(id string) bool {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	return cs.ids[id] != nil
}

// Len is the number of live calls.
func (cs *Registry) Len() int {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	return len(cs.live)
}

// Shutdown leaves every call to Asterisk: waits end with ErrDetached. The PBX must refuse commands before it is called,
// so that no defer undoes anything; HandBack comes before that. It returns when all calls have ended in this process, or with ctx.
func (cs *Registry) Shutdown(ctx context.Context) error {
	cs.mu.Lock()
	cs.stopped = true
	for c := range cs.live {
		c.mail.put(detach{})
	}
	cs.mu.Unlock()
	done := make(chan struct{})
	go func() {
		cs.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave leaves every call to another process that has the application now, as Shutdown leaves them to Asterisk, and under
// the same condition; but calls may begin again, and the next Connected takes up what there is then. Nothing must be
// delivered meanwhile. It returns when all calls have ended in this process, or with ctx's error: those that have not are
// known to the next Connected as they were.
func (cs *Registry) Leave(ctx context.Context) error {
	cs.mu.Lock()
	left := slices.Collect(maps.Keys(cs.live))
	cs.mu.Unlock()
	for _, c := range left {
		c.mail.put(detach{})
	}
	for _, c := range left {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (cs *Registry) register(id string, c *Call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.ids[id] = c
}

func (cs *Registry) claim(id string, c *Call) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.ids[id] != nil {
		return false
	}
	cs.ids[id] = c
	return true
}

func (cs *Registry) unregister(id string, c *Call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.ids[id] == c {
		delete(cs.ids, id)
	}
}

func (cs *Registry) forget(c *Call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, id := range c.ids {
		if cs.ids[id] == c {
			delete(cs.ids, id)
		}
	}
	delete(cs.live, c)
}
