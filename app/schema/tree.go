package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is a JSON value that keeps the order of keys and the spelling of numbers, which encoding/json forgets. Whoever has
// it may change it; it has no lock.
type Value struct {
	Kind    Kind
	Text    string   // of a string; the spelling of a number, true, false, null
	Members []Member // of an object; of an array with empty keys
}

// Member is a member of an object or an array.
type Member struct {
	Key   string
	Value *Value
}

// Kind is what a Value is.
type Kind byte

// The kinds of JSON.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// maxNesting is how deep objects and arrays may stand in one another: a document's 256 (package flows), and the envelope.
const maxNesting = 257

// maxExponent keeps numbers to what a float64 holds; beyond, exact arithmetic on a short text takes for ever.
const maxExponent = 400

// NewObject is an object of the members.
func NewObject(members ...Member) *Value { return &Value{Kind: Object, Members: members} }

// NewString is a string.
func NewString(text string) *Value { return &Value{Kind: String, Text: text} }

// Parse reads one JSON text. The error is one line for people and says where the text is wrong.
func Parse(text []byte) (*Value, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the text is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more text after the JSON value")
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the text ends too early")
	}
	if err != nil {
		return nil, fmt.Errorf("%s around %d", oneLine(err.Error()), d.InputOffset())
	}
	return v, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func readValue(d *json.Decoder, depth int) (*Value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		return &Value{Kind: Null, Text: "null"}, nil
	case bool:
		return &Value{Kind: Bool, Text: strconv.FormatBool(t)}, nil
	case string:
		return &Value{Kind: String, Text: t}, nil
	case json.Number:
		return readNumber(t.String())
	}
	if depth++; depth > maxNesting {
		return nil, fmt.Errorf("objects and arrays are nested deeper than %d", maxNesting)
	}
	v := &Value{Kind: Object}
	if token == json.Delim('[') {
		v.Kind = Array
	}
	for d.More() {
		var m Member
		if v.Kind == Object {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			m.Key, _ = key.(string)
		}
		if m.Value, err = readValue(d, depth); err != nil {
			return nil, err
		}
		v.Members = append(v.Members, m)
	}
	_, err = d.Token() // the closing bracket
	return v, err
}

func readNumber(s string) (*Value, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, errors.New("a number is out of range")
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if n, err := strconv.Atoi(s[i+1:]); err != nil || n < -maxExponent || n > maxExponent {
			return nil, errors.New("a number is out of range")
		}
	}
	return &Value{Kind: Number, Text: s}, nil
}

// Get is the object's value under the key, nil if there is none. Of two equal keys the last counts.
func (v *Value) Get(key string) *Value {
	for i := len(v.Members) - 1; i >= 0 && v.Kind == Object; i-- {
		if v.Members[i].Key == key {
			return v.Members[i].Value
		}
	}
	return nil
}

// Add appends a key that the object does not have. Set is for one that it may have.
func (v *Value) Add(key string, child *Value) { v.Members = append(v.Members, Member{key, child}) }

// Set gives the object's key a value: in its place if it is there, else at the end.
func (v *Value) Set(key string, child *Value) {
	for i := range v.Members {
		if v.Members[i].Key == key {
			v.Members[i].Value = child
			return
		}
	}
	v.Add(key, child)
}

// Encode writes the value without spaces.
func (v *Value) Encode() []byte { return v.append(nil) }

// MarshalJSON is Encode for encoding/json.
func (v *Value) MarshalJSON() ([]byte, error) { return v.Encode(), nil }

func (v *Value) append(b []byte) []byte {
	switch v.Kind {
	case String:
		return appendString(b, v.Text)
	case Array, Object:
		brackets := "[]"
		if v.Kind == Object {
			brackets = "{}"
		}
		b = append(b, brackets[0])
		for i, m := range v.Members {
			if i > 0 {
				b = append(b, ',')
			}
			if v.Kind == Object {
				b = append(appendString(b, m.Key), ':')
			}
			b = m.Value.append(b)
		}
		return append(b, brackets[1])
	}
	return append(b, v.Text...)
}

func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be encoded
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// Plain is the value as encoding/json would give it, numbers as json.Number: what the schema library takes.
func (v *Value) Plain() any {
	switch v.Kind {
	case Bool:
		return v.Text == "true"
	case Number:
		return json.Number(v.Text)
	case String:
		return v.Text
	case Array:
		list := make([]any, len(v.Members))
		for i, m := range v.Members {
			list[i] = m.Value.Plain()
		}
		return list
	case Object:
		object := make(map[string]any, len(v.Members))
		for _, m := range v.Members {
			object[m.Key] = m.Value.Plain()
		}
		return object
	}
	return nil
}
