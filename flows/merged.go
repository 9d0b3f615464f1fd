package flows

import (
	"bytes"
	"encoding/json"
)

// Merged is the merged document as JSON: as it would be stored, without defaults. Keys stand in the order of the least
// specific document that has them; numbers, patterns and nodes are as stored. Of a key that means nothing here the most
// specific value counts, whole.
func (e *Effective) Merged() json.RawMessage {
	merged := jsonObject{}
	for _, l := range e.levels {
		root, err := docRead(l.doc.Raw)
		if err != nil {
			continue // it was read when it was parsed
		}
		for _, m := range root.members {
			switch Part(m.key) {
			case PartNumbers:
				merged.set(m.key, e.numbers.json())
			case PartPatterns:
				merged.set(m.key, e.patterns.json())
			case PartBindingDigit, PartDigitTimeout, PartListenOn:
				origin, _ := e.Origin(Part(m.key), "")
				if origin.Source == l.scope || origin.Source != ScopeSystem && !merged.has(m.key) { // it keeps its place
					merged.set(m.key, m.value.raw)
				}
			default:
				merged.set(m.key, m.value.raw)
			}
		}
	}
	return merged.text()
}

func (m *effEntries) json() json.RawMessage {
	o := jsonObject{}
	for _, entry := range m.list {
		o.add(entry.Key, entry.Node.Raw)
	}
	return o.text()
}

// jsonObject is a JSON object whose keys keep their order.
type jsonObject struct {
	keys   []string
	values []json.RawMessage
	index  map[string]int // of what was set
}

func (o *jsonObject) add(key string, value json.RawMessage) {
	o.keys, o.values = append(o.keys, key), append(o.values, value)
}

// set is add, or replaces the value of a key that was set.
func (o *jsonObject) set(key string, value json.RawMessage) {
	if i, ok := o.index[key]; ok {
		o.values[i] = value
		return
	}
	if o.index == nil {
		o.index = map[string]int{}
	}
	o.index[key] = len(o.keys)
	o.add(key, value)
}

func (o *jsonObject) has(key string) bool { _, ok := o.index[key]; return ok }

func (o *jsonObject) text() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonString(key))
		b.WriteByte(':')
		b.Write(o.values[i])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// jsonString quotes a text for people: < > & stay as they are.
func jsonString(s string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string is always encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
