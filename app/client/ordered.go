package client

import (
	"bytes"
	"encoding/json"
)

// ordered is a JSON object whose members keep their order: that of patterns means something.
type ordered[V any] []member[V]

type member[V any] struct {
	key   string
	value V
}

// UnmarshalJSON reads it.
func (o *ordered[V]) UnmarshalJSON(text []byte) error {
	*o = nil
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		m := member[V]{key: key.(string)} // a member begins with one
		if err := d.Decode(&m.value); err != nil {
			return err
		}
		*o = append(*o, m)
	}
	return nil
}

// get is a member's value.
func (o ordered[V]) get(key string) (value V, ok bool) {
	for _, m := range o {
		if m.key == key {
			return m.value, true
		}
	}
	return value, false
}
