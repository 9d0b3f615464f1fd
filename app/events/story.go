package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

// ErrUnavailable: the stream cannot be read now.
var ErrUnavailable = errors.New("the event stream cannot be read")

// consumerLife is how long the server keeps a consumer that nobody ends.
const consumerLife = 10 * time.Second

// Event is one event as the stream keeps it: a CloudEvent, as it is written in JSON where data and attributes stand
// together.
type Event struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
}

// Reader reads what the stream keeps. Its methods may be called by any goroutine.
type Reader struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

// NewReader makes a reader of the connection that the publisher has, too.
func NewReader(conn *nats.Conn) (*Reader, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return &Reader{conn: conn, js: js}, nil
}

// Story reads what was published about a call under an account, in the order of the stream: at most so many events, from a
// place in the stream on, 0 for its beginning. next is the place of the one that follows, 0 if there is none. It blocks
// until NATS has answered; the error wraps ErrUnavailable.
func (r *Reader) Story(ctx context.Context, account, call string, from uint64, most int) (page []Event, next uint64, err error) {
	if !r.conn.IsConnected() {
		return nil, 0, fmt.Errorf("%w: NATS is not connected", ErrUnavailable)
	}
	cfg := jetstream.ConsumerConfig{
		Name:          broker.OwnConsumer + rand.Text(),
		FilterSubject: "metaflows.v1.event." + broker.Token(account) + "." + broker.Token(call) + ".>",
		AckPolicy:     jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: consumerLife,
	}
	if from > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, from
	}
	consumer, err := r.js.CreateConsumer(ctx, streamName, cfg)
	if errors.Is(err, jetstream.ErrStreamNotFound) { // nothing was ever published
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, broker.Explain(err))
	}
	info := consumer.CachedInfo()
	defer func() { _ = r.js.DeleteConsumer(context.WithoutCancel(ctx), streamName, info.Name) }()
	if info.NumPending == 0 {
		return nil, 0, nil
	}
	wanted := int(min(info.NumPending, uint64(most)+1))
	batch, err := consumer.Fetch(wanted, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if len(page) == most {
			return page, meta.Sequence.Stream, nil
		}
		page = append(page, eventOf(m))
	}
	if err := batch.Error(); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := ctx.Err(); len(page) < wanted && err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return page, 0, nil
}

func eventOf(m jetstream.Msg) Event {
	h := m.Headers()
	return Event{
		SpecVersion: h.Get("ce-specversion"), ID: h.Get("ce-id"), Source: h.Get("ce-source"), Type: h.Get("ce-type"),
		Subject: h.Get("ce-subject"), Time: h.Get("ce-time"), Data: m.Data(),
	}
}
