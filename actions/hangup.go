package actions

import "metaflows/flows"

// hangup ends the presser's leg (Kazoo: the pressing leg, not the call). Who is left leaves as after a hangup.
func (s *Set) hangup() flows.Module {
	return flows.Define("hangup", struct{}{}, func(t *flows.Task, _ struct{}) (flows.Next, error) {
		t.Accept("")
		if err := s.pbx.Hangup(t.Leg.ID, causeNormal); err != nil && !gone(err) {
			return flows.Stop, err
		}
		return flows.Continue, nil
	})
}

// none does nothing: in a document it switches an inherited code off.
func (s *Set) none() flows.Module {
	return flows.Define("none", struct{}{}, func(*flows.Task, struct{}) (flows.Next, error) {
		return flows.Continue, nil
	})
}
