package pbxtest

import (
	"slices"
	"strings"

	"metaflows/flows/calls"
)

// bridge is a mixing bridge that reports digits.
type bridge struct {
	id      string
	members []*channel // in the order of their coming
}

// CreateBridge is POST bridges.
func (p *PBX) CreateBridge(id string) error {
	return p.command("CreateBridge", id, "create "+bridgeName(id), atOnce(func() error {
		if p.bridges[id] != nil {
			return calls.ErrConflict
		}
		p.bridges[id] = &bridge{id: id}
		return nil
	}))
}

// bridgeName is how the log names a bridge.
func bridgeName(id string) string {
	if strings.HasSuffix(id, "-rec") {
		return "bridge beside"
	}
	return "bridge"
}

// addAll puts channels into a bridge, one after the other.
func (p *PBX) addAll(id string, members []*channel, done func(error)) {
	p.add(id, members[0], false, func(err error) {
		if err != nil || len(members) == 1 {
			done(err)
			return
		}
		p.addAll(id, members[1:], done)
	})
}

// add puts a channel into a bridge when nothing occupies it.
func (p *PBX) add(id string, c *channel, absorb bool, done func(error)) {
	c.afterSubroutine(func() {
		b := p.bridges[id]
		if c.dead || b == nil {
			done(calls.ErrGone)
			return
		}
		p.leaveBridge(c)
		p.emptied(id) // the recorder does not stay alone
		b.members = append(b.members, c)
		for _, r := range p.ofBridge(id) {
			r.hears(c)
		}
		c.bridge, c.absorb = b, absorb
		p.event(c.id, calls.Entered{Channel: c.id, Bridge: id, Stamp: stamp()})
		p.connected(b)
		done(nil)
	})
}

// DeleteBridge is DELETE bridges/{id}: its channels stay in the application.
func (p *PBX) DeleteBridge(id string) error {
	return p.command("DeleteBridge", id, "delete "+bridgeName(id), atOnce(func() error {
		b := p.bridges[id]
		if b == nil {
			return calls.ErrGone
		}
		for _, c := range slices.Clone(b.members) {
			p.leaveBridge(c)
		}
		p.emptied(id)
		delete(p.bridges, id)
		return nil
	}))
}

// leaveBridge takes a channel out of its bridge, if it is in one. When it was the last, recordings end. What it is being sent
// ends, and a digit of its that is passing does where the bridge sees to that (main/bridge_channel.c, bridge_softmix.c).
func (p *PBX) leaveBridge(c *channel) {
	b := c.bridge
	if b == nil {
		return
	}
	mixes := len(b.members) > 2 || p.recorded(b.id)
	b.members = slices.DeleteFunc(b.members, func(m *channel) bool { return m == c })
	for _, r := range p.ofBridge(b.id) {
		r.hearsNoMore(c)
	}
	for _, other := range b.members { // a bridge of two ends what is passing, one that mixes does not
		other.stuck = other.stuck || c.passes && mixes
	}
	c.bridge, c.absorb, c.passes, c.stuck = nil, false, false, false
	p.event(c.id, calls.Removed{Channel: c.id, Bridge: b.id, Stamp: stamp()})
	if c.dead {
		p.emptied(b.id)
	}
}

// emptied ends the recordings of a bridge that nobody is in any more (ari/ASTERISK.md, Recording).
func (p *PBX) emptied(id string) {
	if b := p.bridges[id]; b != nil && len(b.members) == 0 {
		for _, r := range p.ofBridge(id) {
			p.finishRecording(r)
		}
	}
}

// others are the channels that hear c.
func (b *bridge) others(c *channel) []*channel {
	if b == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(b.members), func(m *channel) bool { return m == c })
}
