package server

import (
	"context"
	"time"

	"metaflows/app/events"
	"metaflows/flows"
)

// booksAge is how far back calls and recordings are looked for that nobody has told the end of: longer than they last.
const booksAge = 24 * time.Hour

// closeBooks tells the ends of calls and recordings that were over before this process could hear of it: what a process
// before it, or one that had the application for a while, has begun by the event stream, and no call of this one goes on
// with. It ends with ctx.
func (s *process) closeBooks(ctx context.Context) {
	for {
		select {
		case began := <-s.telephony.anew:
			s.closeBefore(ctx, began)
		case <-ctx.Done():
			return
		}
	}
}

// closeBefore closes the books of the time before this process took up the calls. It waits for NATS, until ctx ends.
func (s *process) closeBefore(ctx context.Context, began time.Time) {
	for tries := 1; ctx.Err() == nil; {
		reading, cancel := context.WithTimeout(ctx, 30*time.Second)
		unfinished, err := events.Unfinished(reading, s.broker.Events(), s.cfg.Node, began.Add(-booksAge), began)
		cancel()
		if err == nil {
			for _, n := range unfinished {
				s.closeOne(n)
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

// closeOne tells the end of a call or recording, unless it goes on. A call that ends just now tells it by the same id.
func (s *process) closeOne(begun flows.Notice) {
	if s.telephony.calls.Has(flows.BridgePrefix+begun.Call) || s.telephony.client.Status().Replaced { // or another's again
		return
	}
	n := begun
	n.Time, n.Result, n.Reason, n.Duration = time.Now(), "", "ended_while_away", 0
	switch begun.Type {
	case "call.started":
		n.Type, n.ID = "call.ended", flows.CallEventID(begun.Call, "call.ended", begun.Account)
	case "recording.started":
		live, stored, err := s.telephony.client.Recording(begun.Recording)
		if err != nil || live {
			return
		}
		n.Type, n.ID, n.Result = "recording.stored", flows.RecordingEventID(begun.Recording, "recording.stored"), "stored"
		if !stored {
			n.Result = "failed"
		}
	}
	s.log.Info("something has ended while nobody looked", "call", begun.Call, "event", n.Type)
	s.events.Publish(n)
}
