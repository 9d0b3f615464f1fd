package actions

import (
	"errors"

	"metaflows/flows/calls"
)

// Bring is calls.Config.Bring: it lets a facet of a leg be as it is claimed, and notes that on the leg before. What is not claimed
// any more must not stay, so that is asked for until it is done.
func (s *Set) Bring(t *calls.Task, leg *calls.Leg, facet calls.Facet, value string, claimed bool) error {
	switch {
	case facet == calls.Apart && !claimed:
		return s.insist(t, func() error {
			if _, still := leg.InForce(facet); still { // somebody has claimed it meanwhile
				return nil
			}
			return t.Join(leg)
		}, "putting a leg back into its bridge")
	case facet == calls.Apart:
		if err := t.Part(leg); err != nil {
			return err
		}
	}
	request := func() error {
		if now, still := leg.InForce(facet); now != value || still != claimed { // somebody has asked for that meanwhile
			return nil
		}
		note, ask := s.telling(t, leg, nil), s.asking(t, leg, facet, value, claimed)
		return t.Do(leg.Lane(), func() error {
			if err := note(); err != nil {
				return err
			}
			return ask()
		})
	}
	if claimed {
		return request()
	}
	return s.insist(t, request, "undoing what was claimed of a leg: "+string(facet))
}

// functions are Asterisk's for how a leg sounds, with the values by which they change nothing. TX is what it is sent, RX what it
// sends (ari/ASTERISK.md, Media).
var functions = map[calls.Facet]struct{ name, off string }{
	calls.HeardVolume: {"VOLUME(TX)", "0"},
	calls.SaidVolume:  {"VOLUME(RX)", "0"},
	calls.HeardPitch:  {"PITCH_SHIFT(tx)", "1.0"},
	calls.SaidPitch:   {"PITCH_SHIFT(rx)", "1.0"},
}

// asking is the request by which a facet of a leg has a value, or is as it is by itself.
func (s *Set) asking(t *calls.Task, leg *calls.Leg, facet calls.Facet, value string, claimed bool) func() error {
	channel, bridge := leg.ID, t.Call.Bridge
	return func() error {
		switch {
		case facet == calls.Music && claimed:
			return s.pbx.StartMOH(channel, value)
		case facet == calls.Music:
			return s.pbx.StopMOH(channel)
		case facet == calls.Muted && claimed:
			return s.pbx.Mute(channel)
		case facet == calls.Muted:
			return s.pbx.Unmute(channel)
		case facet == calls.Apart:
			if err := s.pbx.RemoveFromBridge(bridge, channel); !errors.Is(err, calls.ErrConflict) { // which is in none
				return err
			}
		}
		function, sounds := functions[facet]
		if !sounds {
			return nil
		}
		if !claimed {
			value = function.off
		}
		return s.pbx.SetVariables(channel, map[string]string{function.name: value})
	}
}
