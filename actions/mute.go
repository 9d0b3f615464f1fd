package actions

import (
	"fmt"

	"metaflows/flows/calls"
)

// muteData is the data of the schema metaflows.mute, which Kazoo does not have.
type muteData struct {
	Action string `json:"action"`
}

// mute silences the presser for the others, until it undoes that or is gone.
func (s *Set) mute() calls.Module {
	m := calls.Define("mute", muteData{Action: "toggle"}, s.runMute)
	m.Keep = calls.Keeps(s.keepMuted)
	for _, action := range []string{"mute", "unmute"} {
		m.Serves = append(m.Serves, calls.ChannelAction{
			Name: action, Reply: action + " initiated", Params: []calls.Param{{Key: "action", Always: action}},
		})
	}
	return m
}

func (s *Set) runMute(t *calls.Task, data muteData) (calls.Next, error) {
	k := mutingOf(t.Call, t.Leg)
	action := data.Action
	if action == "toggle" {
		if action = "unmute"; k == nil {
			action = "mute"
		}
	}
	if action != "mute" && action != "unmute" {
		return calls.Stop, calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("action %q is not known: accepted are mute, unmute, toggle", data.Action))
	}
	t.Accept("")
	var err error
	switch {
	case action == "mute" && k == nil:
		_, err = t.Keep(t.Leg, &struct{}{})
	case action == "unmute" && k != nil:
		err = t.End(k)
	}
	if err != nil {
		return calls.Stop, err
	}
	s.sound(t, t.Leg, confirmTone)
	return calls.Continue, nil
}

// mutingOf is what keeps a leg muted that has muted itself, nil if it has not.
func mutingOf(call *calls.Call, leg *calls.Leg) *calls.Kept {
	for _, k := range call.Kept("mute") {
		if k.Leg == leg && !k.Ending() {
			return k
		}
	}
	return nil
}

// keepMuted keeps a leg muted until it undoes that or is gone.
func (s *Set) keepMuted(t *calls.Task, k *calls.Kept, _ *struct{}) error {
	if err := t.Take(k.Leg, calls.Muted, k.Name, ""); err != nil {
		return err
	}
	k.Began()
	return t.Until(0, k.Ending)
}
