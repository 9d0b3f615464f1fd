package rest

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

// schemas are Kazoo's JSON schemas (kazoo-facts 3), compiled, by their names: metaflows, metaflow, metaflows.transfer.
type schemas struct {
	byName   map[string]*jsonschema.Schema
	defaults map[string][]member // of the top-level properties, by the schema's name, in alphabetical order
}

// loadSchemas compiles what is embedded, once; an error is a mistake in the files.
var loadSchemas = sync.OnceValues(compileSchemas)

func compileSchemas() (*schemas, error) {
	files, err := schemaFiles.ReadDir("schemas")
	if err != nil {
		return nil, err
	}
	s := &schemas{byName: map[string]*jsonschema.Schema{}, defaults: map[string][]member{}}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	const base = "schema:///"
	for _, f := range files {
		text, err := schemaFiles.ReadFile(path.Join("schemas", f.Name()))
		if err != nil {
			return nil, err
		}
		tree, err := parseJSON(text)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(f.Name(), ".json")
		s.byName[name] = nil
		for _, p := range tree.get("properties").members {
			if d := p.value.get("default"); d != nil {
				s.defaults[name] = append(s.defaults[name], member{p.key, d})
			}
			apart(p.value)
		}
		if err := c.AddResource(base+name, tree.plain()); err != nil {
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
func apart(property *value) {
	if property.get("enum") == nil {
		return
	}
	rest, enum := object(), object()
	for _, m := range property.members {
		if m.key == "enum" {
			enum.add(m.key, m.value)
		} else {
			rest.add(m.key, m.value)
		}
	}
	*property = *object(member{"allOf", &value{kind: isArray, members: []member{{value: rest}, {value: enum}}}})
}

// module is the schema of a module's data; nil where we have none.
func (s *schemas) module(name string) *jsonschema.Schema { return s.byName["metaflows."+name] }

// fill appends the defaults of the schema's properties that the object lacks.
func (s *schemas) fill(name string, object *value) {
	for _, d := range s.defaults[name] {
		if object.get(d.key) == nil {
			object.add(d.key, d.value)
		}
	}
}

// repair converts what has the wrong type where the schema's properties want a number or a boolean, as Kazoo does
// (kazoo-facts 3.2): "500" is 500, 1499.5 is 1500, "true" is true. Strings are never made.
func repair(object *value, schema *jsonschema.Schema) {
	if object.kind != isObject {
		return
	}
	for _, m := range object.members {
		p := schema.Properties[m.key]
		if p == nil || p.Types == nil {
			continue
		}
		switch want := p.Types.ToStrings(); {
		case slices.Contains(want, "integer"):
			repairInteger(m.value)
		case slices.Contains(want, "number") && m.value.kind == isString:
			if n, err := readNumber(m.value.text); err == nil {
				*m.value = *n
			}
		case slices.Contains(want, "boolean") && m.value.kind == isString:
			if m.value.text == "true" || m.value.text == "false" {
				m.value.kind = isBool
			}
		}
	}
}

func repairInteger(v *value) {
	if v.kind != isNumber && v.kind != isString {
		return
	}
	if _, err := strconv.ParseInt(v.text, 10, 64); err == nil {
		if v.kind == isString {
			n, _ := strconv.ParseInt(v.text, 10, 64)
			*v = value{kind: isNumber, text: strconv.FormatInt(n, 10)}
		}
		return
	}
	f, err := strconv.ParseFloat(v.text, 64)
	if err != nil || math.Abs(f) >= 1<<53 || math.IsNaN(f) {
		return
	}
	*v = value{kind: isNumber, text: strconv.FormatInt(int64(math.Round(f)), 10)}
}
