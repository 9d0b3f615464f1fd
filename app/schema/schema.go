package schema

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"metaflows/app/egress"
	"metaflows/flows/calls"
)

//go:embed schemas/*.json
var files embed.FS

// Schemas are Kazoo's JSON schemas (app/rest/README.md, Schemas) and ours, by their names: metaflows, metaflow,
// metaflows.transfer.
type Schemas struct {
	byName  map[string]*definition
	blocked egress.Blocked
	modules calls.Modules
}

// definition is one schema.
type definition struct {
	text       *Value             // as it is served
	compiled   *jsonschema.Schema // finds more at once than the text, see apart
	properties map[string]*Value  // of the text
	defaults   []Member           // of the properties, in alphabetical order
}

// Load gives the schemas. blocked are the addresses that URLs in documents must not name; modules say which keys of their
// schemas they obey, and are never run: one that is missing, or has no Run, this version cannot run. An error is a mistake in
// the files.
func Load(blocked egress.Blocked, modules calls.Modules) (*Schemas, error) {
	byName, err := load()
	if err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	return &Schemas{byName, blocked, modules}, nil
}

var load = sync.OnceValues(compile)

func compile() (map[string]*definition, error) {
	entries, err := files.ReadDir("schemas")
	if err != nil {
		return nil, err
	}
	byName := map[string]*definition{}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	const base = "schema:///"
	for _, f := range entries {
		raw, err := files.ReadFile(path.Join("schemas", f.Name()))
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(f.Name(), ".json")
		d := &definition{properties: map[string]*Value{}}
		if d.text, err = Parse(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		thorough, _ := Parse(raw)
		for i, p := range d.text.Get("properties").Members {
			d.properties[p.Key] = p.Value
			if value := p.Value.Get("default"); value != nil {
				d.defaults = append(d.defaults, Member{p.Key, value})
			}
			apart(thorough.Get("properties").Members[i].Value)
		}
		if err := c.AddResource(base+name, thorough.Plain()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		byName[name] = d
	}
	for name, d := range byName {
		if d.compiled, err = c.Compile(base + name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return byName, nil
}

// apart puts a property's enum beside its other rules, so that a value that breaks both is told of both: the library stops
// at the first of them.
func apart(property *Value) {
	if items := property.Get("items"); items != nil {
		apart(items)
	}
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

// Names are the names of all schemas, sorted.
func (s *Schemas) Names() []string {
	names := make([]string, 0, len(s.byName))
	for name := range s.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Text is a schema as JSON Schema draft 4, nil where there is none of that name. It must not be changed.
func (s *Schemas) Text(name string) *Value {
	if d := s.byName[name]; d != nil {
		return d.text
	}
	return nil
}

// module is the schema of a module's data; nil where there is no such module.
func (s *Schemas) module(name string) *definition { return s.byName["metaflows."+name] }

// fill appends the defaults of the properties that the object lacks.
func (d *definition) fill(o *Value) {
	for _, m := range d.defaults {
		if o.Get(m.Key) == nil {
			o.Add(m.Key, m.Value)
		}
	}
}

// isDefault says whether a value is what the key has where it is missing.
func (d *definition) isDefault(key string, v *Value) bool {
	p := d.properties[key]
	return p != nil && p.Get("default") != nil && string(p.Get("default").Encode()) == string(v.Encode())
}
