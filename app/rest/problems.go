package rest

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"metaflows/flows"
)

const (
	maxProblems   = 100     // that one answer tells
	maxEchoLength = 2 << 10 // of a refused value in an answer
)

// problems are why a request is refused: dotted path, error code, detail (kazoo-facts 1.7). All codes of a path are kept.
type problems struct {
	byPath map[string]map[string]detail
	count  int
}

// detail is what Kazoo says of one problem: message, target, value and so on.
type detail map[string]any

func (p *problems) add(path, code string, d detail) {
	if p.byPath[path][code] != nil || p.count >= maxProblems {
		return
	}
	for _, key := range []string{"value", "cause"} {
		if v, ok := d[key].(*value); ok {
			if raw := v.encode(); len(raw) <= maxEchoLength {
				d[key] = json.RawMessage(raw)
			} else {
				delete(d, key)
			}
		}
	}
	if p.byPath == nil {
		p.byPath = map[string]map[string]detail{}
	}
	if p.byPath[path] == nil {
		p.byPath[path] = map[string]detail{}
	}
	p.byPath[path][code] = d
	p.count++
}

func (p *problems) empty() bool { return p.count == 0 }

// one is the problems of a request with a single one.
func one(path, code string, d detail) *problems {
	p := &problems{}
	p.add(path, code, d)
	return p
}

// dotted joins keys as Kazoo does, a dot inside a key written %2E.
func dotted(keys ...string) string {
	escaped := make([]string, len(keys))
	for i, k := range keys {
		escaped[i] = strings.ReplaceAll(k, ".", "%2E")
	}
	return strings.Join(escaped, ".")
}

// below is a path's keys with more at its end; the path is not changed.
func below(at []string, keys ...string) []string {
	return append(slices.Clip(at), keys...)
}

// addDocument adds what package flows finds in a document beyond the schemas: duplicate keys, patterns, limits.
func (p *problems) addDocument(e *flows.DocumentError) {
	for _, d := range e.Problems {
		path := d.Path
		if path == "" {
			path = "data"
		}
		if len(p.byPath[path]) > 0 && d.Code != "duplicate" {
			continue // the schema has said it, and with the value
		}
		p.add(path, d.Code, detail{"message": d.Message})
	}
}

// addSchema adds what a schema finds in v, which stands at the path.
func (p *problems) addSchema(at []string, v *value, e *jsonschema.ValidationError) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			p.addSchema(at, v, cause)
		}
		return
	}
	bad := v
	for _, key := range e.InstanceLocation {
		bad = bad.child(key)
	}
	where := below(at, e.InstanceLocation...)
	path := dotted(where...)
	if path == "" {
		path = "data"
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, key := range k.Missing {
			p.add(dotted(below(where, key)...), "required", detail{"message": "Field is required but missing", "value": key})
		}
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			p.add(dotted(below(where, key)...), "additionalProperties", detail{
				"message": "Strict checking of data is enabled; only include schema-defined properties", "value": bad,
			})
		}
	case *kind.Type:
		want := strings.Join(k.Want, ", ")
		p.add(path, "type", detail{"message": "Value did not match type(s): " + want, "target": want, "value": bad})
	case *kind.Enum:
		p.add(path, "enum", detail{"message": "Value not found in enumerated list of values", "target": k.Want, "value": bad})
	case *kind.MinLength:
		p.add(path, "minLength", detail{"message": "String must be at least " + strconv.Itoa(k.Want) + " characters", "target": k.Want, "cause": bad, "value": bad})
	case *kind.MaxLength:
		p.add(path, "maxLength", detail{"message": "String must not be more than " + strconv.Itoa(k.Want) + " characters", "target": k.Want, "cause": bad, "value": bad})
	case *kind.Minimum:
		p.add(path, "minimum", bound("Value must be at least ", k.Want, bad))
	case *kind.Maximum:
		p.add(path, "maximum", bound("Value must be at most ", k.Want, bad))
	case *kind.Pattern:
		p.add(path, "pattern", detail{"message": "Failed to match pattern '" + k.Want + "'", "target": k.Want, "value": bad})
	default:
		p.add(path, "error", detail{"message": "failed to validate", "value": bad})
	}
}

func bound(message string, limit *big.Rat, bad *value) detail {
	target := limit.RatString()
	return detail{"message": message + target, "target": json.Number(target), "value": bad}
}

// child is the member that a schema error points to.
func (v *value) child(key string) *value {
	if v.kind == isArray {
		i, err := strconv.Atoi(key)
		if err == nil && i >= 0 && i < len(v.members) {
			return v.members[i].value
		}
	} else if c := v.get(key); c != nil {
		return c
	}
	return &value{kind: isNull, text: "null"}
}
