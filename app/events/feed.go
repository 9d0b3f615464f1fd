package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

// Now is the place after which there are only events that are still to come.
const Now = math.MaxUint64

const (
	feedTimeout = 2 * time.Second // for the server to end a consumer
	feedAhead   = 64              // events that the server sends before they are asked for
	feedExpiry  = 10 * time.Second
	feedBeat    = 2 * time.Second // a server that is silent for twice as long is asked anew
)

// Feed gives events as the stream gets them. It is its maker's alone: one goroutine at a time.
type Feed interface {
	// Next waits for the next event and gives it with its place in the stream. The error is ctx's, or wraps ErrUnavailable:
	// then the feed is over, and another one can be made that begins after the last place.
	Next(ctx context.Context) (Event, uint64, error)
	// Close ends the feed. It may wait for NATS for two seconds.
	Close()
}

// Follow begins a feed of what is published under an account, "" for everything, after a place in the stream: 0 is all that
// the stream holds, Now what is still to come. A place that the stream has not reached is one of a stream that was lost, and
// nothing of this one was seen: it begins at its first event. at is the place after which it begins. It blocks until NATS has
// answered; the error wraps ErrUnavailable.
func (r *Reader) Follow(ctx context.Context, account string, after uint64) (feed Feed, at uint64, err error) {
	if !r.conn.IsConnected() {
		return nil, 0, fmt.Errorf("%w: NATS is not connected", ErrUnavailable)
	}
	stream, err := r.js.Stream(ctx, streamName)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, broker.Explain(err))
	}
	switch last := stream.CachedInfo().State.LastSeq; {
	case after == Now:
		after = last // not "new ones": a consumer that is made again would pass over what came meanwhile
	case after > last:
		after = 0
	}
	subject := broker.EventSubjects
	if account != "" {
		subject = "metaflows.v1.event." + broker.Token(account) + ".>"
	}
	consumer, err := r.js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		NamePrefix: broker.OwnConsumer + rand.Text(), FilterSubjects: []string{subject},
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		InactiveThreshold: consumerLife, MaxResetAttempts: 1, // who listens begins again; Next must not wait for ever
	})
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, broker.Explain(err))
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(feedAhead), jetstream.PullExpiry(feedExpiry), jetstream.PullHeartbeat(feedBeat))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &follower{js: r.js, consumer: consumer, messages: messages}, after, nil
}

// follower is a Feed by a consumer of its own, which the server keeps as long as it asks for events.
type follower struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	messages jetstream.MessagesContext
}

func (f *follower) Next(ctx context.Context) (Event, uint64, error) {
	m, err := f.messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return Event{}, 0, err
		}
		return Event{}, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	meta, err := m.Metadata()
	if err != nil {
		return Event{}, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return eventOf(m), meta.Sequence.Stream, nil
}

func (f *follower) Close() {
	f.messages.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), feedTimeout)
	defer cancel()
	_ = f.js.DeleteConsumer(ctx, streamName, f.consumer.CachedInfo().Name) // else it goes after its life
}
