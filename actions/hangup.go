package actions

import (
	"errors"

	"metaflows/flows"
)

// hangup ends the presser's leg (Kazoo: the pressing leg, not the call). Who is left alone by that and does not go on in
// the dialplan ends, too: both are told at the same time.
func (s *Set) hangup() flows.Module {
	m := flows.Define("hangup", struct{}{}, func(t *flows.Task, _ struct{}) (flows.Next, error) {
		t.Accept("")
		leg, peer := t.Leg, t.Call.Peer(t.Leg)
		if !t.Call.Answered() { // what becomes of the others is the dialling's business
			if err := s.pbx.Hangup(leg.ID, causeNormal); err != nil && !gone(err) {
				return flows.Stop, err
			}
			return flows.Continue, nil
		}
		if err := t.Part(leg); err != nil { // nothing is switched on it any more
			return flows.Stop, err
		}
		ended := t.Beside(leg, func() error { return s.pbx.Hangup(leg.ID, causeNormal) })
		if peer != nil && !peer.Goes && !t.Call.Held() {
			peer.Ending = s.pbx.Hangup(peer.ID, causeNormal) == nil // else the call's end does it
		}
		err := ended()
		switch {
		case err == nil || gone(err) || t.Ending() != nil:
			return flows.Continue, nil
		case peer != nil && peer.Ending: // it must not stay behind alone
			s.drop(t, leg.ID, "hanging up the presser")
			return flows.Continue, nil
		}
		return flows.Stop, errors.Join(err, t.Call.Join(leg))
	})
	m.Early = true
	return m
}

// none does nothing: in a document it switches an inherited code off.
func (s *Set) none() flows.Module {
	return flows.Define("none", struct{}{}, func(*flows.Task, struct{}) (flows.Next, error) {
		return flows.Continue, nil
	})
}
