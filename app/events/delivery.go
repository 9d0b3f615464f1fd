package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

const (
	windowSize   = 512                        // notices that are on their way together
	tryingSize   = 16                         // as long as none passes
	ackTimeout   = 4 * time.Second            // for the stream to say that it has an event
	gatherTime   = 5 * time.Millisecond       // from the first of some notices to their sending
	lastLook     = 2 * time.Second            // longest from one look at a stream that takes nothing to the next
	largestSpare = 1024                       // notices for which memory is kept
	errTooLarge  = jetstream.ErrorCode(10054) // message size exceeds maximum allowed
)

// delivery is the one goroutine that publishes, and what only it touches.
type delivery struct {
	*Publisher
	js      jetstream.JetStream
	stream  jetstream.Stream // nil: to be looked at, when that is due
	due     time.Time
	pause   time.Duration // after the next look in vain
	failing bool          // a notice was not taken, and none was since
	lanes   *lanes
	sent    map[*nats.Msg]*lane // in flight
	reports chan report         // about these
	asking  sync.WaitGroup
	spare   []notice
}

// report is what has become of a message: the stream has taken it, or an error. Where the stream was asked whether it has
// it, found is the answer.
type report struct {
	message      *nats.Msg
	asked, found bool
	err          error
}

func newDelivery(ctx context.Context, p *Publisher) (d *delivery, err error) {
	d = &delivery{
		Publisher: p, lanes: newLanes(), sent: map[*nats.Msg]*lane{},
		reports: make(chan report, 2*windowSize), // who reports holds a lock of the client: there is room for all
	}
	d.js, err = jetstream.New(p.cfg.Conn, jetstream.WithPublishAsyncTimeout(ackTimeout),
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, _ *jetstream.PubAck) {
			d.tell(ctx, report{message: m})
		}),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) {
			d.tell(ctx, report{message: m, err: err})
		}))
	return d, err
}

// run publishes until ctx ends, or until Close and all is in the stream.
func (p *Publisher) run(ctx context.Context) {
	defer close(p.done)
	d, err := newDelivery(ctx, p)
	if err != nil { // only for options that do not go together
		p.setProblem(err)
		<-ctx.Done()
		return
	}
	back := p.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer p.cfg.Conn.RemoveStatusListener(back)
	for ctx.Err() == nil {
		d.takeIn()
		d.look(ctx)
		d.send(ctx)
		if d.lanes.notices == 0 {
			if p.settled(); p.ended() {
				return
			}
		}
		d.wait(ctx, back)
	}
	d.asking.Wait()
	d.putBack()
}

// takeIn puts what was given into the lanes.
func (d *delivery) takeIn() {
	d.mu.Lock()
	if d.Backlog() < d.cfg.Limit {
		d.reportLoss()
	}
	taken := d.queue
	d.queue, d.spare = d.spare, nil
	d.mu.Unlock()
	for _, n := range taken {
		if d.overShare(n.Account) {
			d.drop(n.Account)
			continue
		}
		d.lanes.add(n)
	}
	if clear(taken); cap(taken) <= largestSpare { // what a burst has taken is given back
		d.spare = taken[:0]
	}
}

// look makes sure of the stream, when it is due.
func (d *delivery) look(ctx context.Context) {
	if d.stream != nil || time.Now().Before(d.due) {
		return
	}
	stream, err := d.ensureStream(ctx, d.js)
	if err != nil {
		d.setProblem(err)
		d.lookLater()
		return
	}
	if d.stream = stream; !d.failing {
		d.setProblem(nil)
	}
}

// lookLater has all wait for the next look at the stream, each time longer.
func (d *delivery) lookLater() {
	d.pause = longer(d.pause, lastLook)
	d.stream, d.due = nil, time.Now().Add(d.pause)
}

// send fills the window, which is small as long as nothing passes.
func (d *delivery) send(ctx context.Context) {
	window := windowSize
	if d.failing {
		window = tryingSize
	}
	d.lanes.wake(time.Now())
	for d.stream != nil && ctx.Err() == nil {
		l := d.lanes.take(window)
		if l == nil {
			break
		}
		d.attempt(ctx, l)
	}
	d.inFlight.Store(int64(d.lanes.inFlight))
}

// attempt sends the first notice of a lane, or asks before whether the stream has it.
func (d *delivery) attempt(ctx context.Context, l *lane) {
	m, err := l.waiting[0].message()
	if err != nil { // a Notice has nothing that JSON lacks
		d.discard(l, "it cannot be encoded: "+err.Error(), "report it, with the lines around it")
		return
	}
	if !d.forgotten(l) {
		d.publish(l, m)
		return
	}
	d.sent[m] = l
	stream := d.stream
	d.asking.Go(func() { d.tell(ctx, report{message: m, asked: true, found: holds(ctx, stream, m)}) })
}

// forgotten says whether a lane's first notice may have been sent so long ago that the stream would take it once more.
func (d *delivery) forgotten(l *lane) bool {
	if l.sent.IsZero() {
		return l.waiting[0].again
	}
	return time.Since(l.sent) >= d.remembered()*9/10
}

func (d *delivery) publish(l *lane, m *nats.Msg) {
	l.began = time.Now()
	if l.tries++; l.sent.IsZero() {
		l.sent = l.began
	}
	m.Subject = broker.PublishSubject(m.Subject)
	d.sent[m] = l
	if _, err := d.js.PublishMsgAsync(m, jetstream.WithExpectStream(streamName), jetstream.WithRetryAttempts(0)); err != nil {
		d.heed(report{message: m, err: err})
	}
}

// tell is called by other goroutines.
func (d *delivery) tell(ctx context.Context, r report) {
	select {
	case d.reports <- r:
	case <-ctx.Done():
	}
}

// heed draws the consequences of a report.
func (d *delivery) heed(r report) {
	l := d.sent[r.message]
	if l == nil { // it was reported before
		return
	}
	delete(d.sent, r.message)
	var api *jetstream.APIError
	switch now := time.Now(); {
	case r.found:
		d.done(l)
	case r.asked:
		d.publish(l, r.message)
	case r.err == nil:
		d.pass(l, now)
	case errors.Is(r.err, nats.ErrMaxPayload) || errors.As(r.err, &api) && api.ErrorCode == errTooLarge:
		d.discard(l, "it is too large for NATS", "let NATS take messages of 1 MB, as it does by itself: max_payload of the server, max_msg_size of the stream "+streamName)
	case d.cfg.Conn.IsConnected() && !errors.Is(r.err, nats.ErrDisconnected) && d.lanes.alone(l):
		d.refused(l, r.err)
		d.lanes.rest(l, now)
	default: // the stream may be gone
		d.failing = true
		d.setProblem(fmt.Errorf("publish events: %w", r.err))
		if d.lanes.again(l); d.stream != nil {
			d.lookLater()
		}
	}
}

// pass is for a notice that the stream has.
func (d *delivery) pass(l *lane, now time.Time) {
	d.published.Add(1)
	d.lanes.pass(l, now)
	d.done(l)
	if d.pause = 0; d.failing {
		d.failing = false
		d.setProblem(nil)
		d.lanes.wakeAll()
	}
}

func (d *delivery) done(l *lane) {
	d.backlog.Add(-1)
	d.lanes.done(l)
}

// refused tells of a lane that backs off: of an account's first, and of each once.
func (d *delivery) refused(l *lane, err error) {
	told := l.warned || l.account.warned
	if l.warned, l.account.warned = true, true; told {
		return
	}
	if last := d.cfg.Conn.LastError(); errors.Is(err, jetstream.ErrAsyncPublishTimeout) && errors.Is(last, nats.ErrPermissionViolation) {
		err = fmt.Errorf("the stream does not answer; NATS has last said: %w", last)
	}
	d.cfg.Log.Warn("an account's events wait: others are taken, and they are not", "account", l.account.name, "subject", subject(l.waiting[0].Notice), "error", err)
}

// wait is until there may be something to do.
func (d *delivery) wait(ctx context.Context, back <-chan nats.Status) {
	var timer <-chan time.Time
	if at := d.next(); !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-d.wake:
		if d.lanes.notices == 0 {
			gather(ctx)
		}
	case r := <-d.reports:
		d.heed(r)
		for range len(d.reports) {
			d.heed(<-d.reports)
		}
	case <-back: // with other permissions, perhaps
		d.stream, d.due, d.pause = nil, time.Time{}, 0
		d.lanes.wakeAll()
	case <-timer:
	case <-ctx.Done():
	}
}

// next is when the stream is to be looked at, or a lane has rested; zero for never.
func (d *delivery) next() (at time.Time) {
	if d.stream == nil {
		return d.due
	}
	if len(d.lanes.resting) > 0 {
		at = d.lanes.resting[0].until
	}
	return at
}

// gather lets what a code does go before what is told of it, where they share a machine: a code must act at once, its
// events need not be there in the same moment.
func gather(ctx context.Context) {
	select {
	case <-time.After(gatherTime):
	case <-ctx.Done():
	}
}

func (p *Publisher) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed && len(p.queue) == 0 && p.lost == 0
}
