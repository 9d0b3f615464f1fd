package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"metaflows/flows"
)

// What one answer tells, so that it stays short whatever was sent.
const (
	maxProblems = 100
	maxText     = 32 << 10 // bytes of all paths and values, more or less
	maxEcho     = 2 << 10  // bytes of one value; a longer one is left out
	maxPath     = 1100     // bytes of one path or message, a pattern's among them; a longer one is cut
)

// Problems are why a request is refused: dotted path, error code, detail
// (app/rest/README.md, Details). All codes of a path are kept.
type Problems struct {
	byPath map[string]map[string]Detail
	count  int
	text   int
}

// Detail is what Kazoo says of one problem: message, target, value and so on.
type Detail map[string]any

// Add takes a problem up, unless that path has one of that code or there are enough.
func (p *Problems) Add(path, code string, d Detail) {
	path = cut(path)
	if p.byPath[path][code] != nil || p.full() {
		return
	}
	p.text += len(path)
	for key, part := range d {
		switch v := part.(type) {
		case *Value:
			if !v.fits(maxEcho) {
				delete(d, key)
				continue
			}
			raw := v.Encode()
			p.text += len(raw)
			d[key] = json.RawMessage(raw)
		case json.RawMessage:
			p.text += len(v)
		case string:
			d[key] = cut(v)
		}
	}
	if p.byPath == nil {
		p.byPath = map[string]map[string]Detail{}
	}
	if p.byPath[path] == nil {
		p.byPath[path] = map[string]Detail{}
	}
	p.byPath[path][code] = d
	p.count++
}

// full says whether no more are told; to make the path of one would be in vain.
func (p *Problems) full() bool { return p.count >= maxProblems || p.text >= maxText }

// cut shortens what is too long to be told.
func cut(s string) string {
	if len(s) <= maxPath {
		return s
	}
	return strings.ToValidUTF8(s[:maxPath], "") + "..."
}

// fits says whether the value's text is not much longer than a limit, and takes no longer than that to find out.
func (v *Value) fits(limit int) bool { return v.rest(limit) >= 0 }

func (v *Value) rest(limit int) int {
	limit -= len(v.Text) + 2
	for _, m := range v.Members {
		if limit < 0 {
			break
		}
		limit = m.Value.rest(limit - len(m.Key) - 4)
	}
	return limit
}

// Has says whether something is wrong at a path.
func (p *Problems) Has(path string) bool { return len(p.byPath[cut(path)]) > 0 }

// Empty says whether nothing is wrong.
func (p *Problems) Empty() bool { return p.count == 0 }

// MarshalJSON gives Kazoo's data of a validation error: path, code, detail.
func (p *Problems) MarshalJSON() ([]byte, error) {
	if p.byPath == nil {
		return []byte("{}"), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(p.byPath)
	return b.Bytes(), err
}

// One is the problems of a request that has a single one.
func One(path, code string, d Detail) *Problems {
	p := &Problems{}
	p.Add(path, code, d)
	return p
}

// Path joins keys as Kazoo does, a dot inside a key written %2E.
func Path(keys ...string) string {
	escaped := make([]string, len(keys))
	for i, k := range keys {
		escaped[i] = strings.ReplaceAll(k, ".", "%2E")
	}
	return strings.Join(escaped, ".")
}

// AddBelow adds the problems of a part that stands at the path.
func (p *Problems) AddBelow(at string, part *Problems) {
	for _, path := range slices.Sorted(maps.Keys(part.byPath)) {
		where := at
		if path != root {
			where += "." + path
		}
		for _, code := range slices.Sorted(maps.Keys(part.byPath[path])) {
			p.Add(where, code, part.byPath[path][code])
		}
	}
}

// root is the path of what is looked at itself, which is the data of a request.
const root = "data"

// below is a path's keys with more at its end; the path is not changed.
func below(at []string, keys ...string) []string {
	return append(slices.Clip(at), keys...)
}

// AddDocument adds what package flows finds in a document beyond the schemas: duplicate keys, patterns, limits.
func (p *Problems) AddDocument(e *flows.DocumentError) { p.addDocument(nil, e) }

// addDocument is AddDocument for what stands at a path.
func (p *Problems) addDocument(at []string, e *flows.DocumentError) {
	for _, d := range e.Problems {
		path := d.Path
		if len(at) > 0 {
			path = strings.TrimSuffix(Path(at...)+"."+path, ".")
		}
		path = cmp.Or(path, root)
		if p.Has(path) && d.Code != "duplicate" {
			continue // the schema has said it, and with the value
		}
		p.Add(path, d.Code, Detail{"message": d.Message})
	}
}

// addSchema adds what the schema d finds in v, which stands at the path.
func (p *Problems) addSchema(at []string, v *Value, d *definition, e *jsonschema.ValidationError) {
	if p.full() {
		return
	}
	if _, one := e.ErrorKind.(*kind.OneOf); len(e.Causes) > 0 && !one {
		for _, cause := range e.Causes {
			p.addSchema(at, v, d, cause)
		}
		return
	}
	bad := v
	for _, key := range e.InstanceLocation {
		bad = bad.child(key)
	}
	where := below(at, e.InstanceLocation...)
	path := cmp.Or(Path(where...), root)
	add := func(path, code string, detail Detail) {
		if d.secret(e.InstanceLocation) {
			delete(detail, "value")
			delete(detail, "cause")
		}
		p.Add(path, code, detail)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, key := range k.Missing {
			p.Add(Path(below(where, key)...), "required", Detail{"message": "Field is required but missing", "value": key})
		}
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			if p.full() {
				break
			}
			p.Add(Path(below(where, key)...), "additionalProperties", Detail{
				"message": "Strict checking of data is enabled; only include schema-defined properties", "value": bad,
			})
		}
	case *kind.Type:
		want := strings.Join(k.Want, ", ")
		add(path, "type", Detail{"message": "Value did not match type(s): " + want, "target": want, "value": bad})
	case *kind.Enum:
		add(path, "enum", Detail{"message": "Value not found in enumerated list of values", "target": k.Want, "value": bad})
	case *kind.MinLength:
		add(path, "minLength", Detail{"message": "String must be at least " + strconv.Itoa(k.Want) + " characters", "target": k.Want, "cause": bad, "value": bad})
	case *kind.MaxLength:
		add(path, "maxLength", Detail{"message": "String must not be more than " + strconv.Itoa(k.Want) + " characters", "target": k.Want, "cause": bad, "value": bad})
	case *kind.Minimum:
		add(path, "minimum", bound("Value must be at least ", d.spelling(e, "minimum", k.Want), bad))
	case *kind.Maximum:
		add(path, "maximum", bound("Value must be at most ", d.spelling(e, "maximum", k.Want), bad))
	case *kind.Pattern:
		add(path, "pattern", Detail{"message": "Failed to match pattern '" + k.Want + "'", "target": k.Want, "value": bad})
	case *kind.OneOf:
		add(path, "not_one_schema_valid", Detail{"message": "failed to validate", "value": bad})
	default:
		add(path, "error", Detail{"message": "failed to validate", "value": bad})
	}
}

func bound(message, limit string, bad *Value) Detail {
	return Detail{"message": message + limit, "target": json.Number(limit), "value": bad}
}

// spelling is a limit as the schema writes it: Kazoo tells 1.0 of a schema's 1.0.
func (d *definition) spelling(e *jsonschema.ValidationError, rule string, limit *big.Rat) string {
	if len(e.InstanceLocation) == 1 {
		if p := d.properties[e.InstanceLocation[0]]; p != nil && p.Get(rule) != nil {
			return p.Get(rule).Text
		}
	}
	return limit.RatString()
}

// secret says whether what stands at a place in an object is never to be shown.
func (d *definition) secret(at []string) bool {
	if len(at) == 0 || d.properties[at[0]] == nil {
		return false
	}
	v := d.properties[at[0]].Get("writeOnly")
	return v != nil && v.Text == "true"
}

// child is the member that a schema error points to.
func (v *Value) child(key string) *Value {
	if v.Kind == Array {
		i, err := strconv.Atoi(key)
		if err == nil && i >= 0 && i < len(v.Members) {
			return v.Members[i].Value
		}
	} else if c := v.Get(key); c != nil {
		return c
	}
	return &Value{Kind: Null, Text: "null"}
}
