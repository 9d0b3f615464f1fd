package schema

import (
	"embed"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schemas/*.json
var schemaFiles embed.FS

// Schemas are Kazoo's JSON schemas (kazoo-facts 3), compiled, by their names: metaflows, metaflow, metaflows.transfer.
type Schemas struct {
	byName   map[string]*jsonschema.Schema
	defaults map[string][]Member // of the top-level properties, by the schema's name, in alphabetical order
}

// Load gives the schemas, compiled once; an error is a mistake in the files.
func Load() (*Schemas, error) { return load() }

var load = sync.OnceValues(compile)

func compile() (*Schemas, error) {
	files, err := schemaFiles.ReadDir("schemas")
	if err != nil {
		return nil, err
	}
	s := &Schemas{byName: map[string]*jsonschema.Schema{}, defaults: map[string][]Member{}}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	const base = "schema:///"
	for _, f := range files {
		text, err := schemaFiles.ReadFile(path.Join("schemas", f.Name()))
		if err != nil {
			return nil, err
		}
		tree, err := Parse(text)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(f.Name(), ".json")
		s.byName[name] = nil
		for _, p := range tree.Get("properties").Members {
			if d := p.Value.Get("default"); d != nil {
				s.defaults[name] = append(s.defaults[name], Member{p.Key, d})
			}
			apart(p.Value)
		}
		if err := c.AddResource(base+name, tree.Plain()); err != nil {
			return nil, err
		}
	}
	for name := range s.byName {
		if s.byName[name], err = c.Compile(base + name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// apart puts a property's enum beside its other rules, so that a value that breaks both is told of both: the library stops
// at the first of them.
func apart(property *Value) {
	if property.Get("enum") == nil {
		return
	}
	rest, enum := NewObject(), NewObject()
	for _, m := range property.Members {
		if m.Key == "enum" {
			enum.Add(m.Key, m.Value)
		} else {
			rest.Add(m.Key, m.Value)
		}
	}
	*property = *NewObject(Member{"allOf", &Value{Kind: Array, Members: []Member{{Value: rest}, {Value: enum}}}})
}

// module is the schema of a module's data; nil where we have none.
func (s *Schemas) module(name string) *jsonschema.Schema { return s.byName["metaflows."+name] }

// fill appends the defaults of the schema's properties that the object lacks.
func (s *Schemas) fill(name string, o *Value) {
	for _, d := range s.defaults[name] {
		if o.Get(d.Key) == nil {
			o.Add(d.Key, d.Value)
		}
	}
}

// repair converts what has the wrong type where the schema's properties want a number or a boolean, as Kazoo does
// (kazoo-facts 3.2): "500" is 500, 1499.5 is 1500, "true" is true. Strings are never made.
func repair(o *Value, schema *jsonschema.Schema) {
	if o.Kind != Object {
		return
	}
	for _, m := range o.Members {
		p := schema.Properties[m.Key]
		if p == nil || p.Types == nil {
			continue
		}
		switch want := p.Types.ToStrings(); {
		case slices.Contains(want, "integer"):
			repairInteger(m.Value)
		case slices.Contains(want, "number") && m.Value.Kind == String:
			if n, err := readNumber(m.Value.Text); err == nil {
				*m.Value = *n
			}
		case slices.Contains(want, "boolean") && m.Value.Kind == String:
			if m.Value.Text == "true" || m.Value.Text == "false" {
				m.Value.Kind = Bool
			}
		}
	}
}

func repairInteger(v *Value) {
	if v.Kind != Number && v.Kind != String {
		return
	}
	if _, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		if v.Kind == String {
			n, _ := strconv.ParseInt(v.Text, 10, 64)
			*v = Value{Kind: Number, Text: strconv.FormatInt(n, 10)}
		}
		return
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || math.Abs(f) >= 1<<53 || math.IsNaN(f) {
		return
	}
	*v = Value{Kind: Number, Text: strconv.FormatInt(int64(math.Round(f)), 10)}
}
