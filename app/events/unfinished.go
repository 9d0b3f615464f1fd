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

// beginnings are the types of events that have an end, and the types of those.
var beginnings = map[string]string{"call.started": "call.ended", "recording.started": "recording.stored"}

// readAhead is how many events are asked for at once.
const readAhead = 1000

// Unfinished reads from the stream which calls and recordings of an Asterisk node have begun in a span of time and have no
// end told: their first events, in no order. It fails where the stream cannot be read now.
func Unfinished(ctx context.Context, conn *nats.Conn, node string, from, to time.Time) ([]calls.Notice, error) {
	if !conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	var subjects []string
	for begin, end := range beginnings {
		subjects = append(subjects, "metaflows.v1.event.*.*."+begin, "metaflows.v1.event.*.*."+end)
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
	open := map[string]calls.Notice{}
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

// note takes a beginning among those that are open, or an end out of them.
func note(open map[string]calls.Notice, m jetstream.Msg, node string, to time.Time) {
	var n calls.Notice
	if json.Unmarshal(m.Data(), &n) != nil || n.Node != node { // somebody else's
		return
	}
	n.Type = strings.TrimPrefix(m.Headers().Get("ce-type"), "metaflows.v1.")
	n.Time, _ = time.Parse(time.RFC3339, m.Headers().Get("ce-time"))
	end, begins := beginnings[n.Type]
	if !begins {
		delete(open, thing(n, n.Type))
	} else if n.Time.Before(to) {
		open[thing(n, end)] = n
	}
}

// thing is what has an end of that type: a call under an account, or a recording.
func thing(n calls.Notice, end string) string {
	if n.Recording != "" {
		return end + ":" + n.Recording
	}
	return end + ":" + n.Call + ":" + n.Account
}
