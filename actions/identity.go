package actions

import (
	"errors"
	"maps"

	"metaflows/flows"
)

// askOwner asks whose a leg is that has taken another's place, or was found without a state, and lets its codes work. What
// is on its channel does not say it: that may be inherited from who dialled it, and after a pickup it is of the channel whose
// place it has (ari/ASTERISK.md, Whose a channel is). A new channel of the same endpoint, which is never dialled, has what
// the endpoint gives and nothing else. A leg whose channel claims nothing is not asked about; one whose endpoint cannot
// be asked stays an outsider. An error is only the process's or the call's end.
func (s *Set) askOwner(t *flows.Task, leg *flows.Leg) error {
	if !leg.Phone() || leg.Vars["METAFLOWS_ACCOUNT"] == "" {
		return nil
	}
	leg.Asked = true
	defer func() { leg.Asked = false }()
	channel := leg.ID
	made, err := s.sample(t, leg)
	if errors.Is(err, flows.ErrDetached) || errors.Is(err, flows.ErrCallEnded) {
		return err
	}
	if err != nil {
		t.Call.Log.Warn("whose a leg is cannot be asked: it has no codes", "leg", leg.Name, "error", err)
		return nil
	}
	if leg.ID == channel && !leg.Gone {
		t.Call.Identify(leg, made)
	}
	return nil
}

// sample makes a channel of a leg's endpoint, and ends it when it has said what its endpoint gives it.
func (s *Set) sample(t *flows.Task, leg *flows.Leg) (made flows.Channel, err error) {
	id := t.Call.Name(flows.ArgLeg)
	if err := s.pbx.CreateChannel(flows.ChannelSpec{ID: id, Endpoint: leg.Endpoint(), Args: []string{t.Call.ID}}); err != nil {
		if errors.Is(err, flows.ErrUnavailable) { // it may be there all the same
			s.quietly(func() error { return s.pbx.Hangup(id, 0) }, "ending a channel that may have been made")
		}
		return made, err
	}
	entered := false
	err = t.AwaitFor(enterWait, func(ev flows.Event) bool {
		switch ev := ev.(type) {
		case flows.Started:
			if ev.Channel.ID == id {
				entered, made = true, ev.Channel
			}
		case flows.Destroyed:
			return ev.Channel == id
		}
		return entered
	})
	if entered && made.Vars["METAFLOWS_ACCOUNT"] != "" && made.Vars["METAFLOWS_CONTEXT"] == "" {
		var own map[string]string
		own, err = s.pbx.Variables(id, "TRANSFER_CONTEXT")
		made.Vars = maps.Clone(made.Vars)
		made.Vars["METAFLOWS_CONTEXT"] = own["TRANSFER_CONTEXT"]
	}
	if !errors.Is(err, flows.ErrDetached) {
		s.quietly(func() error { return s.pbx.Hangup(id, 0) }, "ending a channel that was made to ask whose its endpoint is")
	}
	if err == nil && !entered {
		err = flows.ErrGone
	}
	return made, err
}
