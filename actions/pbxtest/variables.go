package pbxtest

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// Variables is GET channels/{id}/variables: it does not wait for anything (ari/ASTERISK.md, Commands).
func (p *PBX) Variables(id string, names ...string) (map[string]string, error) {
	values := map[string]string{}
	var questions []string
	for _, name := range names {
		if strings.HasPrefix(name, "DIALPLAN_EXISTS") {
			questions = append(questions, name)
		}
	}
	text := "read variables of " + p.party(id)
	if questions != nil {
		text = "ask " + p.party(id) + " " + strings.Join(questions, " ")
	}
	err := p.command("Variables", id, text, atOnce(func() error {
		c := p.channels[id] // also one that has gone on in the dialplan
		if c == nil || c.dead {
			return calls.ErrGone
		}
		for _, name := range names {
			values[name] = p.read(c, name)
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return values, nil
}

// read reads one variable or function; what is not set is "".
func (p *PBX) read(c *channel, name string) string {
	if where, ok := strings.CutPrefix(name, "DIALPLAN_EXISTS("); ok {
		parts := strings.Split(strings.TrimSuffix(where, ")"), ",")
		if len(parts) == 3 && parts[2] == "1" {
			if _, exists := p.extensions[parts[1]+"@"+parts[0]]; exists {
				return "1"
			}
		}
		return "0"
	}
	switch name {
	case "TIMEOUT(absolute)":
		if c.guard.IsZero() {
			return "0"
		}
		return strconv.FormatFloat(time.Until(c.guard).Seconds(), 'f', 3, 64)
	case "CHANNEL(linkedid)":
		return c.linked
	case "CHANNEL(name)":
		return c.name
	case "CHANNEL(pjsip,request_uri)":
		if c.phone == nil || c.made || c.outgoing {
			return ""
		}
		return "sip:" + c.exten + "@asterisk"
	case "VOLUME(TX)", "VOLUME(RX)":
		return strconv.FormatFloat(c.sound[name], 'f', 6, 64)
	case "CALLERID(num)":
		return c.snapshot().CallerNum
	case "CALLERID(pres)":
		if c.vars[name] == "" {
			return "allowed_not_screened"
		}
	}
	if text, ok := strings.CutPrefix(name, "EVAL("); ok {
		return os.Expand(strings.TrimSuffix(text, ")"), c.expand)
	}
	return c.variable(name)
}

// variable is a variable, also one that is handed down.
func (c *channel) variable(name string) string {
	for _, inherited := range []string{"", "_", "__"} {
		if value, ok := c.vars[inherited+name]; ok {
			return value
		}
	}
	return ""
}

// assign writes variables and functions.
func (p *PBX) assign(c *channel, vars map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := vars[name]
		switch name {
		case calls.VarState:
			p.longest = max(p.longest, len(value))
			c.vars[name] = value
		case "CHANNEL(hangup_handler_push)":
			c.handlers = append(c.handlers, value)
		case "CHANNEL(hangup_handler_pop)":
			c.handlers = c.handlers[:max(0, len(c.handlers)-1)]
			if value != "" {
				c.handlers = append(c.handlers, value)
			}
		case "CHANNEL(hangup_handler_wipe)":
			if c.handlers = nil; value != "" {
				c.handlers = []string{value}
			}
		case "TIMEOUT(absolute)":
			p.setGuard(c, value)
		case "VOLUME(TX)", "VOLUME(RX)", "PITCH_SHIFT(tx)", "PITCH_SHIFT(rx)":
			c.setSound(name, value)
		default:
			plain := strings.TrimLeft(name, "_")
			for _, inherited := range []string{"", "_", "__"} {
				delete(c.vars, inherited+plain)
			}
			c.vars[name] = value
		}
	}
}

// LongestState is how many bytes the longest METAFLOWS_STATE had so far.
func (p *PBX) LongestState() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.longest
}

// setGuard is TIMEOUT(absolute): at its time the channel ends, without a ChannelHangupRequest
// (ari/ASTERISK.md, Nobody is left alone).
func (p *PBX) setGuard(c *channel, value string) {
	s, _ := strconv.ParseFloat(value, 64)
	if s <= 0 {
		c.guard = time.Time{}
		return
	}
	d := time.Duration(s * float64(time.Second))
	at := time.Now().Add(d)
	c.guard = at
	p.do(d, c.id, func() {
		if c.guard.Equal(at) && !c.dead {
			p.say(Phone, "TIMEOUT(absolute) ends %s", c.party)
			p.end(c, 0, 0)
		}
	})
}

// Continue is POST channels/{id}/continue to the next priority.
func (p *PBX) Continue(id string) error {
	return p.command("Continue", id, "continue "+p.party(id), atOnce(func() error { return p.leave(id) }))
}

// afterTime is how long a channel stays in the dialplan after it has gone on there.
const afterTime = 2 * time.Second

// leave lets a channel go on in the dialplan: answered at once, carried out when nothing occupies the channel.
func (p *PBX) leave(id string) error {
	c, err := p.live(id)
	if err != nil {
		return err
	}
	c.serially(func() {
		if c.dead {
			return
		}
		p.leaveBridge(c)
		c.entered, c.onward = false, true
		c.vars[calls.VarReturning] = calls.Returning
		p.event(id, calls.Left{Channel: id})
		mine := map[string]string{}
		for name, value := range c.vars {
			name = strings.TrimLeft(name, "_")
			dial := slices.Contains([]string{"DIALSTATUS", "DIALEDPEERNAME", "DIALEDTIME", "ANSWEREDTIME"}, name)
			if value != "" && (dial || strings.HasPrefix(name, "METAFLOWS_")) && c.phone != nil && c.phone.vars[name] != value {
				mine[name] = value
			}
		}
		if rest := p.read(c, "TIMEOUT(absolute)"); rest != "0" {
			mine["TIMEOUT(absolute)"] = rest
		}
		if len(c.handlers) > 0 {
			mine["hangup handlers"] = strings.Join(c.handlers, " ")
		}
		p.say(Gone, "%s goes on%s", c.party, list(mine))
		for _, what := range c.altered() {
			p.takenAlong = append(p.takenAlong, what+" of "+c.party+" that went on in the dialplan")
		}
		if c.then != nil {
			c.args, c.then = c.then, nil
			p.do(toEffect, id, func() { p.stasis(c) })
			return
		}
		p.do(afterTime, id, func() { p.end(c, 16, 0) })
	})
	return nil
}
