package schema

// Check says what is wrong with data by the schema of that name, which there is, and repairs types in place.
func (s *Schemas) Check(name string, data *Value) *Problems {
	problems, d := &Problems{}, s.byName[name]
	d.repair(data)
	problems.check(nil, data, d)
	return problems
}
