package pbxtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// channel is one channel: a phone's, one half of a Local pair (with what is behind the other half), or a whisper.
type channel struct {
	id, name  string
	party     string // who that is, in the log
	state     string
	phone     *phone   // nil for Local channels and whispers
	far       *farEnd  // of a Local channel
	whisper   *channel // whom a whispering channel speaks to
	still     bool     // no sound flows, either way
	held      []string // ears that have ended and are there still: it lets them go with the next sound
	overhears *channel // whom an ear hears
	made      bool     // by the application: its end is told by ChannelDestroyed, too
	outgoing  bool     // Asterisk has called the phone by it
	entered   bool     // in the application
	onward    bool     // gone on in the dialplan
	dead      bool     // gone
	args      []string // of its StasisStart
	then      []string // and of the one after that, if it goes on in the dialplan
	context   string   // where it entered
	exten     string   //
	vars      map[string]string
	linked    string
	handlers  []string  // hangup handlers, the last pushed last
	guard     time.Time // TIMEOUT(absolute)
	dialling  bool
	playing   *playback
	caller    *channel // on whose behalf it is dialled
	at        string   // where the dialplan stands while a subroutine runs, as "routine,s,1"
	back      []func() // what waits for its end

	bridge  *bridge
	absorb  bool
	reading flows.Reading
	heard   []byte // digits
	passes  bool   // a digit of it has begun for the others, and has not ended
	stuck   bool   // it is being sent a digit whose end was lost: it hears nothing else
	music   bool   // it hears that, and nobody else
	silence bool   // and so it does that
	muted   bool   // nobody hears it

	sound map[string]float64 // how it sounds, by the functions that change something

	blocked int      // things that every other command for it waits for
	waiting []func() // those
}

// language is a channel's, for prompts; its endpoint's at first.
const language = "CHANNEL(language)"

// channelVars are the variables that every event carries (ari.conf, channelvars=).
var channelVars = []string{
	"METAFLOWS_ACCOUNT", "METAFLOWS_USER", "METAFLOWS_DEVICE", "METAFLOWS_CONTEXT", "METAFLOWS_CALL", "METAFLOWS_ROLE",
}

// snapshot is the channel as an event shows it.
func (c *channel) snapshot() calls.Channel {
	vars := map[string]string{}
	for _, name := range channelVars {
		vars[name] = c.variable(name)
	}
	s := calls.Channel{
		ID: c.id, Name: c.name, State: c.state, Language: c.vars[language], Context: c.context, Extension: c.exten, Vars: vars,
	}
	if c.at != "" {
		s.Context, s.Extension, _ = c.stands()
	}
	if c.phone != nil {
		s.SIPCallID, s.CallerNum, s.CallerNam = c.id+"@"+c.party, c.phone.number, c.phone.name
	}
	if number, set := c.vars["CALLERID(num)"]; set {
		s.CallerNum = number
	}
	return s
}

// live finds a channel that is in the application.
func (p *PBX) live(id string) (*channel, error) {
	c := p.channels[id]
	if c == nil || c.dead || !c.entered {
		return nil, calls.ErrGone
	}
	return c, nil
}

// named finds a channel by its name, for SoftHangup.
func (p *PBX) named(name string) *channel {
	for _, c := range p.channels {
		if c.name == name && !c.dead {
			return c
		}
	}
	return nil
}

// newName is the name of an endpoint's next channel.
func (p *PBX) newName(endpoint string) (name string, nth int) {
	p.made[endpoint]++
	return fmt.Sprintf("%s-%08x", endpoint, p.made[endpoint]), p.made[endpoint]
}

// enter puts a channel into the application.
func (p *PBX) enter(c *channel) {
	c.entered, c.onward = true, false
	p.event(c.id, calls.Started{Channel: c.snapshot(), Args: c.args, Stamp: stamp()})
}

// stasis is the dialplan's Stasis().
func (p *PBX) stasis(c *channel) {
	if c.dead {
		return
	}
	c.vars[calls.VarReturning] = ""
	p.enter(c)
}

// give makes c a channel of a phone.
func (p *PBX) give(c *channel, ph *phone) {
	nth := 0
	c.phone = ph
	c.name, nth = p.newName(ph.technology + "/" + ph.name)
	if c.party = ph.name; nth > 1 {
		c.party = fmt.Sprintf("%s.%d", ph.name, nth)
	}
	c.context = ph.context
	maps.Copy(c.vars, ph.vars)
	c.vars["CHANNEL(callgroup)"] = ph.group
	c.vars["CHANNEL(namedcallgroup)"] = ph.namedGroup
	c.vars[language] = "en"
}

// end is the end of a channel: it leaves its bridge and the application, its hangup handlers run.
func (p *PBX) end(c *channel, cause, tech int) {
	if c.dead {
		return
	}
	c.dead = true
	c.dialling = false
	c.comeBack()
	p.leaveBridge(c)
	if c.playing != nil {
		p.stopPlaying(c.playing, true)
	}
	if c.entered {
		p.event(c.id, calls.Left{Channel: c.id})
	}
	if c.made {
		p.event(c.id, calls.Destroyed{Channel: c.id, Cause: cause, TechCause: tech})
	}
	if c.whisper == nil && c.overhears == nil {
		p.ended(c, cause)
	}
	for _, other := range p.sorted() {
		switch c {
		case other.whisper:
			p.end(other, 16, 0)
		case other.overhears:
			p.do(toDeafen, other.id, func() { p.end(other, 16, 0) })
		}
	}
	for _, handler := range slices.Backward(c.handlers) {
		p.runHandler(c, handler)
	}
	delete(p.channels, c.id)
	if spied := c.overhears; spied != nil && spied.still && !spied.dead {
		spied.held = append(spied.held, c.id)
	}
	c.release(c.blocked)
}

// runHandler is asterisk-conf's metaflows-orphan: it hangs up its argument, else METAFLOWS_PARTNER unless that one talks to
// somebody else.
func (p *PBX) runHandler(c *channel, handler string) {
	partner := c.vars["METAFLOWS_PARTNER"]
	where, argument, has := strings.Cut(strings.TrimSuffix(handler, ")"), "(")
	if has {
		partner = argument
	}
	if where != orphanHandler || partner == "" {
		return
	}
	p.do(time.Millisecond, partner, func() {
		if other := p.named(partner); other != nil && (has || !other.talks()) {
			p.say(Phone, "the hangup handler of %s ends %s", c.party, other.party)
			p.end(other, 16, 0)
		}
	})
}

// talks says whether somebody else is in the channel's bridge (BRIDGEPEER).
func (c *channel) talks() bool { return c.bridge != nil && len(c.bridge.members) > 1 }

// sorted are all channels, in the order of their ids.
func (p *PBX) sorted() []*channel {
	all := slices.Collect(maps.Values(p.channels))
	slices.SortFunc(all, func(a, b *channel) int { return strings.Compare(a.id, b.id) })
	return all
}

// serially does something when nothing occupies the channel's queue of commands (ari/ASTERISK.md, Commands).
func (c *channel) serially(what func()) {
	if c.blocked > 0 {
		c.waiting = append(c.waiting, what)
		return
	}
	what()
}

// block occupies the channel's queue until release.
func (c *channel) block() { c.blocked++ }

// release frees n occupations; what has waited is done, until one of them occupies it again.
func (c *channel) release(n int) {
	for c.blocked -= n; c.blocked == 0 && len(c.waiting) > 0; {
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		next()
	}
}

// know registers a channel and its party's name.
func (p *PBX) know(c *channel) {
	p.channels[c.id] = c
	p.parties[c.id] = c.party
}

// party is who a channel is, in the log, also after its end; it is asked without the lock.
func (p *PBX) party(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if party, known := p.parties[id]; known {
		return party
	}
	return id
}

// list writes variables for the log, without those that are always there, and without a state, which is ours alone.
func list(vars map[string]string, without ...string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !slices.Contains(without, name) && (name != calls.VarState || vars[name] == "") {
			fmt.Fprintf(&b, " %s=%s", name, vars[name])
		}
	}
	return b.String()
}
