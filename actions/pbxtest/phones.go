package pbxtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// Behaviour is what a phone does when it is called; the functions below make them.
type Behaviour struct {
	Does  string // answers, busy, rejects, silent, mute, unregistered, redirects
	After time.Duration
	To    string // where a phone redirects to; "" where Asterisk does not tell
}

// Answers: it rings and answers after d.
func Answers(d time.Duration) Behaviour { return Behaviour{Does: "answers", After: d} }

// Busy: 486 at once.
func Busy() Behaviour { return Behaviour{Does: "busy"} }

// Rejects: it rings and is rejected (603) after d.
func Rejects(d time.Duration) Behaviour { return Behaviour{Does: "rejects", After: d} }

// Silent: it rings for ever.
func Silent() Behaviour { return Behaviour{Does: "silent"} }

// Mute: nothing is heard of it, not even that it rings.
func Mute() Behaviour { return Behaviour{Does: "mute"} }

// Unregistered: it cannot be called.
func Unregistered() Behaviour { return Behaviour{Does: "unregistered"} }

// Redirects: 302 at once.
func Redirects(to string) Behaviour { return Behaviour{Does: "redirects", To: to} }

func (b Behaviour) registered() bool { return b.Does != "unregistered" }

// phone is one SIP endpoint.
type phone struct {
	name, number      string
	context           string
	group, namedGroup string
	vars              map[string]string // set_var=
	does              Behaviour
	then              []string // of its next call
	sent              string   // context that its next call was sent on to
	technology        string
}

// Behave says what a phone does from now on.
func (p *PBX) Behave(name string, b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones[name].does = b
}

// Carry sets a variable of a phone's endpoint (set_var=).
func (p *PBX) Carry(name, variable, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones[name].vars[variable] = value
}

// CarryNo takes a variable from a phone's endpoint.
func (p *PBX) CarryNo(name, variable string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.phones[name].vars, variable)
}

// Then lets the dialplan hand the phone's next call to Stasis(metaflows,args...) once more when it goes on there.
func (p *PBX) Then(name string, args ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones[name].then = args
}

// SentOn lets the phone's next call be one that plain Dial() has made to it, and that somebody has sent on to a context: what
// it brings is inherited.
func (p *PBX) SentOn(name, context string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones[name].sent = context
}

// Speaks gives the phone's channels another technology than PJSIP.
func (p *PBX) Speaks(name, technology string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones[name].technology = technology
}

// Call lets a phone call an extension whose dialplan hands it to Stasis(metaflows,args...). It returns the channel's id.
func (p *PBX) Call(name, extension string, vars map[string]string, args ...string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.phones[name]
	c := &channel{state: "Ring", vars: map[string]string{}, exten: extension, args: args, then: ph.then}
	c.outgoing, ph.then = ph.sent != "", nil
	p.give(c, ph)
	c.id = fmt.Sprintf("%s%d", name, p.made[ph.technology+"/"+name])
	c.linked = c.id
	p.know(c)
	if c.outgoing {
		c.state, c.context, ph.sent = "Up", ph.sent, ""
		inherit(c, &channel{vars: vars})
	} else {
		p.assign(c, vars)
	}
	p.do(toEffect, c.id, func() { p.stasis(c) })
	return c.id
}

// HangUp lets a phone end its newest call: a caller that was not answered gives up.
func (p *PBX) HangUp(name string) { p.HangUpWith(name, 0, 0) }

// HangUpWith is HangUp with the cause that Asterisk tells; 0 for the usual one.
func (p *PBX) HangUpWith(name string, cause, tech int) {
	p.onPhone(name, func(c *channel) {
		switch {
		case cause != 0:
		case c.state == "Up":
			cause = 16
		default:
			cause, tech = 127, 487
		}
		p.end(c, cause, tech)
	})
}

// EndHold lets a phone take the other off its hold, whether it has held it or not.
func (p *PBX) EndHold(name string) {
	p.onPhone(name, func(c *channel) {
		if c.entered {
			p.event(c.id, calls.SourceChanged{Channel: c.id})
		}
	})
}

// Still lets no sound flow to a phone or from it, in its present call.
func (p *PBX) Still(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.newest(name); c != nil {
		c.still = true
	}
}

// onPhone does something with a phone's newest channel, in a moment.
func (p *PBX) onPhone(name string, what func(*channel)) {
	p.do(toEffect, name, func() {
		if c := p.newest(name); c != nil {
			what(c)
		}
	})
}

// newest is the phone's channel that was made last, nil if there is none.
func (p *PBX) newest(name string) *channel {
	var newest *channel
	for _, c := range p.channels {
		if c.phone != nil && c.phone.name == name && !c.dead && (newest == nil || c.name > newest.name) {
			newest = c
		}
	}
	return newest
}

// hears writes that the party of a channel hears something; behind a Local channel it is whoever is there.
func (p *PBX) hears(c *channel, what string) {
	if len(what) == 1 {
		c.heard = append(c.heard, what[0])
	}
	if who := c.ear(); who != "" {
		p.say(Heard, "%s hears %s", who, what)
	}
}

// ear is who hears what is sent to a channel: "" for nobody.
func (c *channel) ear() string {
	switch {
	case c.whisper != nil:
		return c.whisper.ear()
	case c.far != nil && c.far.of == nil: // Local
		if c.far.phone != nil {
			return c.far.phone.party
		}
		if c.state == "Up" {
			return c.party
		}
		return ""
	default:
		return c.party
	}
}

// Talking says whether two phones hear each other, or a phone and an extension that has answered, as 1234@acme.
func (p *PBX) Talking(a, b string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ca, cb := p.newest(a), p.newest(b)
	for _, c := range p.sorted() {
		if c.party == b && c.far != nil && c.far.of == nil {
			cb = c
		}
	}
	return ca != nil && cb != nil && hears(ca, cb) && hears(cb, ca)
}

// Altered says whether a phone hears music ("music") or is muted ("mute"); one behind a Local channel does by that.
func (p *PBX) Altered(name, what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.newest(name)
	return c != nil && slices.Contains(c.inner().altered(), what)
}

// Has says whether a phone has a call.
func (p *PBX) Has(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest(name) != nil
}

// Alone are the phones that have a call and hear nobody, or are heard by nobody.
func (p *PBX) Alone() (alone []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.sorted() {
		talks := func(other *channel) bool { return other != c.inner() && hears(c, other) && hears(other, c) }
		if c.phone != nil && (c.inner().bridge == nil || !slices.ContainsFunc(c.inner().bridge.members, talks)) {
			alone = append(alone, c.party)
		}
	}
	return alone
}

// WentOn says whether a call of a phone has gone on in the dialplan.
func (p *PBX) WentOn(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.log, func(e Entry) bool { return e.Kind == Gone && strings.HasPrefix(e.Text, name+" goes on") })
}

// Rung is how often each phone has rung.
func (p *PBX) Rung() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	rung := map[string]int{}
	for _, e := range p.log {
		if who, ok := strings.CutSuffix(e.Text, " rings"); ok && e.Kind == Phone {
			name, _, _ := strings.Cut(who, ".")
			rung[name]++
		}
	}
	return rung
}

// hears says whether what b sends reaches a.
func hears(a, b *channel) bool {
	in, from := a.inner(), b.inner()
	return a.state == "Up" && b.state == "Up" && in.bridge != nil && in.bridge == from.bridge && !in.stuck && !in.music && !in.silence && !from.muted
}

// inner is the channel by which one takes part in a bridge: a phone behind a Local channel does by that.
func (c *channel) inner() *channel {
	if c.far != nil && c.far.of != nil {
		return c.far.of
	}
	return c
}

// Live is what is there now: channels, and the music, mute, volume and pitch of each, bridges, recordings, playbacks; and what a
// channel had still of that when it went on in the dialplan. It is empty after all calls are over.
func (p *PBX) Live() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := slices.Clone(p.takenAlong)
	for _, c := range p.sorted() {
		live = append(live, "channel "+c.name)
		for _, what := range c.altered() {
			live = append(live, what+" of "+c.name)
		}
	}
	for id := range p.bridges {
		live = append(live, "bridge "+id)
	}
	for _, r := range p.sortedRecordings() {
		if r.live {
			live = append(live, "recording "+r.Name)
		}
	}
	for id := range p.playbacks {
		live = append(live, "playback "+id)
	}
	slices.Sort(live)
	return live
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(time.Microsecond).Seconds(), 'f', -1, 64)
}

// Digits are those that a phone has heard in its newest call.
func (p *PBX) Digits(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.newest(name); c != nil {
		return string(c.heard)
	}
	return ""
}

// Hears says whether a phone hears another one now, or a tone of so many Hz.
func (p *PBX) Hears(name, source string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.newest(name)
	if c == nil {
		return false
	}
	if other := p.newest(source); other != nil {
		return hears(c, other)
	}
	for _, b := range p.playbacks {
		if b.media == "tone:"+source && (b.channel == c || b.channel.whisper == c) {
			return true
		}
	}
	return false
}
