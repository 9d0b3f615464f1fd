package pbxtest

import "metaflows/flows/calls"

// Inventory is what there is, as a connect finds it.
func (p *PBX) Inventory(known func(channel string) bool) (calls.Inventory, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var inv calls.Inventory
	for id := range p.bridges {
		inv.Bridges = append(inv.Bridges, id)
	}
	for _, c := range p.sorted() {
		f := calls.Found{Channel: c.snapshot(), Inside: c.entered, Elsewhere: c.onward || c.at != ""}
		if c.bridge != nil {
			f.Bridge = c.bridge.id
		}
		if !c.made && c.whisper == nil && c.far == nil && c.at == "" || c.overhears != nil {
			f.Args = append([]string{}, c.args...)
		}
		if f.Inside && c.overhears == nil && !known(c.id) {
			f.State, f.Partner = p.read(c, calls.VarState), p.read(c, calls.VarPartner)
			f.Dialled = f.Args == nil && p.read(c, calls.VarDialled) != ""
			f.Returning = f.State == "" && p.read(c, calls.VarReturning) != ""
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
