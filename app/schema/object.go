package schema

import "slices"

// Object checks by a schema what a client wants to store, as Kazoo does, and repairs types in place. No key may stand twice
// in one object, at any depth; what has the format uri must not lead to where the program may not call. No problem repeats
// the value of what is writeOnly. problems is empty when nothing is wrong. There must be a schema of that name.
func (s *Schemas) Object(name string, data *Value) *Problems {
	d, p := s.byName[name], &Problems{}
	d.repair(data)
	for _, m := range data.Members {
		if property := d.properties[m.Key]; property != nil && property.Get("format") != nil {
			s.callable(p, Path(m.Key), m.Value)
		}
	}
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
// the one that is there, anything else takes its place. Keys that stay keep their order, new ones are appended. It takes
// time in proportion to both.
func (v *Value) Merge(patch *Value) {
	at := make(map[string]int, len(v.Members))
	for i, m := range v.Members {
		if before, twice := at[m.Key]; twice { // the last counts
			v.Members[before].Value = nil
		}
		at[m.Key] = i
	}
	for _, m := range patch.Members {
		i, there := at[m.Key]
		switch {
		case m.Value.Kind == Null && !there:
			continue
		case m.Value.Kind == Null:
			v.Members[i].Value = nil // to be taken out below: until then the others keep their places
			delete(at, m.Key)
			continue
		case !there:
			i = len(v.Members)
			at[m.Key] = i
			v.Add(m.Key, m.Value)
		}
		if m.Value.Kind != Object {
			v.Members[i].Value = m.Value
			continue
		}
		if !there || v.Members[i].Value.Kind != Object {
			v.Members[i].Value = NewObject()
		}
		v.Members[i].Value.Merge(m.Value)
	}
	v.Members = slices.DeleteFunc(v.Members, func(m Member) bool { return m.Value == nil })
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
