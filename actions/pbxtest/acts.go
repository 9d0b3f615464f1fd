package pbxtest

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// acts are the requests of which steps are made, for one turn. PBX has those without a turn.
type acts struct {
	p    *PBX
	turn *calls.Turn
}

// In are the requests for one turn of a step.
func (p *PBX) In(turn *calls.Turn) calls.Acts { return acts{p, turn} }

// SetVariables is POST channels/{id}/variables: it waits for what occupies the channel. Its faults are those of soundVerb where it
// changes how the channel sounds.
func (a acts) SetVariables(id string, vars map[string]string) error {
	p := a.p
	vars = maps.Clone(vars)
	return p.inTurn(a.turn, cmp.Or(soundVerb(vars), "SetVariables"), id, "set "+p.party(id)+list(vars), func(done func(error)) {
		c, err := p.live(id)
		if err != nil {
			done(err)
			return
		}
		c.serially(func() {
			if c.dead || !c.entered {
				done(calls.ErrGone)
				return
			}
			p.assign(c, vars)
			done(nil)
		})
	})
}

// CreateChannel is POST channels/create.
func (a acts) CreateChannel(spec calls.ChannelSpec) error {
	p := a.p
	text := "create " + spec.Endpoint + list(spec.Variables, "METAFLOWS_CALL", "METAFLOWS_ROLE", "CHANNEL(hangup_handler_push)", "CALLERID(num)")
	return p.inTurn(a.turn, "CreateChannel", spec.ID, text, func(done func(error)) {
		if _, used := p.channels[spec.ID]; used {
			done(calls.ErrConflict)
			return
		}
		c := &channel{
			id: spec.ID, state: "Down", made: true, linked: spec.ID, args: append([]string{calls.ArgLeg}, spec.Args...),
			exten: "s", vars: map[string]string{},
		}
		endpoint, isPhone := strings.CutPrefix(spec.Endpoint, "PJSIP/")
		endpoint, _, _ = strings.Cut(endpoint, "/") // one of its contacts
		if local, isLocal := strings.CutPrefix(spec.Endpoint, "Local/"); isLocal {
			where := strings.TrimSuffix(local, "/n")
			c.name, _ = p.newName("Local/" + where)
			c.name += ";1"
			c.party = where
			c.far = &farEnd{where: where}
		} else if ph := p.phones[endpoint]; isPhone && ph != nil && ph.does.registered() {
			p.give(c, ph)
		} else {
			done(calls.ErrUnavailable)
			return
		}
		if o := p.channels[spec.Originator]; o != nil {
			c.linked = o.linked
		}
		p.know(c)
		p.assign(c, spec.Variables)
		p.do(toEnter, c.id, func() {
			if !c.dead {
				p.enter(c)
			}
		})
		done(nil)
	})
}

// DialChannel is POST channels/{id}/dial, which takes whole seconds.
func (a acts) DialChannel(id, caller string, timeout time.Duration) error {
	p := a.p
	text := fmt.Sprintf("dial %s, %ss", p.party(id), seconds(timeout))
	return p.inTurn(a.turn, "DialChannel", id, text, atOnce(func() error {
		c, err := p.live(id)
		if err != nil {
			return err
		}
		if c.dialling || c.state != "Down" {
			return calls.ErrConflict
		}
		c.dialling = true
		if from := p.channels[caller]; from != nil {
			c.caller = from
			inherit(c, from)
			c.vars[language] = from.vars[language]
		}
		p.event(id, calls.Dialed{Channel: id})
		if timeout > 0 {
			p.do((timeout + time.Second - 1).Truncate(time.Second), id, func() {
				if c.dialling {
					p.end(c, 19, 480)
				}
			})
		}
		if c.far != nil {
			p.reach(c)
			return nil
		}
		p.ring(c, c, func(status string) {
			if status == "RINGING" {
				p.event(id, calls.StateChanged{Channel: id, State: "Ringing"})
			}
		})
		return nil
	}))
}

// RemoveFromBridge is POST bridges/{id}/removeChannel.
func (a acts) RemoveFromBridge(id, channel string) error {
	p := a.p
	return p.inTurn(a.turn, "RemoveFromBridge", channel, "remove "+p.party(channel), func(done func(error)) {
		c, err := p.live(channel)
		if err != nil {
			done(err)
			return
		}
		c.serially(func() {
			switch {
			case c.dead || p.bridges[id] == nil:
				done(calls.ErrGone)
			case c.bridge != p.bridges[id]:
				done(calls.ErrConflict)
			default:
				p.leaveBridge(c)
				p.emptied(id)
				done(nil)
			}
		})
	})
}

// Hangup is DELETE channels/{id}: it waits for digits that are being played, but cuts a playback off
// (ari/ASTERISK.md, Media; ari/ASTERISK.md, Absorb and relay).
func (a acts) Hangup(id string, cause int) error {
	p := a.p
	text := "hang up " + p.party(id)
	if cause == calls.CauseAnsweredElsewhere {
		text += ", answered elsewhere"
	} else if cause != 0 && cause != 16 {
		text += fmt.Sprintf(", cause %d", cause)
	}
	return p.inTurn(a.turn, "Hangup", id, text, atOnce(func() error {
		c := p.channels[id]
		if c == nil || c.dead {
			return calls.ErrGone
		}
		if cause == 0 {
			cause = 16
		}
		if c.playing != nil {
			p.stopPlaying(c.playing, true)
		}
		c.serially(func() { p.end(c, cause, 0) })
		return nil
	}))
}

// AddToBridge is POST bridges/{id}/addChannel.
func (a acts) AddToBridge(id, channel string, absorb bool) error {
	p := a.p
	text := "add " + p.party(channel)
	if absorb {
		text += ", absorb"
	}
	return p.inTurn(a.turn, "AddToBridge", channel, text, func(done func(error)) {
		c, err := p.live(channel)
		if err != nil {
			done(err)
			return
		}
		p.add(id, c, absorb, done)
	})
}

// AddAllToBridge is POST bridges/{id}/addChannel of several: one after the other, and none where one is not there. Its faults are
// those of AddToBridge.
func (a acts) AddAllToBridge(id string, channels ...string) error {
	p := a.p
	text := "add"
	for _, channel := range channels {
		text += " " + p.party(channel)
	}
	return p.inTurn(a.turn, "AddToBridge", channels[0], text, func(done func(error)) {
		members := make([]*channel, len(channels))
		for i, name := range channels {
			var err error
			if members[i], err = p.live(name); err != nil {
				done(err)
				return
			}
		}
		p.addAll(id, members, done)
	})
}
