package pbxtest

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"metaflows/actions"
	"metaflows/flows/calls"
)

// How long things take. The numbers keep apart what must not happen at the same moment.
const (
	toEffect = 210 * time.Microsecond // from a request to what it does
	toEvent  = 70 * time.Microsecond  // from there to its event
	toAnswer = 130 * time.Microsecond // and to its answer: events often come first (ari/ASTERISK.md, Commands)
	toEnter  = 430 * time.Microsecond // from a channel's making to its StasisStart, after the answer (ari/ASTERISK.md, Create and dial)
	toDeafen = 5 * time.Millisecond   // from a channel's end to that of an ear of its
)

// skew is how far Asterisk's clock is ahead of ours: only times of the same kind may be compared.
const skew = 37 * time.Second

// Handler takes what the telephone system says. calls.Registry is one.
type Handler interface {
	Deliver(id string, ev calls.Event)
}

// PBX is a telephone system in memory. Its methods may be called from any goroutine.
type PBX struct {
	acts
	clock clock

	mu         sync.Mutex
	handler    Handler
	phones     map[string]*phone
	extensions map[string]extension // by extension@context
	channels   map[string]*channel
	parties    map[string]string // by channel id, also of those that are gone
	bridges    map[string]*bridge
	recordings map[string]*Recording
	playbacks  map[string]*playback
	faults     map[string][]Fault
	made       map[string]int // channels of an endpoint so far
	ran        map[string]int // subroutines, on channels that we have not made
	log        []Entry
	reports    []Report
	detached   bool
	sent       int             // commands so far
	verbs      map[string]bool // those of them
	longest    int             // METAFLOWS_STATE so far, in bytes
	takenAlong []string        // what altered channels that have gone on in the dialplan
	holding    []string        // verbs that were asked for on a call's goroutine, which waits for the answer
	before     func()          // called before each command, without the lock; may be nil
	toAnswer   time.Duration   // see AnswersFirst
}

var _ actions.PBX = (*PBX)(nil)

// New makes a telephone system with the lab's phones (asterisk-conf) and extensions.
func New() *PBX {
	p := &PBX{
		phones: map[string]*phone{}, extensions: map[string]extension{}, channels: map[string]*channel{}, parties: map[string]string{}, bridges: map[string]*bridge{},
		recordings: map[string]*Recording{}, playbacks: map[string]*playback{}, faults: map[string][]Fault{}, made: map[string]int{}, ran: map[string]int{}, verbs: map[string]bool{},
		toAnswer: toAnswer,
	}
	p.acts = acts{p: p}
	p.furnish()
	return p
}

// AnswersFirst lets every answer come before the event of what was asked for. It is called before the first command.
func (p *PBX) AnswersFirst() { p.toAnswer = toEvent / 2 }

// Listen says who is told of events; nil for nobody.
func (p *PBX) Listen(h Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = h
}

// Attach lets commands through again, of another process.
func (p *PBX) Attach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached = false
}

// Detach makes every command fail with calls.ErrDetached, as a stopping process does.
func (p *PBX) Detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached = true
}

// Close forgets what was to happen later.
func (p *PBX) Close() { p.clock.stop() }

// Kind is what an Entry tells of.
type Kind string

// The kinds of entries.
const (
	Request Kind = "pbx"      // a command was carried out, or refused
	Heard   Kind = "hears"    // a party hears a digit, a tone, music
	Phone   Kind = "phone"    // what a phone or an extension does and shows
	Gone    Kind = "dialplan" // a channel goes on in the dialplan
	Written Kind = "file"     // a recording has ended
)

// Entry is something that happened, in words in which channels have the names of their parties.
type Entry struct {
	At   time.Time
	Kind Kind
	Text string
}

// Log is what happened so far, in order.
func (p *PBX) Log() []Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// say writes an entry. The lock is held.
func (p *PBX) say(kind Kind, format string, args ...any) {
	p.log = append(p.log, Entry{At: time.Now(), Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// Fault is what goes wrong with a command.
type Fault struct {
	Err  error         // it is refused with this
	Slow time.Duration // it takes so much longer
	Lost bool          // it is carried out, but the answer is Err
	Late time.Duration // so it is, that long after the answer
}

// Break gives the next command of a verb (the method's name) a fault; several are used up one by one.
func (p *PBX) Break(verb string, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[verb] = append(p.faults[verb], f)
}

// command carries out a request: effect runs a moment later, with the lock held; it calls done when the request has been
// answered, at once or later. text is for the log.
func (p *PBX) command(verb, id, text string, effect func(done func(error))) error {
	return p.inTurn(nil, verb, id, text, effect)
}

// inTurn is command for a turn of a step: what goes behind another request on its connection is carried out when that has been
// answered.
func (p *PBX) inTurn(turn *calls.Turn, verb, id, text string, effect func(done func(error))) error {
	if p.before != nil {
		p.before()
	}
	holds := onCall()
	p.mu.Lock()
	p.sent++
	p.verbs[verb] = true
	if holds && !slices.Contains(p.holding, verb) {
		p.holding = append(p.holding, verb)
	}
	var fault Fault
	if waiting := p.faults[verb]; len(waiting) > 0 {
		fault, p.faults[verb] = waiting[0], waiting[1:]
	}
	detached := p.detached
	p.mu.Unlock()
	if detached {
		return fmt.Errorf("%s %s: %w", verb, id, calls.ErrDetached)
	}
	answer := make(chan error, 1)
	key := id + " " + verb
	way := &connection{}
	carryOut := func() {
		reply := func(err error) {
			if err != nil {
				err = fmt.Errorf("%s %s: %w", verb, id, err)
			}
			way.free()
			p.clock.after(p.toAnswer, key, func() { answer <- err })
		}
		if fault.Err != nil && !fault.Lost {
			p.say(Request, "%s: refused, %v", text, fault.Err)
			reply(fault.Err)
			if fault.Late > 0 {
				p.do(fault.Late, key, func() {
					p.say(Request, "%s, late", text)
					effect(func(error) {})
				})
			}
			return
		}
		at, first, line := len(p.log), true, text
		effect(func(err error) {
			err = cmp.Or(err, fault.Err)
			switch {
			case err != nil && first:
				line += ": refused, " + err.Error()
			case err != nil:
				p.say(Request, "%s: refused, %v", text, err)
			}
			reply(err)
		})
		first = false
		p.log = slices.Insert(p.log, at, Entry{At: time.Now(), Kind: Request, Text: line}) // before what it brought about
	}
	p.mu.Lock()
	before, _ := turn.Way().(*connection)
	before.behind(func() { p.do(toEffect+fault.Slow, key, carryOut) })
	p.mu.Unlock()
	turn.Sent(way)
	return <-answer
}

// connection is one by which a request went; the lock guards it.
type connection struct {
	answered bool
	next     func()
}

// behind does something when the connection is free: nothing went before, or that has been answered.
func (c *connection) behind(what func()) {
	if c == nil || c.answered {
		what()
		return
	}
	c.next = what
}

// free: the request has been answered.
func (c *connection) free() {
	if c.answered = true; c.next != nil {
		c.next()
	}
}

// onCall says whether this is a call's goroutine, or that of one of its tasks, which the call waits for.
func onCall() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "calls.(*Call).run") || strings.Contains(frame.Function, "calls.(*Task).start") {
			return true
		}
		if !more {
			return false
		}
	}
}

// heldBy are the verbs for whose answer a call has waited instead of going on.
func (p *PBX) heldBy() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.holding)
}

// atOnce is the effect of a request that is answered as soon as it is carried out.
func atOnce(effect func() error) func(func(error)) {
	return func(done func(error)) { done(effect()) }
}

// do runs something in d, with the lock held.
func (p *PBX) do(d time.Duration, key string, what func()) {
	p.clock.after(d, key, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		what()
	})
}

// event tells the handler; id is the resource whose call it belongs to. The lock is held.
func (p *PBX) event(id string, ev calls.Event) {
	p.clock.after(toEvent, id, func() {
		if digit, ok := ev.(calls.Digit); ok {
			digit.Arrived = time.Now()
			ev = digit
		}
		p.mu.Lock()
		handler := p.handler
		p.mu.Unlock()
		if handler != nil {
			handler.Deliver(id, ev)
		}
	})
}

// stamp is the time by Asterisk's clock.
func stamp() time.Time { return time.Now().Add(skew) }
