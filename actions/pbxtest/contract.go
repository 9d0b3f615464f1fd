package pbxtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/actions"
	"metaflows/flows/calls"
)

// World is a telephone system with the lab's phones and extensions (asterisk-conf) that can be tried out: a real one, or
// PBX. In each trial the phones begin idle, and answer after half a second when they are called.
type World interface {
	actions.PBX

	// Inventory is what there is; a channel that known does not know is asked for what it keeps for us.
	Inventory(known func(channel string) bool) (calls.Inventory, error)
	// Behave says what a phone does from now on.
	Behave(phone string, b Behaviour)
	// Dial lets a phone call an extension whose dialplan hands it to the application with the argument "contract".
	Dial(phone string)
	// DialTwice is Dial, and when that call goes on in the dialplan it is handed over in the same way once more.
	DialTwice(phone string)
	// Keys lets a phone press keys and returns when the last is released.
	Keys(phone, keys string, hold, gap time.Duration)
	// PutDown lets a phone end its call.
	PutDown(phone string)
	// Digits are those that a phone has heard in its call so far.
	Digits(phone string) string
	// Hears says whether a phone hears now what another phone sends, or a tone of so many Hz ("1000").
	Hears(phone, source string) bool
	// Level is how loud a phone hears now what another phone sends, in dBFS: -12 as it is sent.
	Level(phone, source string) float64
	// Left is what is there: channels and bridges.
	Left() []string
}

// Try runs one trial in a world whose events go to the handler, in a bubble or in real time.
type Try func(t *testing.T, trial func(t *testing.T, w World, h func(Handler)))

// Contract tries everything that package actions relies on. What it finds out about a real Asterisk holds for PBX, too.
func Contract(t *testing.T, try Try) {
	for _, c := range trials() {
		t.Run(c.name, func(t *testing.T) {
			try(t, func(t *testing.T, w World, listen func(Handler)) {
				tr := &trial{T: t, World: w, name: fmt.Sprintf("t%08x", rand.Uint32()), news: make(chan struct{}, 1)}
				listen(tr)
				for _, name := range []string{"alice", "bob", "carol"} {
					w.Behave(name, Answers(500*time.Millisecond))
				}
				c.run(tr)
				tr.clear()
			})
		})
	}
}

// namedTrial is one thing to try.
type namedTrial struct {
	name string
	run  func(*trial)
}

// trial is one of them on its way.
type trial struct {
	*testing.T
	World
	name    string
	names   int
	bridges []string
	legs    []string

	mu     sync.Mutex
	events []calls.Event
	from   int // awaited events come after this one
	news   chan struct{}
}

// Deliver keeps an event.
func (tr *trial) Deliver(_ string, ev calls.Event) {
	tr.mu.Lock()
	tr.events = append(tr.events, ev)
	tr.mu.Unlock()
	select {
	case tr.news <- struct{}{}:
	default:
	}
}

// patience is how long something may take that should be there at once.
const patience = 5 * time.Second

// await returns the next event of type E that satisfies want; what came before it is not awaited any more.
func await[E calls.Event](tr *trial, what string, want func(E) bool) E {
	tr.Helper()
	ev, ok := look(tr, patience, want)
	if !ok {
		tr.Fatalf("there is no event: %s; there were %s", what, tr.story())
	}
	return ev
}

// look is await without insisting, for a given time.
func look[E calls.Event](tr *trial, d time.Duration, want func(E) bool) (found E, ok bool) {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		tr.mu.Lock()
		for i := tr.from; i < len(tr.events); i++ {
			if ev, is := tr.events[i].(E); is && want(ev) {
				tr.from = i + 1
				tr.mu.Unlock()
				return ev, true
			}
		}
		tr.mu.Unlock()
		select {
		case <-tr.news:
		case <-over.C:
			return found, false
		}
	}
}

// rewind lets await look at everything from the beginning of the trial.
func (tr *trial) rewind() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.from = 0
}

func (tr *trial) story() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var b strings.Builder
	for _, ev := range tr.events {
		if _, digit := ev.(calls.Digit); !digit {
			fmt.Fprintf(&b, "\n  %T %+v", ev, ev)
		}
	}
	return b.String()
}

func (tr *trial) must(err error) {
	tr.Helper()
	if err != nil {
		tr.Fatalf("%v; there were %s", err, tr.story())
	}
}

// is wants an error of a kind.
func (tr *trial) is(err, kind error, what string) {
	tr.Helper()
	if !errors.Is(err, kind) {
		tr.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// eventually waits until something is so.
func (tr *trial) eventually(what string, so func() bool) {
	tr.Helper()
	for began := time.Now(); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			tr.Fatalf("%s: it does not come to that; there were %s", what, tr.story())
		}
	}
}

// id makes a new id for a resource.
func (tr *trial) id(kind string) string {
	tr.names++
	return fmt.Sprintf("%s-%s-%d", kind, tr.name, tr.names)
}

// enter lets a phone call, and returns its channel.
func (tr *trial) enter(phone string) calls.Channel {
	tr.Helper()
	tr.Dial(phone)
	ev := await(tr, phone+" enters", func(ev calls.Started) bool {
		return len(ev.Args) > 0 && ev.Args[0] == "contract" && ev.Channel.Endpoint() == "PJSIP/"+phone
	})
	tr.legs = append(tr.legs, ev.Channel.ID)
	return ev.Channel
}

// create makes a channel and waits until it is in the application.
func (tr *trial) create(endpoint string, variables map[string]string) calls.Channel {
	tr.Helper()
	id := tr.id("leg")
	tr.must(tr.CreateChannel(calls.ChannelSpec{ID: id, Endpoint: endpoint, Args: []string{"x"}, Variables: variables}))
	ev := await(tr, endpoint+" enters", func(ev calls.Started) bool { return ev.Channel.ID == id })
	tr.legs = append(tr.legs, id)
	return ev.Channel
}

// bridge makes a bridge of channels.
func (tr *trial) bridge(channels ...calls.Channel) string {
	tr.Helper()
	id := tr.id("bridge")
	tr.must(tr.CreateBridge(id))
	tr.bridges = append(tr.bridges, id)
	for _, c := range channels {
		tr.must(tr.AddToBridge(id, c.ID, false))
	}
	return id
}

// talk brings alice, who has called, and bob together.
func (tr *trial) talk() (a, b calls.Channel, bridge string) {
	tr.Helper()
	a = tr.enter("alice")
	b = tr.create("PJSIP/bob", nil)
	bridge = tr.bridge(a, b)
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	await(tr, "bob is up", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Up" })
	tr.must(tr.Answer(a.ID))
	tr.eventually("alice and bob talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	return a, b, bridge
}

// left waits until a channel has left the application.
func (tr *trial) left(c calls.Channel) {
	tr.Helper()
	tr.rewind()
	await(tr, c.Name+" leaves", func(ev calls.Left) bool { return ev.Channel == c.ID })
}

// destroyed waits for the end of a channel that we have made.
func (tr *trial) destroyed(c calls.Channel) calls.Destroyed {
	tr.Helper()
	tr.rewind()
	return await(tr, c.Name+" is destroyed", func(ev calls.Destroyed) bool { return ev.Channel == c.ID })
}

// clear ends what the trial has made; nothing may be left then.
func (tr *trial) clear() {
	for _, id := range tr.legs {
		_ = tr.Hangup(id, 0) // most have ended
	}
	for _, id := range tr.bridges {
		_ = tr.DeleteBridge(id)
	}
	tr.eventually("nothing is left", func() bool { return len(tr.Left()) == 0 })
}

// TryFake is the Try of PBX.
func TryFake(t *testing.T, trial func(*testing.T, World, func(Handler))) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		trial(t, fakeWorld{p}, p.Listen)
		p.Close()
	})
}

// fakeWorld is PBX as a World.
type fakeWorld struct{ *PBX }

func (w fakeWorld) Dial(phone string) { w.Call(phone, "contract", nil, "contract") }

func (w fakeWorld) DialTwice(phone string) {
	w.Then(phone, "contract")
	w.Dial(phone)
}

func (w fakeWorld) Keys(phone, keys string, hold, gap time.Duration) {
	time.Sleep(w.Press(phone, keys, hold, gap) + time.Millisecond)
}

func (w fakeWorld) PutDown(phone string) { w.HangUp(phone) }

func (w fakeWorld) Left() []string { return w.Live() }
