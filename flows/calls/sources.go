package calls

import (
	"strings"
)

// tellSources tells the calls that hear this one through Local channels that they hear somebody else from now on.
func (c *Call) tellSources() {
	n, same := 0, true
	for _, leg := range c.Legs {
		if leg.bridged {
			same = same && n < len(c.sources) && c.sources[n] == leg.ID
			n++
		}
	}
	if same && n == len(c.sources) {
		return
	}
	now := make([]string, 0, n)
	for _, leg := range c.Legs {
		if leg.bridged {
			now = append(now, leg.ID)
		}
	}
	c.sources = now
	for _, channel := range now {
		c.tellNear(channel, 0)
	}
}

// longestChain is through how many calls it is told. Calls that lead to each other would tell it for ever.
const longestChain = 8

// passOn tells the calls that hear a leg through this one.
func (c *Call) passOn(ev SourceChanged) {
	if ev.Passed >= longestChain {
		return
	}
	for _, channel := range c.sources {
		if channel != ev.Channel {
			c.tellNear(channel, ev.Passed+1)
		}
	}
}

// tellNear tells the call that has the near half of a Local channel, if this is the far one and there is one in this process.
func (c *Call) tellNear(channel string, passed int) {
	if near, far := strings.CutSuffix(channel, farHalf); far && c.calls.Has(near) {
		c.calls.Deliver(near, SourceChanged{Channel: near, Passed: passed})
	}
}
