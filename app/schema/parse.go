package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting is how deep objects and arrays may stand in one another: a document's 256 (package flows), and the envelope.
const maxNesting = 257

// maxExponent keeps numbers to what a float64 holds; beyond, exact arithmetic on a short text takes for ever.
const maxExponent = 400

// Parse reads one JSON text, in time proportional to it. The error is one line for people and says where the text is wrong.
func Parse(text []byte) (*Value, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the text is not valid UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		offset := int64(len(text))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset
		}
		return nil, fmt.Errorf("%s around %d", oneLine(err.Error()), offset)
	}
	r := reader{text: string(text)}
	v := r.value()
	if r.problem != "" {
		return nil, fmt.Errorf("%s around %d", r.problem, r.pos)
	}
	return v, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// reader walks over text that is known to be JSON. With a problem it stops; what it has read until then counts for nothing.
type reader struct {
	text    string
	pos     int
	depth   int
	problem string
}

// next is the first byte that is no space, from the position on.
func (r *reader) next() byte {
	for strings.IndexByte(" \t\r\n", r.text[r.pos]) >= 0 {
		r.pos++
	}
	return r.text[r.pos]
}

func (r *reader) value() *Value {
	switch r.next() {
	case '{':
		return r.inside(Object, '}')
	case '[':
		return r.inside(Array, ']')
	case '"':
		return NewString(r.str())
	}
	start := r.pos
	for r.pos < len(r.text) && strings.IndexByte(",]} \t\r\n", r.text[r.pos]) < 0 {
		r.pos++
	}
	switch word := r.text[start:r.pos]; word {
	case "null":
		return &Value{Kind: Null, Text: word}
	case "true", "false":
		return &Value{Kind: Bool, Text: word}
	default:
		if !inRange(word) {
			r.problem = "a number is out of range"
		}
		return &Value{Kind: Number, Text: word}
	}
}

// inside reads what stands between brackets, and them.
func (r *reader) inside(kind Kind, end byte) *Value {
	v := &Value{Kind: kind}
	if r.depth++; r.depth > maxNesting {
		r.problem = fmt.Sprintf("objects and arrays are nested deeper than %d", maxNesting)
	}
	for r.pos++; r.problem == "" && r.next() != end; {
		var m Member
		if kind == Object {
			m.Key = r.str()
			r.next()
			r.pos++ // the colon
		}
		m.Value = r.value()
		v.Members = append(v.Members, m)
		if r.problem == "" && r.next() == ',' {
			r.pos++
		}
	}
	r.pos++
	r.depth--
	return v
}

// str reads a string.
func (r *reader) str() string {
	start := r.pos
	escaped := false
	for r.pos++; r.text[r.pos] != '"'; r.pos++ {
		if r.text[r.pos] == '\\' {
			escaped = true
			r.pos++
		}
	}
	r.pos++
	if !escaped {
		return r.text[start+1 : r.pos-1]
	}
	var s string
	_ = json.Unmarshal([]byte(r.text[start:r.pos]), &s) // it is a string
	return s
}

// inRange says whether a number can be computed with.
func inRange(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(f, 0) {
		return false
	}
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		n, err := strconv.Atoi(number[i+1:])
		return err == nil && n >= -maxExponent && n <= maxExponent
	}
	return true
}
