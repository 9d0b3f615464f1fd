package flows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// docMaxNesting is how deep objects and arrays may stand in one another: 64 nodes, each with its children object, and
// what a node's data may hold.
const docMaxNesting = 256

// docValue is one JSON value: its text and, of an object or an array, its members in the order of the text. Package
// encoding/json forgets the order and lets the last of two equal keys win; here order is meaning and a duplicate is an
// error (flows/README.md, Documents).
type docValue struct {
	raw     []byte
	members []docMember
}

// docMember is a member of an object, or of an array with an empty key.
type docMember struct {
	key   string
	value docValue
}

// kind is the first byte of the value's text: { [ " t f n, or that of a number.
func (v docValue) kind() byte { return v.raw[0] }

// text is the value of a string.
func (v docValue) text() string { return docUnquote(v.raw) }

// member is the object's member of that key.
func (v docValue) member(key string) (docValue, bool) {
	for _, m := range v.members {
		if m.key == key {
			return m.value, true
		}
	}
	return docValue{}, false
}

// docRead reads one JSON text in a single pass. The values share its bytes.
func docRead(text []byte) (docValue, error) {
	if !utf8.Valid(text) {
		return docValue{}, errors.New("the text is not valid UTF-8")
	}
	if !json.Valid(text) {
		err := json.Unmarshal(text, new(json.RawMessage)) // says why
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return docValue{}, fmt.Errorf("%w, at byte %d", err, syntax.Offset)
		}
		return docValue{}, err
	}
	r := docReader{text: text}
	v := r.value()
	if r.deep {
		return docValue{}, fmt.Errorf("objects and arrays are nested deeper than %d", docMaxNesting)
	}
	return v, nil
}

// docReader walks over text that is known to be valid JSON.
type docReader struct {
	text  []byte
	pos   int
	depth int
	deep  bool
}

func (r *docReader) space() {
	for r.pos < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.pos]) >= 0 {
		r.pos++
	}
}

func (r *docReader) value() docValue {
	r.space()
	start := r.pos
	var v docValue
	switch r.text[start] {
	case '{', '[':
		v.members = r.inside(r.text[start] == '{')
	case '"':
		r.str()
	default:
		for r.pos < len(r.text) && strings.IndexByte(",]} \t\r\n", r.text[r.pos]) < 0 {
			r.pos++
		}
	}
	v.raw = r.text[start:r.pos:r.pos]
	return v
}

// inside reads what stands between the brackets, which it goes past.
func (r *docReader) inside(object bool) []docMember {
	if r.depth++; r.depth > docMaxNesting {
		r.deep = true
		r.pos = len(r.text)
		return nil
	}
	defer func() { r.depth-- }()
	var members []docMember
	for r.pos++; ; r.pos++ {
		r.space()
		if r.text[r.pos] == '}' || r.text[r.pos] == ']' {
			break
		}
		var m docMember
		if object {
			m.key = docUnquote(r.str())
			r.space()
			r.pos++ // the colon
		}
		m.value = r.value()
		if r.deep {
			return nil
		}
		members = append(members, m)
		r.space()
		if r.text[r.pos] != ',' {
			break
		}
	}
	r.pos++
	return members
}

// str goes past a string and gives it with its quotes.
func (r *docReader) str() []byte {
	start := r.pos
	for r.pos++; r.text[r.pos] != '"'; r.pos++ {
		if r.text[r.pos] == '\\' {
			r.pos++
		}
	}
	r.pos++
	return r.text[start:r.pos]
}

func docUnquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid, see docRead
	return s
}

// docPath is the place of a value in a document.
type docPath struct {
	parent *docPath
	key    string
}

// String writes the keys joined by dots, a dot inside a key as %2E (app/rest/README.md, Details).
func (p *docPath) String() string {
	var keys []string
	for ; p != nil; p = p.parent {
		keys = append(keys, strings.ReplaceAll(p.key, ".", "%2E"))
	}
	for i, j := 0, len(keys)-1; i < j; i, j = i+1, j-1 {
		keys[i], keys[j] = keys[j], keys[i]
	}
	return strings.Join(keys, ".")
}

// docIndex is the key of an array's item in a path.
func docIndex(object bool, m docMember, i int) string {
	if object {
		return m.key
	}
	return fmt.Sprint(i)
}

// docDuplicates reports every key that stands twice in one object, at any depth.
func docDuplicates(v docValue, at *docPath, report func(at *docPath, key string)) {
	object := v.kind() == '{'
	var seen map[string]bool
	if object && len(v.members) > 1 {
		seen = make(map[string]bool, len(v.members))
	}
	for i, m := range v.members {
		if seen != nil {
			if seen[m.key] {
				report(at, m.key)
			}
			seen[m.key] = true
		}
		if len(m.value.members) > 0 {
			docDuplicates(m.value, &docPath{at, docIndex(object, m, i)}, report)
		}
	}
}
