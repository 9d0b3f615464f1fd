package schema

// Object checks by a schema what a client wants to store, as Kazoo does, and repairs types in place. No key may stand twice
// in one object, at any depth. problems is empty when nothing is wrong. There must be a schema of that name.
func (s *Schemas) Object(name string, data *Value) *Problems {
	d, p := s.byName[name], &Problems{}
	d.repair(data)
	p.check(nil, data, d)
	p.addDuplicates(nil, data)
	return p
}

func (p *Problems) addDuplicates(at []string, v *Value) {
	seen := map[string]bool{}
	for _, m := range v.Members {
		here := at
		if v.Kind == Object {
			if here = below(at, m.Key); seen[m.Key] {
				p.Add(Path(here...), "duplicate", Detail{"message": "Key stands twice in one object"})
			}
			seen[m.Key] = true
		}
		p.addDuplicates(here, m.Value)
	}
}

// Merge changes an object as a PATCH of Kazoo's does, which is RFC 7386: a key's null removes it, an object is merged into
// the one that is there, anything else takes its place. Keys that stay keep their order, new ones are appended.
func (v *Value) Merge(patch *Value) {
	for _, m := range patch.Members {
		there := v.Get(m.Key)
		switch m.Value.Kind {
		case Null:
			v.Remove(m.Key)
		case Object:
			if there == nil || there.Kind != Object {
				there = NewObject()
				v.Set(m.Key, there)
			}
			there.Merge(m.Value)
		default:
			v.Set(m.Key, m.Value)
		}
	}
}

// Remove takes a key out of an object.
func (v *Value) Remove(key string) {
	kept := v.Members[:0]
	for _, m := range v.Members {
		if v.Kind != Object || m.Key != key {
			kept = append(kept, m)
		}
	}
	v.Members = kept
}

// Clone is a copy that shares nothing.
func (v *Value) Clone() *Value {
	c := *v
	c.Members = make([]Member, len(v.Members))
	for i, m := range v.Members {
		c.Members[i] = Member{m.Key, m.Value.Clone()}
	}
	return &c
}
