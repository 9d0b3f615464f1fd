package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"metaflows/actions"
	"metaflows/app/egress"
	"metaflows/flows"
)

func load4test(t testing.TB) *Schemas {
	t.Helper()
	blocked, err := egress.Parse(egress.Default)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(blocked, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// warningsOf checks a document that must pass.
func warningsOf(t *testing.T, document string) []Warning {
	t.Helper()
	data, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(document, err)
	}
	p, warnings := load4test(t).Document(data)
	if !p.Empty() {
		text, _ := json.Marshal(p)
		t.Errorf("%s: %s", document, text)
	}
	return warnings
}

// required is what the modules that cannot be without data need.
var required = map[string]string{
	"pivot":  `,"voice_url":"https://example.com"`,
	"relate": `,"participant_id":1,"other_participant":"2","conference_id":"c"`,
}

// However long the paths are, what is told of a document is short.
func TestToldIsShort(t *testing.T) {
	node := `{"module":"record_call","data":{"label":"x","media_name":"x","method":"put","origin":"x"}`
	document := `{"numbers":{"1":` + strings.Repeat(node+`,"children":{"`+strings.Repeat("x", 128)+`":`, 62) + node + `}` + strings.Repeat("}}", 62) + `}}`
	told, warnings := 0, warningsOf(t, document)
	for _, w := range warnings {
		told += len(w.Path) + len(w.Message)
	}
	parsed, err := flows.ParseDocument([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	toldOfMerged, conflicts := 0, load4test(t).Conflicts(flows.Merge(flows.Settings{}, parsed, nil, nil))
	for _, c := range conflicts {
		toldOfMerged += len(c.Entry) + len(c.Message)
	}
	if most := maxText + 2*maxPath; len(warnings) < 20 || told > most || len(conflicts) < 20 || toldOfMerged > most {
		t.Errorf("%d warnings of %d bytes, %d conflicts of %d", len(warnings), told, len(conflicts), toldOfMerged)
	}
}

func TestWarnings(t *testing.T) {
	for _, name := range load4test(t).Names() {
		module, ok := strings.CutPrefix(name, "metaflows.")
		if runs := actions.Declared()[module].Run != nil; !ok || runs {
			continue
		}
		w := warningsOf(t, fmt.Sprintf(`{"patterns":{"1.":{"module":%q,"data":{"any":[1]%s}}}}`, module, required[module]))
		if len(w) != 1 || w[0].Path != "patterns.1%2E.module" || w[0].Code != "unsupported" || !strings.HasPrefix(w[0].Message, "module "+module) {
			t.Errorf("%s: %+v", module, w)
		}
	}
	// Each key of a schema is obeyed or warned of, at its place and once; defaults and strangers are not.
	for module, keys := range map[string]map[string]string{
		"record_call": {
			"label": `"l"`, "media_name": `"m"`, "origin": `"o"`, "record_min_sec": "3", "record_on_answer": "true",
			"record_on_bridge": `"true"`, "record_sample_rate": "8000", "format": `"mp3"`,
		},
		"transfer": {"leg": `"self"`, "transfer_type": `"attended"`, "takeback_dtmf": `"*1"`, "moh": `"m"`, "ringback": `"r"`},
	} {
		for key := range load4test(t).module(module).properties {
			if keys[key] == "" && !slices.Contains(actions.Declared()[module].Keys, key) {
				t.Errorf("%s: no case for %s", module, key)
			}
		}
		for key, v := range keys {
			w := warningsOf(t, fmt.Sprintf(`{"numbers":{"1":{"module":"none","children":{"_":{"module":%q,"data":{%q:%s}}}}}}`, module, key, v))
			if len(w) != 1 || w[0].Code != "unsupported" || w[0].Path != "numbers.1.children._.data."+key {
				t.Errorf("%s %s: %+v", module, key, w)
			}
		}
	}
	for _, node := range []string{
		`{"module":"record_call","data":{"action":"start","format":"wav","time_limit":60,"record_on_answer":false,"record_on_bridge":"false","x":1}}`,
		`{"module":"transfer","data":{"target":"1","captures":["no_match"],"timeout":20,"transfer_type":"blind","x":"y"}}`,
	} {
		if w := warningsOf(t, `{"numbers":{"1":`+node+`}}`); len(w) != 0 {
			t.Errorf("%s: %+v", node, w)
		}
	}
}
