package schema

import (
	"bytes"
	"encoding/json"
	"testing"

	"metaflows/flows"
)

// FuzzDocument checks any text: what is accepted is a document for package flows too, is written as it is read, shown with
// defaults that are accepted in turn, and its warnings are the same for what is stored.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"binding_digit":"*","patterns":{"2(\\d+)":{"module":"transfer","data":{"takeback_dtmf":"*1"}}}}`,
		`{"digit_timeout":"5","numbers":{"1":{"module":"pivot","data":{"voice_url":"http://h.example"},"children":{"":1,"_":{"module":"none"}}}}}`,
		`{"numbers":{"1":{"module":"sound_touch","data":{"pitch":"1.5","hook_dtmf":"true","adjust_in_octaves":1e0}}}}`,
		`{"numbers":{"1":{"module":"relate","data":{"participant_id":1,"other_participant":"2","conference_id":"3"}}}}`,
		`{"numbers":{"1":{"module":"tts","data":{"terminators":["1",1]}}},"listen_on":7}`, `[1,{"a":"\u00e9\ud800"}]`, `{"x":1,"x":2}`, `7`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		data, err := Parse(text)
		if err != nil {
			return
		}
		if !json.Valid(text) || !json.Valid(data.Encode()) {
			t.Fatalf("%s is written as %s", text, data.Encode())
		}
		problems, warnings := load4test(t).Document(data)
		told, err := json.Marshal(problems)
		if err != nil || len(told) > 1<<20 {
			t.Fatalf("%v, %d bytes", err, len(told))
		}
		if !problems.Empty() {
			return
		}
		stored := data.Encode()
		if _, err := flows.ParseDocument(stored); err != nil {
			t.Fatalf("%s is accepted, and no document: %v", stored, err)
		}
		again, err := Parse(stored)
		if err != nil || !bytes.Equal(again.Encode(), stored) {
			t.Fatalf("%s is read as %s: %v", stored, again.Encode(), err)
		}
		if w := load4test(t).Unsupported(again); len(w) != len(warnings) {
			t.Fatalf("%s: %v, then %v", stored, warnings, w)
		}
		load4test(t).Present(again, '*')
		if problems, _ := load4test(t).Document(again); !problems.Empty() {
			told, _ := json.Marshal(problems)
			t.Fatalf("%s is shown as %s, which is not accepted: %s", stored, again.Encode(), told)
		}
	})
}

// FuzzParse: the reader takes what encoding/json takes, but for its limits, and finds the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"x\n\u0041"],"b":{}}`, ` [ ] `, `"\\\""`, `{"a" : 1 , "b":[ 1 , 2 ]}`, `0`, ``, `{`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is read, and is no JSON: %v", text, err)
		}
		if err := json.Unmarshal(v.Encode(), &got); err != nil {
			t.Fatalf("%q: %s: %v", text, v.Encode(), err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q: %s, want %s", text, b, a)
		}
	})
}
