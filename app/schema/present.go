package schema

// Present writes the defaults into a stored document for an answer
// (app/rest/README.md, Defaults and repairs): keys keep their place, defaults are
// appended. bindingDigit is what holds where the document has none. The defaults are shared: document is for reading then.
func (s *Schemas) Present(document *Value, bindingDigit byte) {
	if document.Kind != Object {
		return
	}
	for _, part := range []string{"numbers", "patterns"} {
		s.presentNodes(document.Get(part))
	}
	if document.Get("binding_digit") == nil {
		document.Add("binding_digit", NewString(string(rune(bindingDigit))))
	}
}

func (s *Schemas) presentNodes(entries *Value) {
	if entries == nil || entries.Kind != Object {
		return
	}
	for _, m := range entries.Members {
		node := m.Value
		if m.Key == "" || node.Kind != Object {
			continue
		}
		data := node.Get("data")
		if data == nil {
			data = NewObject()
			node.Add("data", data)
		}
		if module := node.Get("module"); module != nil && module.Kind == String && data.Kind == Object {
			if d := s.module(module.Text); d != nil {
				d.fill(data)
			}
		}
		s.presentNodes(node.Get("children"))
	}
}
