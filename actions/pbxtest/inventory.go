package pbxtest

import "metaflows/flows"

// Inventory is what there is, as a connect finds it.
func (p *PBX) Inventory(known func(channel string) bool) (flows.Inventory, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var inv flows.Inventory
	for id := range p.bridges {
		inv.Bridges = append(inv.Bridges, id)
	}
	for _, c := range p.sorted() {
		f := flows.Found{Channel: c.snapshot(), Inside: c.entered, Elsewhere: c.onward || c.at != ""}
		if c.bridge != nil {
			f.Bridge = c.bridge.id
		}
		if !c.made && c.whisper == nil && c.far == nil && c.at == "" {
			f.Args = append([]string{}, c.args...)
		}
		if f.Inside && !known(c.id) {
			f.State, f.Partner = p.read(c, flows.VarState), p.read(c, flows.VarPartner)
			f.Dialled = f.Args == nil && p.read(c, flows.VarDialled) != ""
			f.Returning = f.State == "" && p.read(c, flows.VarReturning) != ""
		}
		inv.Channels = append(inv.Channels, f)
	}
	return inv, nil
}

// Recording is GET recordings/live/{name}, else recordings/stored/{name}.
func (p *PBX) Recording(name string) (live, stored bool, err error) {
	err = p.command("Recording", name, "look up recording "+name, atOnce(func() error {
		r := p.recordings[name]
		live, stored = r != nil && r.live, r != nil && !r.live
		return nil
	}))
	return live, stored, err
}
