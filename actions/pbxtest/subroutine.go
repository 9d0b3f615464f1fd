package pbxtest

import (
	"maps"
	"strings"
	"time"
)

// What Asterisk runs where a channel is told with whom it is connected.
const (
	sendSub       = "CONNECTED_LINE_SEND_SUB"
	predialStarts = "metaflows-predial,s,1" // asterisk-conf's: it runs what is in METAFLOWS_PREDIAL
)

// routineTime is how long the extension s of the context routine takes.
const routineTime = 500 * time.Millisecond

// connected tells two channels in a bridge with whom they are connected (ari/ASTERISK.md, Subroutines).
func (p *PBX) connected(b *bridge) {
	if len(b.members) != 2 {
		return
	}
	for _, c := range b.members {
		if c.vars[sendSub] == predialStarts {
			p.do(toEffect, c.id, func() { p.subroutine(c) })
		}
	}
}

// subroutine runs metaflows-predial on a channel. Of the contexts that it may lead to there is one, routine, whose extension s
// takes its time, end ends the channel, and ever does not return.
func (p *PBX) subroutine(c *channel) {
	if c.dead || c.vars[sendSub] == "" {
		return
	}
	c.vars[sendSub] = ""
	text := c.vars["METAFLOWS_PREDIAL"]
	place, arguments, _ := strings.Cut(text, "(")
	extension, known := strings.CutPrefix(place, "routine,")
	if !known {
		p.say(Phone, "%s has no subroutine %s", c.party, place)
		return
	}
	c.at = place
	p.say(Phone, "%s runs %s", c.party, text)
	if !c.made {
		p.ran[text]++
	}
	switch extension {
	case "s,1":
		c.vars["RAN"] = strings.TrimSuffix(arguments, ")")
		p.do(routineTime, c.id, c.comeBack)
	case "end,1":
		p.do(routineTime, c.id, func() { p.end(c, 16, 0) })
	}
}

// comeBack is the end of a subroutine, or its channel's.
func (c *channel) comeBack() {
	waiting := c.back
	c.at, c.back = "", nil
	for _, what := range waiting {
		what()
	}
}

// afterSubroutine does something when nothing occupies the channel's queue of commands and no subroutine runs: to move it
// waits for its end.
func (c *channel) afterSubroutine(what func()) {
	c.serially(func() {
		if c.at != "" {
			c.back = append(c.back, what)
			return
		}
		what()
	})
}

// Without takes an extension, 1234@acme, out of the dialplan.
func (p *PBX) Without(extension string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.extensions, extension)
}

// Ran are the subroutines that ran on channels which the dialplan has handed over, and how often.
func (p *PBX) Ran() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.ran)
}

// stands is the place in the dialplan.
func (c *channel) stands() (context, exten, priority string) {
	if c.at == "" {
		return c.context, c.exten, "1"
	}
	parts := strings.Split(c.at, ",")
	return parts[0], parts[1], parts[2]
}

// expand is ${name}.
func (c *channel) expand(name string) string {
	context, exten, priority := c.stands()
	switch name {
	case "CONTEXT":
		return context
	case "EXTEN":
		return exten
	case "PRIORITY":
		return priority
	}
	return c.variable(name)
}
