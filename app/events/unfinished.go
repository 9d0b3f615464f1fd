package events

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

const (
	readAhead = 1000 // events are asked for at once
	// together is how many calls are asked for at once. For each of their events NATS looks at all of their names, and each time
	// that some are asked for at all of the stream: of a million events, 5,000 calls that go on are read in a third of what 100 at
	// once cost, and of ten thousand in a fifth of what 2,500 at once cost.
	together = 500
)

// Unfinished reads from the stream what of an Asterisk node has begun in a span of time and has no end told
// (calls.Unfinished): by what event, calls last. It fails where the stream cannot be read now. Read are the events of calls of
// which something may be unfinished, by what the stream counts under each subject; of the others there may be as many as there
// are. That is for work beside the calls, which does not wait for it: NATS counts under each subject anew for each type, so that
// beside a million events of a day 1,000 calls that go on take 9 s of a processor, and 5,000 take 20 (BenchmarkUnfinished).
func Unfinished(ctx context.Context, conn *nats.Conn, node string, from, to time.Time) ([]calls.Notice, error) {
	if !conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", streamName, broker.Explain(err))
	}
	told := tallies{}
	for _, kind := range append(calls.UnfinishedTypes(), takenUp...) {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter("metaflows.v1.event.*.*."+kind))
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", streamName, broker.Explain(err))
		}
		told.count(kind, info.State.Subjects)
	}
	open := calls.Unfinished{}
	for some := range slices.Chunk(told.open(), together) {
		if err := readCalls(ctx, stream, some, from, func(m jetstream.Msg) { note(open, m, node, to) }); err != nil {
			return nil, fmt.Errorf("read stream %s: %w", streamName, broker.Explain(err))
		}
	}
	unfinished := slices.Collect(maps.Values(open))
	slices.SortStableFunc(unfinished, func(a, b calls.Notice) int { return cmp.Compare(last(a), last(b)) })
	return unfinished, nil
}

// last is 1 for a call, whose end is told behind those of its actions and recordings: by call.ended nothing of it is read any
// more, and who tells the ends may be killed in between.
func last(n calls.Notice) int {
	if n.Type == "call.started" {
		return 1
	}
	return 0
}

// takenUp are the types that say of a call that a process took it up from one before.
var takenUp = []string{"call.adopted", "call.abandoned"}

// tallies are how many events of each type there are: of an account's part in a call, by the tokens that subjects name it with.
type tallies map[part]map[string]uint64

type part struct{ account, call string }

func (t tallies) count(kind string, subjects map[string]uint64) {
	for subject, n := range subjects {
		tokens := strings.SplitN(subject, ".", 6) // metaflows.v1.event.<account>.<call>.<type>
		p := part{tokens[3], tokens[4]}
		if t[p] == nil {
			t[p] = map[string]uint64{}
		}
		t[p][kind] = n
	}
}

// open are the calls of which something may be unfinished. Nothing is of a call that has ended in the process in which it began:
// all that ran on it is told to have ended before. One that was taken up may have ended before it is told what the process
// before had begun, also where nothing had begun: a node that was to run next has no event of its own, and one that was
// refused has no beginning, so that numbers do not say it.
func (t tallies) open() []string {
	open := map[string]struct{}{}
	for p, n := range t {
		if n["call.ended"] == 0 || n["call.adopted"]+n["call.abandoned"] > 0 || n["recording.started"] > n["recording.stored"] ||
			n["action.started"] > n["action.finished"]+n["action.failed"] {
			open[p.call] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(open))
}

// readCalls reads what the stream holds of some calls since a time, in the stream's order.
func readCalls(ctx context.Context, stream jetstream.Stream, some []string, from time.Time, each func(jetstream.Msg)) error {
	var subjects []string
	for _, call := range some {
		for _, kind := range []string{"call", "recording", "action"} {
			subjects = append(subjects, "metaflows.v1.event.*."+call+"."+kind+".*")
		}
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		NamePrefix: broker.OwnConsumer + rand.Text(), FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from,
	})
	if err != nil {
		return err
	}
	pending := consumer.CachedInfo().NumPending
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead)) // Next would make a consumer for each message
	if err != nil {
		return err
	}
	defer messages.Stop()
	for pending > 0 {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		pending = meta.NumPending
		each(m)
	}
	return nil
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
