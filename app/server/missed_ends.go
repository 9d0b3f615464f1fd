package server

import (
	"context"
	"time"

	"metaflows/app/events"
	"metaflows/flows/calls"
)

// missedAge is how far back is looked for what nobody has told the end of: longer than calls and recordings last.
const missedAge = 24 * time.Hour

// readingTime is how long the stream may take to be read: of a million events in 5,000 calls that go on, on half a processor, it is
// half a minute (events.Unfinished).
const readingTime = 2 * time.Minute

// tellMissedEnds tells the ends of calls, recordings and actions that were over before this process could hear of it: what a
// process before it, or one that had the application for a while, has begun by the event stream, and no call of this one goes
// on with. It ends with ctx.
func (s *process) tellMissedEnds(ctx context.Context) {
	for {
		select {
		case began := <-s.telephony.anew:
			s.tellEndsBefore(ctx, began)
		case <-ctx.Done():
			return
		}
	}
}

// tellEndsBefore tells the ends from before this process took up the calls. It waits for NATS, until ctx ends.
func (s *process) tellEndsBefore(ctx context.Context, began time.Time) {
	for tries := 1; ctx.Err() == nil; {
		drained(ctx, s.events.Backlog, drainTime)
		reading, cancel := context.WithTimeout(ctx, readingTime)
		unfinished, err := events.Unfinished(reading, s.broker.Events(), s.cfg.Node, began.Add(-missedAge), began)
		cancel()
		if err == nil {
			for _, n := range unfinished {
				s.tellEnd(n)
			}
			return
		}
		if s.events.Err() == nil {
			tries++ // NATS is there: it does not let us
		}
		if tries > 3 {
			s.log.Warn("calls that have ended while nobody looked cannot be told of: the event stream cannot be read", "error", err)
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// drainTime is how long what waits to be published may take, once NATS is there.
const drainTime = 10 * time.Second

// drained waits until nothing waits to be published, most is over or ctx ends: the end of what has begun by the stream may be
// among what a process before this one has left to be published, and would be told twice, the second time as lost.
func drained(ctx context.Context, backlog func() int, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for backlog() > 0 && ctx.Err() == nil {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// tellEnd tells the end of something unfinished, unless it goes on. A call that ends just now tells it by the same id.
func (s *process) tellEnd(begun calls.Notice) {
	switch {
	case s.telephony.client.Status().Replaced: // it may be another's again
		return
	case begun.Type != "call.started" && begun.Type != "recording.started":
		s.telephony.calls.Lost(begun)
		return
	case s.telephony.calls.Has(calls.BridgePrefix + begun.Call):
		return
	}
	n := calls.EndedUnseen(begun)
	if begun.Type == "recording.started" {
		live, stored, err := s.telephony.client.Recording(begun.Recording)
		if err != nil || live {
			return
		}
		n.Result = "stored"
		if !stored {
			n.Result = "failed"
		}
	}
	s.log.Info("something has ended while nobody looked", "call", begun.Call, "event", n.Type)
	s.recordings.Publish(n)
}
