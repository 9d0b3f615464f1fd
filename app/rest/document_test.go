package rest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"metaflows/app/store"
	"metaflows/flows"
)

const uri = "/v2/accounts/acme/metaflows"

// TestRefused has an example of each detail (app/rest/README.md, Details), and what is refused beyond Kazoo: a path, a code
// there, and a part of
// the answer.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ body, path, code, contains string }{
		{`{"data":{"binding_digit":"A"}}`, "binding_digit", "enum", `"target":["1","2","3","4","5","6","7","8","9","0","*","#"],"value":"A"`},
		{`{"data":{"binding_digit":5}}`, "binding_digit", "type", `"message":"Value did not match type(s): string","target":"string","value":5`},
		{`{"data":{"binding_digit":5}}`, "binding_digit", "enum", ``},
		{`{"data":{"binding_digit":"**"}}`, "binding_digit", "maxLength", `"cause":"**","message":"String must not be more than 1 characters","target":1,"value":"**"`},
		{`{"data":{"binding_digit":""}}`, "binding_digit", "minLength", `String must be at least 1 characters`},
		{`{"data":{"digit_timeout":-1}}`, "digit_timeout", "minimum", `"message":"Value must be at least 0","target":0,"value":-1`},
		{`{"data":{"digit_timeout":"yes"}}`, "digit_timeout", "type", `"target":"integer","value":"yes"`},
		{`{"data":{"listen_on":"aleg"}}`, "listen_on", "enum", ``},
		{`{"data":{"numbers":[]}}`, "numbers", "type", `object`},
		{`{"data":{"numbers":{"*2":{"module":"none"}}}}`, "numbers.*2", "additionalProperties", `"value":{"*2":{"module":"none"}}`},
		{`{"data":{"patterns":{"":{"module":"none"}}}}`, "patterns.", "additionalProperties", ``},
		{`{"data":{"numbers":{"2":{"module":"foo"}}}}`, "numbers.2.module", "error", `"message":"unable to find metaflow schema for module foo","value":"foo"`},
		{`{"data":{"numbers":{"2":{"module":"foo"}}}}`, "schema", "schema", `"message":"schema not found","schema":"metaflows.foo"`},
		{`{"data":{"numbers":{"2":{"module":"transfer","data":{"transfer_type":"x"}}}}}`, "numbers.2.data.transfer_type", "enum", ``},
		{`{"data":{"numbers":{"2":{"module":"none","children":{"_":{"module":"foo"}}}}}}`, "numbers.2.children._.module", "error", ``},
		{`{"data":{"patterns":{"^1.(\\d+)$":{"module":"transfer","data":{"leg":1}}}}}`, `patterns.^1%2E(\d+)$.data.leg`, "type", ``},
		{`{"data":{"numbers":{"2":{}}}}`, "numbers.2.module", "required", `"message":"Field is required but missing","value":"module"`},
		{`{"data":{"numbers":{"2":{"module":7}}}}`, "numbers.2.module", "type", ``},
		{`{"data":{"numbers":{"2":{"module":""}}}}`, "numbers.2.module", "minLength", ``},
		{`{"data":{"numbers":{"2":{"module":""}}}}`, "schema", "schema", `"message":"schema not found","schema":"metaflows."`},
		{`{"data":{"numbers":{"2":{"module":"` + strings.Repeat("m", 65) + `"}}}}`, "numbers.2.module", "maxLength", ``},
		{`{"data":{"numbers":{"2":{"module":"transfer","data":[]}}}}`, "numbers.2.data", "type", ``},
		{`{"data":{"numbers":{"2":{"module":"transfer","data":{"captures":["1",2]}}}}}`, "numbers.2.data.captures.1", "type", ``},
		{`{"data":{"numbers":{"2":{"module":"record_call","data":{"action":"pause"}}}}}`, "numbers.2.data.action", "enum", ``},
		{`{"data":{"numbers":{"2":{"module":"record_call","data":{"url":"http://localhost/x"}}}}}`, "numbers.2.data.url", "error", `invalid client URL`},
		{`{"data":{"numbers":{"2":{"module":"record_call","data":{"url":"file:///etc/passwd"}}}}}`, "numbers.2.data.url", "error", `invalid client URL`},
		{`{"data":{"numbers":7,"patterns":true,"listen_on":"x"}}`, "patterns", "type", `"listen_on"`},
		{`{"data":[]}`, "data", "type", `object`},
		{`{"data":7}`, "data", "type", `"message":"Value did not match type(s): object, array","target":"object, array","value":7`},
		{`{"data":null}`, "data", "required", ``},
		{`{"a":1}`, "data", "required", `"value":{"a":1}`},
		{`{"data":{},"Data":{}}`, "data", "duplicate", ``},
		{`{"data":{`, "json", "invalid", `"target":"body"`},
		{`{"data":{}} x`, "json", "invalid", ``},
		{`[]`, "json", "invalid", ``},
		{`"\xff"`, "json", "invalid", ``},
		{"{\"data\":{\"x\":\"\xff\"}}", "json", "invalid", `UTF-8`},
		{`{"data":{"digit_timeout":1e999999999}}`, "json", "invalid", `out of range`},
		{`{"data":{"x":1e-999999999}}`, "json", "invalid", `out of range`},
		{`{"data":` + strings.Repeat(`{"a":`, 300) + `1` + strings.Repeat(`}`, 301), "json", "invalid", `nested deeper`},
		{`{"data":{"numbers":{"1":{"module":"none"},"1":{"module":"hangup"}}}}`, "numbers.1", "duplicate", ``},
		{`{"data":{"patterns":{"2(\\d+":{"module":"none"}}}}`, `patterns.2(\d+`, "error", ``},
		{`{"data":{"patterns":{"(?=2)":{"module":"none"}}}}`, `patterns.(?=2)`, "error", ``},
	} {
		l := newLab(t)
		w := l.do("POST", uri, c.body)
		var answer struct {
			Error, Message, Status, Version string
			Data                            map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Errorf("%s: %v: %s", c.body, err, w.Body)
			continue
		}
		if w.Code != 400 || answer.Error != "400" || answer.Message != "validation error" || answer.Status != "error" || answer.Version == "" {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
		if answer.Data[c.path][c.code] == nil || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s: no %s at %s with %s: %s", c.body, c.code, c.path, c.contains, w.Body)
		}
		if len(l.docs.docs) != 0 {
			t.Errorf("%s: stored", c.body)
		}
	}
}

// TestAccepted has what is stored for a body, and what the answer shows.
func TestAccepted(t *testing.T) {
	for _, c := range []struct{ body, stored, shown string }{
		{``, `{}`, `{"binding_digit":"*"}`},
		{"  \n", `{}`, `{"binding_digit":"*"}`},
		{`{"data":{}}`, `{}`, `{"binding_digit":"*"}`},
		{`{"DATA":{"z":null,"a":[1.50,"<&>"]}}`, `{"z":null,"a":[1.50,"<&>"]}`, `{"z":null,"a":[1.50,"<&>"],"binding_digit":"*"}`},
		{`{"data":{"_id":"x","pvt_x":1,"id":1}}`, `{"id":"x"}`, `{"id":"x","binding_digit":"*"}`},
		{`{"data":{"digit_timeout":"500"}}`, `{"digit_timeout":500}`, `{"digit_timeout":500,"binding_digit":"*"}`},
		{`{"data":{"digit_timeout":1499.5}}`, `{"digit_timeout":1500}`, `{"digit_timeout":1500,"binding_digit":"*"}`},
		{`{"data":{"digit_timeout":8e2}}`, `{"digit_timeout":800}`, `{"digit_timeout":800,"binding_digit":"*"}`},
		{
			`{"data":{"numbers":{"9":{"module":"record_call"},"1":{"x":1,"module":"hangup","children":{"_":{"module":"transfer","data":{"target":"5","timeout":"20"}}}}}}}`,
			`{"numbers":{"9":{"module":"record_call"},"1":{"x":1,"module":"hangup","children":{"_":{"module":"transfer","data":{"target":"5","timeout":20}}}}}}`,
			`{"numbers":{"9":{"module":"record_call","data":{"action":"toggle","record_on_answer":false,"record_on_bridge":false}},` +
				`"1":{"x":1,"module":"hangup","children":{"_":{"module":"transfer","data":{"target":"5","timeout":20,"captures":["no_match"],"transfer_type":"blind"}}},"data":{}}},"binding_digit":"*"}`,
		},
		{
			`{"data":{"numbers":{"9":{"module":"record_call","data":{"record_on_answer":"true"}}}}}`,
			`{"numbers":{"9":{"module":"record_call","data":{"record_on_answer":true}}}}`,
			`{"numbers":{"9":{"module":"record_call","data":{"record_on_answer":true,"action":"toggle","record_on_bridge":false}}},"binding_digit":"*"}`,
		},
		{
			`{"data":{"numbers":{"1":{"module":"none","children":{"":{"anything":1}}}}}}`,
			`{"numbers":{"1":{"module":"none","children":{"":{"anything":1}}}}}`,
			`{"numbers":{"1":{"module":"none","children":{"":{"anything":1}},"data":{}}},"binding_digit":"*"}`,
		},
	} {
		l := newLab(t)
		w := l.do("POST", uri, c.body)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"data":`+c.shown+`,`) {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
		if doc, _, _ := l.docs.Get(store.Place{Account: "acme", Scope: flows.ScopeAccount}); string(doc.Raw) != c.stored {
			t.Errorf("%s: stored %s", c.body, doc.Raw)
		}
		if w := l.do("GET", uri, ""); !strings.Contains(w.Body.String(), `"data":`+c.shown+`,`) {
			t.Errorf("%s: shown %s", c.body, w.Body)
		}
	}
}

// The binding digit shown where a document has none is the inherited one, and it is not stored.
func TestInheritedBindingDigit(t *testing.T) {
	l := newLab(t)
	l.do("POST", uri, `{"data":{"binding_digit":"#"}}`)
	for _, path := range []string{"/v2/accounts/acme/users/alice/metaflows", "/v2/accounts/acme/devices/desk/metaflows"} {
		if w := l.do("POST", path, `{"data":{"listen_on":"both"}}`); !strings.Contains(w.Body.String(), `"data":{"listen_on":"both","binding_digit":"#"}`) {
			t.Error(w.Body)
		}
	}
	// A device's is its owner's, where the directory knows who that is.
	l.do("POST", "/v2/accounts/acme/users/alice/metaflows", `{"data":{"binding_digit":"7"}}`)
	for device, digit := range map[string]string{"desk": "7", "bobs": "#", "nobodys": "#"} {
		path := "/v2/accounts/acme/devices/" + device + "/metaflows"
		want := `"data":{"listen_on":"both","binding_digit":"` + digit + `"}`
		if w := l.do("POST", path, `{"data":{"listen_on":"both"}}`); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: POST %s", device, w.Body)
		}
		if w := l.do("GET", path, ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: GET %s", device, w.Body)
		}
	}
	for p, d := range l.docs.docs {
		if p.Scope == flows.ScopeDevice && string(d.Raw) != `{"listen_on":"both"}` {
			t.Errorf("%v: %s", p, d.Raw)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	l := newLab(t)
	fits := `{"data":{"x":"` + strings.Repeat("a", maxBody-17) + `"}}`
	if len(fits) != maxBody {
		t.Fatal(len(fits))
	}
	if w := l.do("POST", uri, fits); w.Code != 200 {
		t.Errorf("%d %.200s", w.Code, w.Body)
	}
	for _, length := range []string{"declared", "not declared"} {
		body := fits + " "
		if length == "not declared" {
			body = "unknown length" + body
		}
		w := l.do("POST", uri, body)
		if w.Code != 413 || !strings.Contains(w.Body.String(), `"error":"413"`) || !strings.Contains(w.Body.String(), `"maxSize"`) {
			t.Errorf("%s: %d %.200s", length, w.Code, w.Body)
		}
	}
}

// Many mistakes make a bounded answer.
func TestAnswerIsBounded(t *testing.T) {
	l := newLab(t)
	var b strings.Builder
	b.WriteString(`{"data":{"numbers":{"1":{}`)
	for i := range 20000 {
		fmt.Fprintf(&b, `,"x%d":1`, i)
	}
	b.WriteString(`}}}`)
	w := l.do("POST", uri, b.String())
	if w.Code != 400 || w.Body.Len() > 64<<10 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{seedPost, `{}`, ``, `{"data":{"numbers":{"1":{"module":"record_call","data":{"url":"http://h"},"children":{"_":{"module":"none"}}}}}}`, `{"data":{"digit_timeout":"5"}}`, `{"data":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		l := newLab(t)
		w := l.do("POST", uri, string(body))
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		switch w.Code {
		case 400, 413:
			if answer["status"] != "error" || len(l.docs.docs) != 0 {
				t.Fatal(w.Body)
			}
		case 200:
			again := l.do("GET", uri, "")
			var shown map[string]any
			if err := json.Unmarshal(again.Body.Bytes(), &shown); err != nil || again.Code != 200 {
				t.Fatal(again.Body)
			}
			// What is shown may be sent back, and changes nothing.
			raw, _ := json.Marshal(map[string]any{"data": shown["data"]})
			if w := l.do("POST", uri, string(raw)); w.Code != 200 && len(raw) <= maxBody {
				t.Fatalf("%s is shown and not accepted: %s", raw, w.Body)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
