package pbxtest

import "metaflows/flows/calls"

// Transfer lets a phone send the other party of its newest call to an extension by its own means (REFER): a Local channel
// to that takes its place in the bridge, and the phone's stays until it hangs up (ari/ASTERISK.md, A phone's own transfer).
func (p *PBX) Transfer(name, extension string) {
	p.onPhone(name, func(c *channel) {
		b := c.bridge
		if b == nil {
			return
		}
		where := extension + "@" + c.context
		l := &channel{id: "1-" + c.id + "-refers", party: where, state: "Down", far: &farEnd{where: where}, exten: extension, entered: true, vars: map[string]string{}}
		l.name, _ = p.newName("Local/" + where)
		l.name += ";1"
		p.know(l)
		p.event(c.id, calls.Started{Channel: l.snapshot(), Replaces: c.id, Stamp: stamp()})
		p.leaveBridge(c)
		b.members = append(b.members, l)
		l.bridge = b
		p.event(l.id, calls.Entered{Channel: l.id, Bridge: b.id, Stamp: stamp()})
		p.reach(l)
	})
}

// Move takes a phone's newest call out of its bridge, as another client of ARI may: to the dialplan, or to another
// bridge.
func (p *PBX) Move(name string, toBridge bool) {
	p.onPhone(name, func(c *channel) {
		if !toBridge {
			_ = p.leave(c.id)
			return
		}
		p.leaveBridge(c)
		b := &bridge{id: "another"} // which is none of ours
		b.members, c.bridge = append(b.members, c), b
		p.event(c.id, calls.Entered{Channel: c.id, Bridge: b.id, Stamp: stamp()})
	})
}
