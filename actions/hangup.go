package actions

import (
	"errors"

	"metaflows/flows/calls"
)

// hangup ends the presser's leg (Kazoo: the pressing leg, not the call). Who is left alone by that and does not go on in
// the dialplan ends, too: both are told at the same time.
func (s *Set) hangup() calls.Module {
	m := calls.Define("hangup", struct{}{}, func(t *calls.Task, _ struct{}) (calls.Next, error) {
		t.Accept("")
		leg, peer := t.Leg, t.Call.Peer(t.Leg)
		if !t.Call.Answered() { // what becomes of the others is the dialling's business
			if err := t.Beside(leg.Lane(), s.hangingUp(leg))(); err != nil && !gone(err) && t.Ending() == nil {
				return calls.Stop, err
			}
			return calls.Continue, nil
		}
		if err := t.Part(leg); err != nil { // nothing is switched on it any more
			return calls.Stop, err
		}
		ended := t.Beside(leg.Lane(), s.hangingUp(leg))
		if peer != nil && !peer.Goes && !t.Call.Held() {
			peer.Ending = true // nobody else is to hang it up, unless Asterisk refuses
			if err := t.Beside(peer.Lane(), s.hangingUp(peer))(); err != nil && t.Ending() == nil {
				peer.Ending = false // the call's end does it
			}
		}
		err := ended()
		switch {
		case err == nil || gone(err) || t.Ending() != nil:
			return calls.Continue, nil
		case peer != nil && peer.Ending: // it must not stay behind alone
			s.hangUp(t, leg, "hanging up the presser")
			return calls.Continue, nil
		}
		return calls.Stop, errors.Join(err, t.Join(leg))
	})
	m.Early = true
	m.Serves = []calls.ChannelAction{{Name: "hangup", Reply: "hangup initiated"}}
	return m
}

// hangingUp is the request that ends a leg's channel.
func (s *Set) hangingUp(leg *calls.Leg) func() error {
	channel := leg.ID
	return func() error { return s.pbx.Hangup(channel, causeNormal) }
}

// none does nothing: in a document it switches an inherited code off.
func (s *Set) none() calls.Module {
	return calls.Define("none", struct{}{}, func(*calls.Task, struct{}) (calls.Next, error) {
		return calls.Continue, nil
	})
}
