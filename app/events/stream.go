package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

const (
	streamTimeout = 3 * time.Second
	// duplicates is how long the stream knows an event's id: longer than most outages in which an event may have been stored
	// without our learning of it. After longer ones it is looked for.
	duplicates = 10 * time.Minute
	// Limits of a new stream where none are given: what the embedded server holds of a stream in memory grows with the stream.
	defaultAge   = 7 * 24 * time.Hour
	defaultBytes = 256 << 20
)

// ensureStream makes the stream, or gives an existing one our subjects and limits and leaves the rest of it (replicas,
// placement) to its administrator.
func (p *Publisher) ensureStream(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	if !p.cfg.Conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	stream, err := js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if err := p.deleted.Gone(); err != nil {
			return nil, wrapStream("look up", err)
		}
		want := jetstream.StreamConfig{Name: streamName, Description: "what happened to calls", AllowDirect: true}
		want.MaxAge, want.MaxBytes = defaultAge, defaultBytes
		p.limits(&want)
		if stream, err = js.CreateStream(ctx, want); err == nil {
			p.deleted.There()
		}
		return stream, wrapStream("create", err)
	}
	if err != nil {
		return nil, wrapStream("look up", err)
	}
	p.deleted.There()
	have := stream.CachedInfo().Config
	want := have
	p.limits(&want)
	if broker.CollectsEvents(have) && have.MaxAge == want.MaxAge && have.MaxBytes == want.MaxBytes &&
		have.Discard == want.Discard && have.Duplicates == want.Duplicates {
		return stream, nil
	}
	stream, err = js.UpdateStream(ctx, want)
	return stream, wrapStream("update", err)
}

// holds asks the stream for a message that it may have, though it would take it once more: after a long outage of NATS some
// are sent again that arrived just before it. A lane keeps its order, so that such a message is the last of its subject.
// Where the stream does not say, it is rather there twice than not at all.
func holds(ctx context.Context, stream jetstream.Stream, m *nats.Msg) bool {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	last, err := stream.GetLastMsgForSubject(ctx, m.Subject)
	return err == nil && last.Header.Get(jetstream.MsgIDHeader) == m.Header.Get(jetstream.MsgIDHeader)
}

func (p *Publisher) limits(c *jetstream.StreamConfig) {
	broker.CollectEvents(c)
	if p.cfg.MaxAge > 0 {
		c.MaxAge = p.cfg.MaxAge
	}
	if p.cfg.MaxBytes > 0 {
		c.MaxBytes = p.cfg.MaxBytes
	}
	c.Discard = jetstream.DiscardOld
	c.Duplicates = duplicates
	if c.MaxAge > 0 {
		c.Duplicates = min(duplicates, c.MaxAge)
	}
	p.memory.Store(int64(c.Duplicates))
}

// remembered is how long the stream knows an event's id.
func (p *Publisher) remembered() time.Duration {
	return cmp.Or(time.Duration(p.memory.Load()), duplicates)
}

func wrapStream(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s stream %s: %w", verb, streamName, broker.Explain(err))
}
