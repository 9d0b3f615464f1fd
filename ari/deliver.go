package ari

import (
	"sync"
	"time"

	"metaflows/flows/calls"
)

// take counts a frame and passes on its event.
func (c *Client) take(frame []byte, g *gate) kind {
	k, name := classify(frame)
	switch k {
	case kindSkipped:
		c.skipped.Add(1)
		return k
	case kindAnswer:
		if wire := c.wire.Load(); wire != nil {
			wire.take(frame)
		}
		return k
	case kindUnknown:
		c.unknown.Add(1)
		c.logUnknown(name)
		return k
	case kindOffered:
		c.decoded.Add(1)
		c.claimCall(frame)
		return k
	case kindReplaced:
		c.decoded.Add(1)
		return k
	}
	id, ev, err := decode(k, frame, time.Now())
	if err != nil {
		if n := c.broken.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th: a flood stays readable
			c.cfg.Log.Error("an event from Asterisk could not be understood", "type", oneLine(string(name)), "bytes", len(frame), "so_far", n,
				"do", "report it, with the version of Asterisk")
		}
		return kindNone
	}
	c.decoded.Add(1)
	g.put(id, ev)
	return k
}

// logUnknown logs a type once, and no more than a hundred of them.
func (c *Client) logUnknown(name []byte) {
	c.mu.Lock()
	news := len(c.seen) < 100 && !c.seen[string(name)]
	if news {
		c.seen[string(name)] = true
	}
	c.mu.Unlock()
	if news {
		c.cfg.Log.Warn("Asterisk sends a type of event that is not known here; it is ignored", "type", oneLine(string(name)))
	}
}

// gate keeps a session's events until it is opened, then lets them through in order.
type gate struct {
	handler Handler
	mu      sync.Mutex
	isOpen  bool
	held    []heldEvent
}

type heldEvent struct {
	id string
	ev calls.Event
}

// put delivers an event or keeps it. Only the reader calls it.
func (g *gate) put(id string, ev calls.Event) {
	g.mu.Lock()
	if !g.isOpen {
		g.held = append(g.held, heldEvent{id, ev})
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	g.handler.Deliver(id, ev)
}

// open delivers what was kept; what comes meanwhile is kept behind it, until nothing is left.
func (g *gate) open() {
	for {
		g.mu.Lock()
		held := g.held
		g.held = nil
		if len(held) == 0 {
			g.isOpen = true
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		for _, h := range held {
			g.handler.Deliver(h.id, h.ev)
		}
	}
}
