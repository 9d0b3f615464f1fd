package schema

import (
	"bytes"
	"encoding/json"
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

// NewObject is an object of the members.
func NewObject(members ...Member) *Value { return &Value{Kind: Object, Members: members} }

// NewString is a string.
func NewString(text string) *Value { return &Value{Kind: String, Text: text} }

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
	plain := func(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return append(append(append(b, '"'), s...), '"')
	}
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
