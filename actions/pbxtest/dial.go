package pbxtest

import (
	"fmt"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// farEnd ties a Local channel and what is behind it.
type farEnd struct {
	where string   // extension@context
	phone *channel // of the Local channel: the phone that its extension has called, if one
	of    *channel // of that phone's channel: the Local channel
}

// extension is what an extension of the dialplan does.
type extension struct {
	does  string // answers, busy, congestion, hangs up, rings, phone
	early bool   // it has said something before
	cause int
	phone string
}

// machineTime is how long an extension that answers by itself stays; else two of them that were brought together would
// never part.
const machineTime = 90 * time.Second

// announceTime is how long an extension speaks before it answers or is busy.
const announceTime = 2 * time.Second

// ringTime is from a dial to the phone's ringing.
const ringTime = 4 * time.Millisecond

// furnish makes the lab's phones and extensions (asterisk-conf).
func (p *PBX) furnish() {
	for i, name := range []string{"alice", "bob", "carol", "dave", "mallory", "outside", "trunk"} {
		ph := &phone{name: name, number: fmt.Sprint(1001 + i), context: "acme", group: "1", technology: "PJSIP", vars: map[string]string{}, does: Answers(time.Second)}
		account := "acme"
		switch name {
		case "mallory":
			ph.context, ph.group, account = "evil", "2", "evil"
		case "outside":
			ph.context, ph.group, account = "outside", "", ""
		case "trunk": // it has no caller id of its own
			ph.number, ph.context, ph.group, account = "", "outside", "", ""
		}
		ph.namedGroup = ph.context
		if account != "" {
			ph.vars["METAFLOWS_ACCOUNT"], ph.vars["METAFLOWS_USER"] = account, name
			ph.vars["METAFLOWS_DEVICE"], ph.vars["METAFLOWS_CONTEXT"] = name+"-desk", ph.context
		}
		p.phones[name] = ph
		for _, context := range []string{"acme", "evil", "outside"} {
			p.extensions[name+"@"+context] = extension{does: "phone", phone: name}
			if ph.number != "" {
				p.extensions[ph.number+"@"+context] = extension{does: "phone", phone: name}
			}
		}
	}
	for _, context := range []string{"acme", "evil", "outside"} {
		p.extensions["1234@"+context] = extension{does: "answers"}
		p.extensions["1995@"+context] = extension{does: "hangs up", cause: 17}
		p.extensions["1998@"+context] = extension{does: "rings"}
		p.extensions["1999@"+context] = extension{does: "busy"}
		p.extensions["congested@"+context] = extension{does: "congestion"}
		p.extensions["says-busy@"+context] = extension{does: "busy", early: true}
		p.extensions["says-answers@"+context] = extension{does: "answers", early: true}
	}
	p.extensions["1@admin"] = extension{does: "answers"}
	p.extensions["s@metaflows-predial"] = extension{}
}

// inherit copies what the caller's variables say may be inherited, unless the endpoint has its own
// (ari/ASTERISK.md, What a created channel has).
func inherit(c, from *channel) {
	for name, value := range from.vars {
		plain, once := strings.CutPrefix(name, "_")
		plain, ever := strings.CutPrefix(plain, "_")
		if _, own := c.vars[plain]; own || !once {
			continue
		}
		if ever {
			plain = name
		}
		c.vars[plain] = value
	}
}

// ring calls a phone by its channel c; of is the channel that was dialled, which is c or the Local channel before it.
func (p *PBX) ring(c, of *channel, progress func(status string)) {
	does := c.phone.does
	status := func(s, forward string) {
		progress(s)
		p.event(of.id, calls.Dialed{Channel: of.id, Status: s, Forward: forward})
	}
	p.do(ringTime, of.id, func() {
		if c.dead {
			return
		}
		switch does.Does {
		case "busy":
			p.end(c, 17, 486)
			return
		case "redirects":
			for range 3 {
				if does.To != "" {
					status("CANCEL", does.To)
				}
			}
			p.end(c, 23, 302)
			return
		case "unregistered":
			p.end(c, 20, 0)
			return
		case "mute":
			return
		}
		c.state = "Ringing"
		p.say(Phone, "%s rings", c.party)
		p.ringback(of)
		status("RINGING", "")
		if does.Does == "silent" {
			return
		}
		p.do(does.After, of.id, func() {
			switch {
			case c.dead:
			case does.Does == "rejects":
				p.end(c, 21, 603)
			default:
				p.say(Phone, "%s answers", c.party)
				p.up(c)
				progress("ANSWER")
				if of != c {
					p.up(of)
				}
				p.event(of.id, calls.Dialed{Channel: of.id, Status: "ANSWER"})
				p.passAnswer(of)
			}
		})
	})
}

// told are those who are told by their bridge what a leg says that is no sound: the other one of two.
func (p *PBX) told(of *channel) []*channel {
	if of.bridge == nil || len(of.bridge.members) != 2 || p.recorded(of.bridge.id) {
		return nil
	}
	return of.bridge.others(of)
}

// ringback: who is in the bridge with a leg that rings hears that, the caller by its phone's own tone.
func (p *PBX) ringback(of *channel) {
	for _, other := range p.told(of) {
		p.hears(other, "ringing")
	}
}

// refuse is Busy() or Congestion() through a Local channel: it says so and stays. A caller that is not answered, and is told,
// ends.
func (p *PBX) refuse(c *channel, status string, cause, code int) {
	p.event(c.id, calls.Dialed{Channel: c.id, Status: status})
	for _, other := range p.told(c) {
		if other.state == "Ring" {
			p.end(other, cause, code)
		}
	}
}

// up is a channel's answer.
func (p *PBX) up(c *channel) {
	c.state, c.dialling = "Up", false
	if c.entered && c.far == nil {
		p.event(c.id, calls.StateChanged{Channel: c.id, State: "Up"})
	}
}

// passAnswer answers the caller that is in the same bridge of two (ari/ASTERISK.md, Create and dial).
func (p *PBX) passAnswer(of *channel) {
	for _, other := range p.told(of) {
		if other.state == "Ring" {
			p.answered(other)
		}
	}
}

func (p *PBX) answered(c *channel) {
	c.state = "Up"
	p.say(Phone, "%s is answered", c.party)
	p.event(c.id, calls.StateChanged{Channel: c.id, State: "Up"})
}

// reach runs the extension behind a Local channel.
func (p *PBX) reach(c *channel) {
	ext, exists := p.extensions[c.far.where]
	p.do(ringTime, c.id, func() {
		if c.dead {
			return
		}
		if exists {
			p.say(Phone, "%s is called%s", c.party, list(c.vars, "METAFLOWS_CALL", "METAFLOWS_ROLE", "METAFLOWS_DIALLED", "CALLERID(num)", "CDR_PROP(disable)", "CDR_PROP(party_a)", language))
		}
		does := func() { p.does(c, ext) }
		if !ext.early {
			does()
			return
		}
		p.event(c.id, calls.Dialed{Channel: c.id, Status: "PROGRESS"})
		p.do(announceTime/2, c.id, func() {
			for _, other := range c.bridge.others(c) {
				p.hears(other, "an announcement")
			}
		})
		p.do(announceTime, c.id, does)
	})
}

// does is what the extension behind a Local channel does.
func (p *PBX) does(c *channel, ext extension) {
	if c.dead {
		return
	}
	switch ext.does {
	case "answers":
		p.say(Phone, "%s answers", c.party)
		p.up(c)
		p.event(c.id, calls.Dialed{Channel: c.id, Status: "ANSWER"})
		p.passAnswer(c)
		p.do(machineTime, c.id, func() { p.end(c, 16, 0) })
		for _, other := range c.bridge.others(c) {
			p.hears(other, c.party)
		}
	case "busy":
		p.refuse(c, "BUSY", 17, 486)
	case "congestion":
		p.refuse(c, "CONGESTION", 34, 503)
	case "hangs up":
		p.end(c, ext.cause, 0)
	case "rings":
		p.ringback(c)
		p.event(c.id, calls.Dialed{Channel: c.id, Status: "RINGING"})
	case "phone":
		p.reachPhone(c, p.phones[ext.phone])
	default:
		p.end(c, 16, 0)
	}
}

// reachPhone is an extension that dials a phone.
func (p *PBX) reachPhone(c *channel, ph *phone) {
	behind := &channel{id: "behind-" + c.id, state: "Down", vars: map[string]string{}, far: &farEnd{of: c}}
	p.give(behind, ph)
	p.know(behind)
	c.far.phone = behind
	p.ring(behind, c, func(string) {})
}

// ended tells the phone, and whoever is on the other side of a Local channel.
func (p *PBX) ended(c *channel, cause int) {
	p.say(Phone, "%s has ended, cause %d", c.party, cause)
	switch {
	case c.far == nil:
	case c.far.of != nil:
		p.end(c.far.of, cause, 0)
	case c.far.phone != nil:
		p.end(c.far.phone, 16, 0)
	}
}
