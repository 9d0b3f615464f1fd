package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule is what a key of a module's data takes (app/rest/README.md, Schemas): values that pass, values that do not with the
// code of the
// problem, and the default that is shown, "" where there is none.
type rule struct {
	good []string
	bad  map[string]string
	def  string
}

func texts(def string) rule {
	return rule{[]string{`"x"`, `""`}, map[string]string{`1`: "type", `null`: "type"}, def}
}

func flags(def string) rule {
	return rule{[]string{`true`, `false`, `"true"`}, map[string]string{`"yes"`: "type", `1`: "type"}, def}
}

func integers(def string) rule {
	return rule{[]string{`0`, `-1`, `"20"`, `19.6`}, map[string]string{`"x"`: "type", `true`: "type", `"0x10"`: "type", `"NaN"`: "type"}, def}
}

func oneOf(def string, values ...string) rule {
	r := rule{nil, map[string]string{`"no such"`: "enum", `""`: "enum", `7`: "enum"}, def}
	for _, v := range values {
		r.good = append(r.good, `"`+v+`"`)
	}
	return r
}

var (
	addresses = rule{
		[]string{`"https://example.com/x"`, `"http://192.0.2.1:80"`},
		map[string]string{`"ftp://example.com"`: "error", `"http://localhost/"`: "error", `"http://10.0.0.1"`: "error", `7`: "type"},
		"",
	}
	someID = rule{[]string{`"x"`, `7`}, map[string]string{`true`: "not_one_schema_valid", `1.5`: "not_one_schema_valid", `{}`: "not_one_schema_valid"}, ""}
	factor = rule{[]string{`1`, `1.0`, `2.5`, `"1.5"`}, map[string]string{`0.9`: "minimum", `"x"`: "type", `"nan"`: "type", `"0x1p4"`: "type", `true`: "type"}, `1.0`}
)

var modules = map[string]map[string]rule{
	"audio_level": {
		"action": oneOf("", "start", "stop"), "mode": oneOf("", "read", "write"),
		"level": {[]string{`-4`, `4`, `"3"`}, map[string]string{`-5`: "minimum", `5`: "maximum", `"loud"`: "type"}, ""},
	},
	"break":        {},
	"callflow":     {"captures": texts(""), "collected": texts(""), "id": texts(""), "flow": {[]string{`{}`}, map[string]string{`[]`: "type"}, ""}},
	"conference":   {"target": texts("")},
	"hangup":       {},
	"hold":         {"moh_aleg": texts(""), "moh_bleg": texts(""), "unhold_key": texts(`"1"`)},
	"hold_control": {"action": oneOf(`"toggle"`, "hold", "unhold", "toggle")},
	"intercept": {
		"target_type": oneOf("", "device", "user", "number"), "target_id": texts(""), "unbridged_only": flags("true"),
		"can_call_self": flags("true"), "auto_answer": flags("false"),
	},
	"move": {
		"owner_id": texts(""), "device_id": texts(""), "dial_strategy": texts(`"simultaneous"`), "can_call_self": flags("true"),
		"auto_answer": flags("false"),
	},
	"mute": {"action": oneOf(`"toggle"`, "mute", "unmute", "toggle")},
	"none": {},
	"park": {"slot": texts(""), "timeout": integers("")},
	"pivot": {
		"voice_url": addresses, "method": oneOf(`"get"`, "get", "post", "GET", "POST"), "req_format": oneOf(`"kazoo"`, "kazoo", "twiml"),
		"debug":   flags("false"),
		"cdr_url": {[]string{`"http://localhost/"`, `"https://example.com"`}, map[string]string{`"ftp://example.com"`: "pattern", `1`: "type"}, ""},
	},
	"play": {"id": texts(""), "leg": oneOf(`"both"`, "self", "peer", "both")},
	"record_call": {
		"action": oneOf(`"toggle"`, "mask", "unmask", "start", "stop", "toggle"), "format": oneOf("", "mp3", "wav"), "label": texts(""),
		"media_name": texts(""), "method": oneOf("", "put", "post"), "origin": texts(""), "record_min_sec": integers(""),
		"record_on_answer": flags("false"), "record_on_bridge": flags("false"), "record_sample_rate": integers(""),
		"time_limit": integers(""), "url": addresses,
	},
	"relate": {
		"participant_id": someID, "other_participant": someID, "conference_id": texts(""),
		"relationship": oneOf(`"clear"`, "deaf", "clear", "mute"),
	},
	"resume": {},
	"say": {
		"text": texts(""), "language": texts(""), "method": oneOf("", "pronounced", "iterated", "counted"),
		"gender": oneOf("", "feminine", "masculine", "neuter"),
		"type": oneOf("", "account_number", "currency", "current_date", "current_date_time", "current_time", "email_address", "ip_address",
			"items", "messages", "name_phonetic", "name_spelled", "number", "persons", "postal_address", "short_date_time",
			"telephone_extension", "telephone_number", "time_measurement", "url"),
	},
	"sound_touch": {
		"action": oneOf("", "start", "stop"), "pitch": factor, "rate": factor, "tempo": factor, "hook_dtmf": flags("false"), "sending_leg": flags("false"),
		"adjust_in_semitones": {[]string{`-14`, `14`, `0.5`, `"3"`}, map[string]string{`-14.1`: "minimum", `15`: "maximum", `"x"`: "type"}, "0"},
		"adjust_in_octaves":   {[]string{`-1`, `1.0`, `"0.5"`}, map[string]string{`-1.1`: "minimum", `2`: "maximum", `"inf"`: "type"}, "0"},
	},
	"transfer": {
		"target": texts(""), "leg": texts(""), "timeout": integers(""), "transfer_type": oneOf(`"blind"`, "attended", "blind"),
		"captures":      {[]string{`[]`, `["1"]`}, map[string]string{`"1"`: "type", `{}`: "type"}, `["no_match"]`},
		"takeback_dtmf": texts(""), "moh": texts(""), "ringback": texts(""),
	},
	"tts": {
		"text": texts(""), "voice": texts(`"female"`), "language": texts(""), "engine": texts(`"flite"`), "leg": texts(`"self"`),
		"terminators": {[]string{`[]`, `["1","#"]`}, map[string]string{`"1"`: "type"}, `["1","2","3","4","5","6","7","8","9","*","0","#"]`},
	},
	"unpark": {"slot": texts("")},
}

// checked validates a document that has a node with data at some depth, and gives the problems by path and code.
func checked(t *testing.T, document string) (problems map[string]map[string]json.RawMessage, data *Value) {
	t.Helper()
	data, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(document, err)
	}
	p, _ := load4test(t).Document(data)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &problems); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return problems, data
}

// TestModules has each key of each module's schema, alone beside what is required, in a number and two children deep.
func TestModules(t *testing.T) {
	places := map[string]string{
		`{"numbers":{"1":%s}}`: "numbers.1.data.",
		`{"patterns":{"1.":{"module":"none","children":{"_":{"module":"hangup","children":{"x.y":%s}}}}}}`: "patterns.1%2E.children._.children.x%2Ey.data.",
	}
	for _, name := range load4test(t).Names() {
		module, ok := strings.CutPrefix(name, "metaflows.")
		if !ok {
			continue
		}
		keys, ok := modules[module]
		if !ok {
			t.Errorf("no rules for %s", module)
		}
		for key := range load4test(t).module(module).properties {
			if _, ok := keys[key]; !ok {
				t.Errorf("%s: no rule for %s", module, key)
			}
		}
		for key, rule := range keys {
			node := func(v string) string {
				data := `"` + key + `":` + v
				for member := range strings.SplitSeq(strings.TrimPrefix(required[module], ","), ",") {
					if member != "" && !strings.HasPrefix(member, `"`+key+`"`) {
						data += "," + member
					}
				}
				return fmt.Sprintf(`{"module":%q,"data":{%s}}`, module, data)
			}
			for form, path := range places {
				for _, v := range rule.good {
					if problems, _ := checked(t, fmt.Sprintf(form, node(v))); len(problems) != 0 {
						t.Errorf("%s %s %s: %s", module, key, v, problems)
					}
				}
				for v, code := range rule.bad {
					if problems, _ := checked(t, fmt.Sprintf(form, node(v))); problems[path+key][code] == nil {
						t.Errorf("%s %s %s: no %s at %s: %s", module, key, v, code, path+key, problems)
					}
				}
			}
		}
		data := NewObject()
		document := NewObject(Member{"numbers", NewObject(Member{"1", NewObject(Member{"module", NewString(module)}, Member{"data", data})})})
		load4test(t).Present(document, '*')
		for key, rule := range keys {
			shown := ""
			if v := data.Get(key); v != nil {
				shown = string(v.Encode())
			}
			if shown != rule.def {
				t.Errorf("%s %s: default %q, want %q", module, key, shown, rule.def)
			}
		}
	}
}

func TestRequired(t *testing.T) {
	for module, keys := range map[string][]string{"pivot": {"voice_url"}, "relate": {"participant_id", "other_participant", "conference_id"}} {
		for _, data := range []string{``, `,"data":{}`} {
			problems, _ := checked(t, `{"numbers":{"1":{"module":"`+module+`"`+data+`}}}`)
			for _, key := range keys {
				if problems["numbers.1.data."+key]["required"] == nil {
					t.Errorf("%s%s: %s is not asked for: %s", module, data, key, problems)
				}
			}
			if len(problems) != len(keys) {
				t.Errorf("%s: %s", module, problems)
			}
		}
	}
}

// What is served is JSON Schema draft 4 that names itself.
func TestServed(t *testing.T) {
	s := load4test(t)
	for _, name := range s.Names() {
		text := s.Text(name)
		if text.Get("$schema").Text != "http://json-schema.org/draft-04/schema#" || text.Get("id").Text != name || text.Get("description").Text == "" || text.Get("type").Text != "object" {
			t.Errorf("%s: %s", name, text.Encode())
		}
		if strings.Contains(string(text.Encode()), "(?") { // RE2's own, which ECMA 262 does not have (JSON Schema draft 4, 3.3)
			t.Errorf("%s has a pattern that clients cannot read: %s", name, text.Encode())
		}
		if strings.Contains(string(text.Encode()), "allOf") {
			t.Errorf("%s is served as it is compiled", name)
		}
		for _, p := range text.Get("properties").Members {
			if p.Value.Get("description") == nil {
				t.Errorf("%s: %s is not described", name, p.Key)
			}
		}
	}
	if s.Text("nonsense") != nil {
		t.Error("a schema that is not there")
	}
	ofFlows := slices.DeleteFunc(s.Names(), func(name string) bool { return !strings.HasPrefix(name, "metaflow") })
	if len(ofFlows) != 2+17+5 {
		t.Errorf("%d schemas of flows; Konami has 17 modules, we 5 more", len(ofFlows))
	}
}

// TestDetails has every row of app/rest/README.md, Details: the path and the whole detail.
func TestDetails(t *testing.T) {
	node := func(data string) string { return `{"numbers":{"1":{"module":` + data + `}}}` }
	for _, c := range []struct{ document, path, code, detail string }{
		{`{"numbers":{"2":{}}}`, "numbers.2.module", "required", `{"message":"Field is required but missing","value":"module"}`},
		{node(`"pivot"`), "numbers.1.data.voice_url", "required", `{"message":"Field is required but missing","value":"voice_url"}`},
		{`{"digit_timeout":[1]}`, "digit_timeout", "type", `{"message":"Value did not match type(s): integer","target":"integer","value":[1]}`},
		{`{"binding_digit":5}`, "binding_digit", "type", `{"message":"Value did not match type(s): string","target":"string","value":5}`},
		{node(`"transfer","data":{"captures":["1",{"a":1}]}`), "numbers.1.data.captures.1", "type", `{"message":"Value did not match type(s): string","target":"string","value":{"a":1}}`},
		{`{"listen_on":"aleg"}`, "listen_on", "enum", `{"message":"Value not found in enumerated list of values","target":["both","self","peer"],"value":"aleg"}`},
		{`{"binding_digit":""}`, "binding_digit", "minLength", `{"cause":"","message":"String must be at least 1 characters","target":1,"value":""}`},
		{`{"binding_digit":"**"}`, "binding_digit", "maxLength", `{"cause":"**","message":"String must not be more than 1 characters","target":1,"value":"**"}`},
		{node(`"` + strings.Repeat("é", 65) + `"`), "numbers.1.module", "maxLength", `{"cause":"` + strings.Repeat("é", 65) + `","message":"String must not be more than 64 characters","target":64,"value":"` + strings.Repeat("é", 65) + `"}`},
		{`{"digit_timeout":-1}`, "digit_timeout", "minimum", `{"message":"Value must be at least 0","target":0,"value":-1}`},
		{node(`"audio_level","data":{"level":-5}`), "numbers.1.data.level", "minimum", `{"message":"Value must be at least -4","target":-4,"value":-5}`},
		{node(`"audio_level","data":{"level":5}`), "numbers.1.data.level", "maximum", `{"message":"Value must be at most 4","target":4,"value":5}`},
		{node(`"sound_touch","data":{"pitch":0.5}`), "numbers.1.data.pitch", "minimum", `{"message":"Value must be at least 1.0","target":1.0,"value":0.5}`},
		{node(`"sound_touch","data":{"adjust_in_semitones":15}`), "numbers.1.data.adjust_in_semitones", "maximum", `{"message":"Value must be at most 14.0","target":14.0,"value":15}`},
		{node(`"sound_touch","data":{"adjust_in_octaves":-1.25}`), "numbers.1.data.adjust_in_octaves", "minimum", `{"message":"Value must be at least -1.0","target":-1.0,"value":-1.25}`},
		{node(`"pivot","data":{"voice_url":"ftp://example.com"}`), "numbers.1.data.voice_url", "pattern", `{"message":"Failed to match pattern '^https?://'","target":"^https?://","value":"ftp://example.com"}`},
		{`{"numbers":{"*2":{"module":"none"},"2":{"module":"none"}}}`, "numbers.*2", "additionalProperties", `{"message":"Strict checking of data is enabled; only include schema-defined properties","value":{"*2":{"module":"none"},"2":{"module":"none"}}}`},
		{node(`"relate","data":{"participant_id":true,"other_participant":1,"conference_id":"c"}`), "numbers.1.data.participant_id", "not_one_schema_valid", `{"message":"failed to validate","value":true}`},
		{node(`"foo"`), "numbers.1.module", "error", `{"message":"unable to find metaflow schema for module foo","value":"foo"}`},
		{node(`"foo"`), "schema", "schema", `{"message":"schema not found","schema":"metaflows.foo"}`},
		{node(`""`), "numbers.1.module", "minLength", `{"cause":"","message":"String must be at least 1 characters","target":1,"value":""}`},
		{node(`""`), "schema", "schema", `{"message":"schema not found","schema":"metaflows."}`},
		{node(`"` + strings.Repeat("x", 65) + `"`), "schema", "schema", `{"message":"schema not found","schema":"metaflows.` + strings.Repeat("x", 65) + `"}`},
		{`{"patterns":{"1":{"module":"none","children":{"_":{"module":""}}}}}`, "schema", "schema", `{"message":"schema not found","schema":"metaflows."}`},
		{`{"binding_digit":"A"}`, "binding_digit", "enum", `{"message":"Value not found in enumerated list of values","target":["1","2","3","4","5","6","7","8","9","0","*","#"],"value":"A"}`},
		{node(`"record_call","data":{"url":"http://127.0.0.1/x"}`), "numbers.1.data.url", "error", `{"cause":"blocked address: 127.0.0.1","message":"invalid client URL","value":"http://127.0.0.1/x"}`},
		{`{"patterns":{"^1.(\\d+)$":{"module":"transfer","data":{"leg":1}}}}`, `patterns.^1%2E(\d+)$.data.leg`, "type", `{"message":"Value did not match type(s): string","target":"string","value":1}`},
	} {
		problems, _ := checked(t, c.document)
		if got := string(problems[c.path][c.code]); got != c.detail {
			t.Errorf("%s: %s at %s is %s\nwant %s", c.document, c.code, c.path, got, c.detail)
		}
	}
}

// All codes of a path are told, and all paths.
func TestAllProblems(t *testing.T) {
	problems, _ := checked(t, `{"binding_digit":"**","digit_timeout":-2,"listen_on":7,"numbers":{"1":{"module":"tts","data":{"terminators":["x",1],"voice":2}},"2":{},"*":{}},"patterns":{"(":{"module":"nope"}}}`)
	for path, codes := range map[string][]string{
		"binding_digit": {"enum", "maxLength"}, "digit_timeout": {"minimum"}, "listen_on": {"enum", "type"},
		"numbers.1.data.terminators.0": {"enum"}, "numbers.1.data.terminators.1": {"enum", "type"}, "numbers.1.data.voice": {"type"},
		"numbers.2.module": {"required"}, "numbers.*": {"additionalProperties"},
		"patterns.(": {"error"}, "patterns.(.module": {"error"}, "schema": {"schema"},
	} {
		for _, code := range codes {
			if problems[path][code] == nil {
				t.Errorf("no %s at %s", code, path)
			}
		}
	}
}
