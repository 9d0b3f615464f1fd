package schema

import (
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"metaflows/flows"
)

// Document checks what somebody wants to store, as Kazoo does
// (app/rest/README.md, Schemas), and repairs types in place. It may be stored
// when problems is empty; warnings are what this version cannot do of it. It never panics, whatever data is.
func (s *Schemas) Document(data *Value) (problems *Problems, warnings []Warning) {
	problems = &Problems{}
	root := s.byName["metaflows"]
	root.repair(data)
	var refused *flows.DocumentError
	if _, err := flows.ParseDocument(data.Encode()); errors.As(err, &refused) && hopeless(refused) {
		problems.AddDocument(refused)
		return problems, nil
	}
	problems.check(nil, data, root)
	eachNode(data, func(at []string, module string, node *Value) { s.node(problems, at, module, node) })
	if refused != nil {
		problems.AddDocument(refused)
	}
	return problems, s.Unsupported(data)
}

// Read is Document for the text of one, which may come from anywhere. It gives the text as it would be stored, nil where
// something is wrong.
func (s *Schemas) Read(text []byte) (stored []byte, problems *Problems) {
	data, err := Parse(text)
	if err != nil {
		return nil, One("json", "invalid", Detail{"message": err.Error()})
	}
	if problems, _ = s.Document(data); !problems.Empty() {
		return nil, problems
	}
	return data.Encode(), problems
}

// hopeless says whether so much is wrong that to look further would only cost time: as many problems as are told, or too
// many patterns.
func hopeless(refused *flows.DocumentError) bool {
	return len(refused.Problems) >= maxProblems ||
		slices.ContainsFunc(refused.Problems, func(p flows.Problem) bool { return p.Path == "patterns" && p.Code == "error" })
}

// eachNode visits the nodes of a document's numbers and patterns, and their children, in the document's order. Nodes whose
// module is no text are left out. Kazoo keeps a child under the empty key unchecked; nothing ever runs it.
func eachNode(document *Value, visit func(at []string, module string, node *Value)) {
	for _, part := range []string{"numbers", "patterns"} {
		if entries := document.Get(part); entries != nil {
			eachOf(entries, []string{part}, visit)
		}
	}
}

func eachOf(entries *Value, at []string, visit func([]string, string, *Value)) {
	if entries.Kind != Object {
		return
	}
	for _, m := range entries.Members {
		if m.Key == "" || m.Value.Kind != Object {
			continue
		}
		eachUnder(m.Value, below(at, m.Key), visit)
	}
}

// eachUnder visits a node and its children.
func eachUnder(node *Value, at []string, visit func([]string, string, *Value)) {
	if module := node.Get("module"); module != nil && module.Kind == String {
		visit(at, module.Text, node)
	}
	if children := node.Get("children"); children != nil {
		eachOf(children, below(at, "children"), visit)
	}
}

// node checks one node's module and data.
func (s *Schemas) node(p *Problems, at []string, module string, node *Value) {
	if p.full() {
		return // what is left need not be repaired either
	}
	d := s.module(module)
	if d == nil {
		if module != "" && len([]rune(module)) <= 64 { // else the schema has said what is wrong with it
			p.Add(Path(below(at, "module")...), "error", Detail{"message": "unable to find metaflow schema for module " + module, "value": module})
		}
		p.Add("schema", "schema", Detail{"message": "schema not found", "schema": "metaflows." + module})
		return
	}
	data := node.Get("data")
	if data == nil {
		data = NewObject() // which lacks what is required
	}
	if data.Kind != Object {
		return // the schema has said it
	}
	d.repair(data)
	p.check(below(at, "data"), data, d)
	s.clientURL(p, at, module, data)
}

// clientURL checks, as Kazoo, a URL that this system would call (app/rest/README.md, Schemas).
func (s *Schemas) clientURL(p *Problems, at []string, module string, data *Value) {
	key := s.modules[module].URL
	if u := data.Get(key); key != "" && u != nil {
		s.callable(p, Path(below(at, "data", key)...), u)
	}
}

// callable adds a problem where a URL must not be called.
func (s *Schemas) callable(p *Problems, path string, u *Value) {
	if u.Kind != String {
		return // the schema says it
	}
	if err := s.blocked.URL(u.Text); err != nil {
		p.Add(path, "error", Detail{"message": "invalid client URL", "value": u, "cause": err.Error()})
	}
}

// check validates one value by one schema.
func (p *Problems) check(at []string, v *Value, d *definition) {
	var invalid *jsonschema.ValidationError
	if err := d.compiled.Validate(v.Plain()); errors.As(err, &invalid) {
		p.addSchema(at, v, d, invalid)
	}
}
