package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// readAhead is how many events are asked for at once.
const readAhead = 1000

// Unfinished reads from the stream what of an Asterisk node has begun in a span of time and has no end told
// (calls.Unfinished): by what event, in no order. It fails where the stream cannot be read now.
func Unfinished(ctx context.Context, conn *nats.Conn, node string, from, to time.Time) ([]calls.Notice, error) {
	if !conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	var subjects []string
	for _, kind := range calls.UnfinishedTypes() {
		subjects = append(subjects, "metaflows.v1.event.*.*."+kind)
	}
	consumer, err := js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		NamePrefix: broker.OwnConsumer + rand.Text(), FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from,
	})
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", streamName, broker.Explain(err))
	}
	pending := consumer.CachedInfo().NumPending
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead)) // Next would make a consumer for each message
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", streamName, broker.Explain(err))
	}
	defer messages.Stop()
	open := calls.Unfinished{}
	for pending > 0 {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", streamName, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", streamName, err)
		}
		pending = meta.NumPending
		note(open, m, node, to)
	}
	unfinished := make([]calls.Notice, 0, len(open))
	for _, n := range open {
		unfinished = append(unfinished, n)
	}
	return unfinished, nil
}

// note shows what is open an event. One that comes later than the span may end something, and begins nothing.
func note(open calls.Unfinished, m jetstream.Msg, node string, to time.Time) {
	var n calls.Notice
	if json.Unmarshal(m.Data(), &n) != nil || n.Node != node { // somebody else's
		return
	}
	n.Type = strings.TrimPrefix(m.Headers().Get("ce-type"), "metaflows.v1.")
	n.Time, _ = time.Parse(time.RFC3339, m.Headers().Get("ce-time"))
	if n.Time.Before(to) {
		open.See(n)
	} else {
		open.End(n)
	}
}
