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
	action := data.Action
	if action == "toggle" {
		if action = "mute"; isOn(mutingOf(t)) {
			action = "unmute"
		}
	}
	if action != "mute" && action != "unmute" {
		return calls.Stop, calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("action %q is not known: accepted are mute, unmute, toggle", data.Action))
	}
	t.Accept("")
	do := s.muteSelf
	if action == "unmute" {
		do = s.unmuteSelf
	}
	if err := do(t); err != nil {
		return calls.Stop, err
	}
	s.sound(t, t.Leg, confirmTone)
	return calls.Continue, nil
}

// muteSelf mutes the presser, unless that is so by whom its beginning was.
func (s *Set) muteSelf(t *calls.Task) error {
	for k := mutingOf(t); k != nil; k = mutingOf(t) {
		if lasts, err := t.Lasts(k); lasts || err != nil {
			return err
		}
	}
	_, err := t.Keep(t.Leg, &struct{}{})
	return err
}

// unmuteSelf undoes that. What could not be undone when it was asked for before is asked for again.
func (s *Set) unmuteSelf(t *calls.Task) error {
	if k := mutingOf(t); k != nil {
		if err := t.End(k); err != nil {
			return err
		}
	}
	return t.GiveBack(t.Leg, calls.Muted, "")
}

// mutingOf is what keeps the presser muted that has muted itself, or is beginning or ending that; nil if nothing is.
func mutingOf(t *calls.Task) *calls.Kept {
	for _, k := range t.Call.Kept("mute") {
		if k.Leg == t.Leg {
			return k
		}
	}
	return nil
}

// isOn says, for who toggles, that something lasts or is beginning, and that nobody has asked for its end.
func isOn(k *calls.Kept) bool { return k != nil && !k.Ending() }

// keepMuted keeps a leg muted until it undoes that or is gone.
func (s *Set) keepMuted(t *calls.Task, k *calls.Kept, _ *struct{}) error {
	if err := t.Take(k.Leg, calls.Muted, k.Name, ""); err != nil {
		return err
	}
	k.Began()
	return t.Until(0, k.Ending)
}
