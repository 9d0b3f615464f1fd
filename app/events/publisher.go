package events

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// defaultLimit is how many notices wait: an hour without NATS at 18 a second, in about 40 MB.
const defaultLimit = 65536

// Config is what a Publisher needs.
type Config struct {
	Conn     *nats.Conn    // its Close is its owner's; it must fail a publish rather than keep it while disconnected
	Node     string        // the Asterisk node's name, in every event
	MaxAge   time.Duration // limits of the stream; the oldest events go first. 0: a new one has 7 days and 256 MiB,
	MaxBytes int64         // one that is there keeps its own
	Limit    int           // notices that may wait; 0: 65,536
	Pending  string        // file in which Close leaves what it could not publish, for the next New; "" for none
	Log      *slog.Logger
}

// Publisher is a calls.Publisher. Its methods may be called by any goroutine.
type Publisher struct {
	cfg Config

	mu       sync.Mutex
	queue    []notice  // given, not in the lanes yet
	lost     int64     // since the last events.lost
	total    int64     // lost ever
	reported time.Time // the last events.lost
	closed   bool
	problem  error // why the stream cannot be used; nil when it can

	deleted broker.Deleted // the stream; of run's goroutine

	closing  sync.Once
	end      error // of Close
	leftover bool  // there is a file of what a stop has left

	backlog   atomic.Int64 // given, not in the stream yet
	inFlight  atomic.Int64 // of these, on their way
	published atomic.Int64 // ever
	memory    atomic.Int64 // how long the stream knows an id, a time.Duration

	wake chan struct{} // one slot
	stop context.CancelFunc
	done chan struct{}
}

// notice is what waits.
type notice struct {
	calls.Notice
	again  bool   // a process before this one may have published it
	number uint64 // of all that were given
}

// New starts a Publisher; nothing waits for NATS.
func New(cfg Config) *Publisher {
	if cfg.Limit <= 0 {
		cfg.Limit = defaultLimit
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Publisher{
		cfg: cfg, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}),
		problem: fmt.Errorf("stream %s: not looked at yet", streamName),
	}
	p.takeUp()
	go p.run(ctx)
	return p
}

// Publish queues a notice; it never blocks and never fails. Where the notice has no time, it is now; where it has no id,
// it gets one that no other has.
func (p *Publisher) Publish(n calls.Notice) {
	n.Node = p.cfg.Node
	if n.Time.IsZero() {
		n.Time = time.Now()
	}
	if n.ID == "" {
		n.ID = rand.Text()
	}
	p.mu.Lock()
	full := p.Backlog() >= p.cfg.Limit
	var first bool
	if full || p.closed {
		first = p.loseLocked()
	} else {
		p.reportLoss()
		p.enqueue(notice{Notice: n})
	}
	p.mu.Unlock()
	if full && first {
		p.cfg.Log.Error("events are being lost: too many wait for NATS", "waiting", p.cfg.Limit,
			"do", "make NATS take them again, they are published then: metaflows health says what is wrong with it")
	}
	p.signal()
}

// enqueue takes a notice. The caller holds the lock.
func (p *Publisher) enqueue(n notice) {
	p.queue = append(p.queue, n)
	p.backlog.Add(1)
}

// Err says why no events can be published now; nil when they can. That some are refused while others pass is no such
// reason: the log tells it of each call, and they are part of Backlog.
func (p *Publisher) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problem
}

// Backlog is the number of notices that the stream does not have yet.
func (p *Publisher) Backlog() int { return int(p.backlog.Load()) }

// Published is the number of notices that the stream has been given since the start.
func (p *Publisher) Published() int64 { return p.published.Load() }

// Waiting is the number of notices that are not on their way to the stream.
func (p *Publisher) Waiting() int { return int(p.backlog.Load() - p.inFlight.Load()) }

// Lost is the number of notices that were lost since the start.
func (p *Publisher) Lost() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// Close publishes what waits and ends the Publisher; a notice given later is lost. When ctx ends first, the rest is left in
// Config.Pending, and where it cannot be, the error says how many are lost. A second Close says the same.
func (p *Publisher) Close(ctx context.Context) error {
	p.closing.Do(func() { p.end = p.close(ctx) })
	return p.end
}

func (p *Publisher) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.signal()
	defer p.stop()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	p.stop()
	<-p.done
	return p.leave(cmp.Or(p.Err(), context.Cause(ctx)))
}

func (p *Publisher) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// setProblem notes how the stream stands, and logs when that changes.
func (p *Publisher) setProblem(err error) {
	p.mu.Lock()
	was := p.problem
	p.problem = err
	p.mu.Unlock()
	waiting := p.Waiting()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		p.cfg.Log.Warn("events wait", "waiting", waiting, "error", err)
	case err == nil && was != nil:
		p.cfg.Log.Info("events are published", "stream", streamName, "waiting", waiting)
	}
}

// Message is a notice of an Asterisk node as the stream holds it and subscribers hear it: a CloudEvent in binary mode.
func Message(n calls.Notice, node string) (*nats.Msg, error) {
	n.Node = node
	return notice{Notice: n}.message()
}

// message is Message for a notice that knows its node.
func (n notice) message() (*nats.Msg, error) {
	if n.ID == "" {
		n.ID = rand.Text()
	}
	body, err := encode(n)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(subject(n.Notice))
	m.Data = body
	m.Header = nats.Header{
		"ce-specversion":      {"1.0"},
		"ce-id":               {n.ID},
		"ce-source":           {"/metaflows/" + n.Node},
		"ce-type":             {"metaflows.v1." + n.Type},
		"ce-time":             {n.Time.UTC().Format(stamp)},
		jetstream.MsgIDHeader: {n.ID},
	}
	if n.Call != "" {
		m.Header["ce-subject"] = []string{n.Call}
	}
	return m, nil
}
