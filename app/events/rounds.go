package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

const (
	windowSize  = 256                    // notices that are looked at together
	ackTimeout  = 4 * time.Second        // for the stream to say that it has an event
	gatherTime  = 5 * time.Millisecond   // from the first of some notices to their sending
	firstRetry  = 100 * time.Millisecond // after a round that failed
	lastRetry   = 2 * time.Second
	errTooLarge = jetstream.ErrorCode(10054) // message size exceeds maximum allowed
)

// item is a notice ready to be sent.
type item struct {
	notice  notice
	lane    string
	message *nats.Msg
	ack     jetstream.PubAckFuture
	sent    time.Time // for the first time; zero for never
	done    bool
}

// run is the one goroutine that publishes.
func (p *Publisher) run(ctx context.Context) {
	defer close(p.done)
	js, err := jetstream.New(p.cfg.Conn, jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil { // only for options that do not go together
		p.setProblem(err)
		<-ctx.Done()
		return
	}
	var window []*item
	retry := firstRetry
	ready, failing := false, false
	for ctx.Err() == nil {
		if !ready {
			err := p.ensureStream(ctx, js)
			if err != nil {
				p.setProblem(err)
				p.sleep(ctx, &retry)
				continue
			}
			if ready = true; !failing {
				p.setProblem(nil)
			}
		}
		window = p.fill(window)
		p.taken.Store(int64(len(window)))
		if len(window) == 0 {
			if p.settled(); p.ended() {
				return
			}
			select {
			case <-p.wake:
				gather(ctx)
			case <-ctx.Done():
			}
			continue
		}
		err := p.round(ctx, js, window)
		window = rest(window)
		if p.taken.Store(int64(len(window))); err == nil {
			p.setProblem(nil)
			retry, failing = firstRetry, false
			continue
		}
		failing = true
		if ctx.Err() == nil {
			p.setProblem(err)
			p.sleep(ctx, &retry)
			ready = false // the stream may be gone; this also finds out when NATS is back
		}
	}
	p.putBack(window)
}

// gather lets what a code does go before what is told of it, where they share a machine: a code must act at once, its
// events need not be there in the same moment.
func gather(ctx context.Context) {
	select {
	case <-time.After(gatherTime):
	case <-ctx.Done():
	}
}

// round sends the first notice of each lane and waits until the stream has them. It returns one of the errors.
func (p *Publisher) round(ctx context.Context, js jetstream.JetStream, window []*item) error {
	p.findForgotten(ctx, js, window)
	busy := make(map[string]bool, len(window))
	var sent []*item
	var failed error
	for _, it := range window {
		if it.done || busy[it.lane] {
			continue
		}
		busy[it.lane] = true
		if it.sent.IsZero() {
			it.sent = time.Now()
		}
		sending := *it.message // the client sets the place for its answer
		sending.Subject = broker.PublishSubject(it.message.Subject)
		ack, err := js.PublishMsgAsync(&sending, jetstream.WithExpectStream(streamName))
		if err != nil {
			failed = p.judge(it, err, failed)
			continue
		}
		it.ack = ack
		sent = append(sent, it)
	}
	for _, it := range sent {
		select {
		case <-it.ack.Ok():
			it.done = true
			p.published.Add(1)
		case err := <-it.ack.Err():
			failed = p.judge(it, err, failed)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failed
}

// findForgotten looks for notices in the stream that were sent so long ago that it would take them once more: after a long
// outage of NATS, some that had arrived just before it are sent again. A lane keeps its order, so that such a notice is the
// last of its subject. Where the stream does not say, it is rather there twice than not at all.
func (p *Publisher) findForgotten(ctx context.Context, js jetstream.JetStream, window []*item) {
	var stream jetstream.Stream
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	for _, it := range window {
		old := it.notice.again && it.sent.IsZero() || !it.sent.IsZero() && time.Since(it.sent) >= p.remembered()*9/10
		if it.done || !old {
			continue
		}
		var err error
		if stream == nil {
			if stream, err = js.Stream(ctx, streamName); err != nil {
				return
			}
		}
		last, err := stream.GetLastMsgForSubject(ctx, it.message.Subject)
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return
		}
		it.done = err == nil && last.Header.Get(jetstream.MsgIDHeader) == it.message.Header.Get(jetstream.MsgIDHeader)
	}
}

// judge gives up on a notice that no stream will ever take, and says what to do about any other.
func (p *Publisher) judge(it *item, err, before error) error {
	var api *jetstream.APIError
	if errors.Is(err, nats.ErrMaxPayload) || errors.As(err, &api) && api.ErrorCode == errTooLarge {
		it.done = true
		p.mu.Lock()
		p.lost++
		p.total++
		p.mu.Unlock()
		p.cfg.Log.Error("an event is too large for NATS and is lost", "subject", it.message.Subject, "bytes", len(it.message.Data))
		return before
	}
	return fmt.Errorf("publish events: %w", err)
}

// fill takes notices from the queue until the window is full.
func (p *Publisher) fill(window []*item) []*item {
	p.mu.Lock()
	if len(p.queue) < p.cfg.Limit {
		p.confess()
	}
	n := min(windowSize-len(window), len(p.queue))
	taken := make([]notice, n)
	copy(taken, p.queue)
	clear(p.queue[:n])
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil // what a burst has taken is given back
	}
	p.mu.Unlock()
	for _, n := range taken {
		m, err := n.message()
		if err != nil { // a Notice has nothing that JSON lacks
			p.cfg.Log.Error("an event cannot be encoded and is lost", "type", n.Type, "error", err)
			continue
		}
		window = append(window, &item{notice: n, lane: n.lane(), message: m})
	}
	return window
}

// rest is what is still to be sent, in order.
func rest(window []*item) []*item {
	left := window[:0]
	for _, it := range window {
		if !it.done {
			left = append(left, it)
		}
	}
	clear(window[len(left):])
	return left
}

func (p *Publisher) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed && len(p.queue) == 0 && p.lost == 0
}

// putBack queues what was taken and not published again, for Close.
func (p *Publisher) putBack(window []*item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := make([]notice, 0, len(window)+len(p.queue))
	for _, it := range window {
		left = append(left, it.notice)
	}
	p.queue = append(left, p.queue...)
	p.taken.Store(0)
}

// sleep waits before the next attempt, each time longer.
func (p *Publisher) sleep(ctx context.Context, retry *time.Duration) {
	t := time.NewTimer(*retry)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	*retry = min(2**retry, lastRetry)
}
