package actions

import (
	"errors"

	"metaflows/flows/calls"
)

// hangup ends the presser's leg (Kazoo: the pressing leg, not the call). Who is left alone by that and does not go on in
// the dialplan ends, too, and first: Asterisk has more to do for the presser, whom nobody waits for.
func (s *Set) hangup() calls.Module {
	m := calls.Define("hangup", struct{}{}, func(t *calls.Task, _ struct{}) (calls.Next, error) {
		t.Accept("")
		leg, peer := t.Leg, t.Call.Peer(t.Leg)
		if !t.Call.Answered() { // what becomes of the others is the dialling's business
			if err := t.Beside(leg.Lane(), s.hangingUp(leg).Alone())(); err != nil && !gone(err) && t.Ending() == nil {
				return calls.Stop, err
			}
			return calls.Continue, nil
		}
		if err := t.Part(leg); err != nil { // nothing is switched on it any more
			return calls.Stop, err
		}
		if peer == nil || peer.Goes || t.Call.Held() {
			err := t.Beside(leg.Lane(), s.hangingUp(leg).Alone())()
			if err == nil || gone(err) || t.Ending() != nil {
				return calls.Continue, nil
			}
			return calls.Stop, errors.Join(err, t.Join(leg))
		}
		return s.hangUpBoth(t, leg, peer)
	})
	m.Early = true
	m.Serves = []calls.ChannelAction{{Name: "hangup", Reply: "hangup initiated"}}
	return m
}

// hangUpBoth ends a peer and the presser, whose DELETE goes out right behind the peer's; first of all where the peer is busy, as
// with digits. Neither stays behind alone.
func (s *Set) hangUpBoth(t *calls.Task, leg, peer *calls.Leg) (calls.Next, error) {
	first, second, goes := peer, leg, leg.Goes
	if !peer.Lane().Idle() {
		first, second = leg, peer
	}
	leg.Goes = false
	leg.Ending, peer.Ending = true, true // nobody else is to hang them up, unless Asterisk refuses
	t.Call.EndedBy(leg)
	one, two := s.tryingToEnd(first), s.tryingToEnd(second)
	_ = t.Step(first.Lane(), one.send, calls.Then(second.Lane(), calls.Sending(two.send)))
	if t.Ending() != nil {
		return calls.Continue, nil
	}
	first.Ending, second.Ending = one.err == nil, two.err == nil // who was not is hung up by the call's end
	switch {
	case leg.Ending:
		return calls.Continue, nil
	case peer.Ending: // the presser must not stay behind alone
		s.hangUp(t, leg, "hanging up the presser")
		return calls.Continue, nil
	}
	leg.Goes = goes
	t.Call.EndedBy(nil)
	return calls.Stop, errors.Join(one.err, two.err, t.Join(leg))
}

// ending is a try to end a leg's channel.
type ending struct {
	request calls.Sending
	err     error
}

func (s *Set) tryingToEnd(leg *calls.Leg) *ending {
	return &ending{request: s.hangingUp(leg), err: calls.ErrUnavailable} // as long as it is not sent
}

func (e *ending) send(turn *calls.Turn) error {
	e.err = unlessGoneInTurn(e.request)(turn)
	return e.err
}

// hangingUp is the request that ends a leg's channel.
func (s *Set) hangingUp(leg *calls.Leg) calls.Sending {
	channel := leg.ID
	return func(turn *calls.Turn) error { return s.pbx.In(turn).Hangup(channel, causeNormal) }
}

// none does nothing: in a document it switches an inherited code off.
func (s *Set) none() calls.Module {
	return calls.Define("none", struct{}{}, func(*calls.Task, struct{}) (calls.Next, error) {
		return calls.Continue, nil
	})
}
