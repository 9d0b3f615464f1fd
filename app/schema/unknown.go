package schema

// Unknown are the keys of a document and of its nodes that mean nothing here, in the document's order and 100 at most. They
// are kept, as Kazoo keeps them, and may be slips. A module's data may have any key.
func (s *Schemas) Unknown(document *Value) (all []Warning) {
	look := func(at []string, object *Value, schema string) {
		for _, m := range object.Members {
			known := s.byName[schema].properties[m.Key] != nil || m.Key == "allow_peer" && len(at) > 0
			if !known && len(all) < maxWarnings {
				all = append(all, Warning{Path(below(at, m.Key)...), "unknown", "this key is kept, and means nothing"})
			}
		}
	}
	if document.Kind != Object {
		return nil
	}
	look(nil, document, "metaflows")
	eachNode(document, func(at []string, _ string, node *Value) { look(at, node, "metaflow") })
	return all
}
