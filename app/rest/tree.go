package rest

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

// value is a JSON value that keeps the order of keys and the spelling of numbers, which encoding/json forgets.
type value struct {
	kind    form
	text    string   // of a string; the spelling of a number, true, false, null
	members []member // of an object; of an array with empty keys
}

type member struct {
	key   string
	value *value
}

type form byte

const (
	isNull form = iota
	isBool
	isNumber
	isString
	isArray
	isObject
)

// maxNesting is how deep objects and arrays may stand in one another: a document's 256 (package flows), and the envelope.
const maxNesting = 257

// maxExponent keeps numbers to what a float64 holds; beyond, exact arithmetic on a short text takes for ever.
const maxExponent = 400

func object(members ...member) *value { return &value{kind: isObject, members: members} }

// parseJSON reads one JSON text. The error says where it is wrong.
func parseJSON(text []byte) (*value, error) {
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

func readValue(d *json.Decoder, depth int) (*value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		return &value{kind: isNull, text: "null"}, nil
	case bool:
		return &value{kind: isBool, text: strconv.FormatBool(t)}, nil
	case string:
		return &value{kind: isString, text: t}, nil
	case json.Number:
		return readNumber(t.String())
	}
	if depth++; depth > maxNesting {
		return nil, fmt.Errorf("objects and arrays are nested deeper than %d", maxNesting)
	}
	v := &value{kind: isObject}
	if token == json.Delim('[') {
		v.kind = isArray
	}
	for d.More() {
		var m member
		if v.kind == isObject {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			m.key, _ = key.(string)
		}
		if m.value, err = readValue(d, depth); err != nil {
			return nil, err
		}
		v.members = append(v.members, m)
	}
	_, err = d.Token() // the closing bracket
	return v, err
}

func readNumber(s string) (*value, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, errors.New("a number is out of range")
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if n, err := strconv.Atoi(s[i+1:]); err != nil || n < -maxExponent || n > maxExponent {
			return nil, errors.New("a number is out of range")
		}
	}
	return &value{kind: isNumber, text: s}, nil
}

// get is the object's value under the key, nil if there is none. Of two equal keys the last counts.
func (v *value) get(key string) *value {
	for i := len(v.members) - 1; i >= 0 && v.kind == isObject; i-- {
		if v.members[i].key == key {
			return v.members[i].value
		}
	}
	return nil
}

// add appends a key that the object does not have.
func (v *value) add(key string, child *value) { v.members = append(v.members, member{key, child}) }

// encode writes the value without spaces.
func (v *value) encode() []byte { return v.append(nil) }

func (v *value) append(b []byte) []byte {
	switch v.kind {
	case isString:
		return appendString(b, v.text)
	case isArray, isObject:
		brackets := "[]"
		if v.kind == isObject {
			brackets = "{}"
		}
		b = append(b, brackets[0])
		for i, m := range v.members {
			if i > 0 {
				b = append(b, ',')
			}
			if v.kind == isObject {
				b = append(appendString(b, m.key), ':')
			}
			b = m.value.append(b)
		}
		return append(b, brackets[1])
	}
	return append(b, v.text...)
}

func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be encoded
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// plain is the value as encoding/json would give it, numbers as json.Number: what the schema library takes.
func (v *value) plain() any {
	switch v.kind {
	case isBool:
		return v.text == "true"
	case isNumber:
		return json.Number(v.text)
	case isString:
		return v.text
	case isArray:
		list := make([]any, len(v.members))
		for i, m := range v.members {
			list[i] = m.value.plain()
		}
		return list
	case isObject:
		object := make(map[string]any, len(v.members))
		for _, m := range v.members {
			object[m.key] = m.value.plain()
		}
		return object
	}
	return nil
}
