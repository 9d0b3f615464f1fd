package server

import (
	"context"
	"time"

	"metaflows/app/events"
	"metaflows/flows/calls"
)

// missedAge is how far back calls and recordings are looked for that nobody has told the end of: longer than they last.
const missedAge = 24 * time.Hour

// tellMissedEnds tells the ends of calls and recordings that were over before this process could hear of it: what a process
// before it, or one that had the application for a while, has begun by the event stream, and no call of this one goes on
// with. It ends with ctx.
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
		reading, cancel := context.WithTimeout(ctx, 30*time.Second)
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

// tellEnd tells the end of a call or recording, unless it goes on. A call that ends just now tells it by the same id.
func (s *process) tellEnd(begun calls.Notice) {
	if s.telephony.calls.Has(calls.BridgePrefix+begun.Call) || s.telephony.client.Status().Replaced { // or another's again
		return
	}
	n := endOf(begun)
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
	s.events.Publish(n)
}

// endOf is the event of the end that belongs to that of a beginning, of which it has what an end has, too.
func endOf(begun calls.Notice) calls.Notice {
	n := calls.Notice{
		Time: time.Now(), Reason: "ended_while_away", Account: begun.Account, Call: begun.Call, Recording: begun.Recording,
		Channel: begun.Channel, Endpoint: begun.Endpoint, User: begun.User, Device: begun.Device,
		OtherChannel: begun.OtherChannel, OtherEndpoint: begun.OtherEndpoint, OtherUser: begun.OtherUser, OtherDevice: begun.OtherDevice,
		UniqueID: begun.UniqueID, LinkedID: begun.LinkedID, SIPCallID: begun.SIPCallID,
		Action: begun.Action, Module: begun.Module, Path: begun.Path, Document: begun.Document, Digits: begun.Digits,
	}
	if begun.Type == "recording.started" {
		n.Type, n.ID = "recording.stored", calls.RecordingEventID(begun.Recording, "recording.stored")
	} else {
		n.Type, n.ID = "call.ended", calls.CallEventID(begun.Call, "call.ended", begun.Account)
	}
	return n
}
