package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A node is checked as one of a document is; its paths begin where it stands, and what cannot be run is refused.
func TestNode(t *testing.T) {
	for _, c := range []struct{ node, problems, warnings string }{
		{`{"module":"transfer","data":{"target":"1","timeout":"5"},"children":{"busy":{"module":"none"}}}`, "", ""},
		{`{"module":"transfer","data":{"leg":"self"},"children":{"_":{"module":"record_call","data":{"label":"x"}}}}`, "", "data.leg children._.data.label"},
		{`{}`, "module required", ""},
		{`{"module":7}`, "module type", ""},
		{`{"module":"x"}`, "module error, schema schema", ""},
		{`{"module":"move"}`, "module unsupported", ""},
		{`{"module":"none","children":{"a.b":{"module":"say"}}}`, "children.a%2Eb.module unsupported", ""},
		{`{"module":"none","data":[]}`, "data type", ""},
		{`{"module":"none","data":{"x":1,"x":2}}`, "data.x duplicate", ""},
		{`{"module":"transfer","data":{"transfer_type":"warm"}}`, "data.transfer_type enum", ""},
		{`{"module":"record_call","data":{"url":"ftp://x"}}`, "data.url error", "data.url"},
		{`[]`, "data type", ""},
	} {
		for _, at := range []string{"", "flow"} {
			data, err := Parse([]byte(c.node))
			if err != nil {
				t.Fatal(err)
			}
			below := []string{}
			if at != "" {
				below = append(below, at)
			}
			node, wrong, warnings := load4test(t).Node(data, below...)
			text, err := wrong.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			var told map[string]map[string]any
			if err := json.Unmarshal(text, &told); err != nil {
				t.Fatal(err)
			}
			var problems []string
			for path := range told {
				for code := range told[path] {
					short := strings.TrimPrefix(path, "flow.")
					if short == "flow" {
						short = "data" // the node itself
					}
					problems = append(problems, short+" "+code)
				}
			}
			slices.Sort(problems)
			if got := strings.Join(problems, ", "); got != c.problems || (node == nil) != (c.problems != "") {
				t.Errorf("%s at %q: %s (%v), want %s", c.node, at, got, slices.Collect(maps.Keys(told)), c.problems)
			}
			var paths []string
			for _, w := range warnings {
				paths = append(paths, strings.TrimPrefix(w.Path, "flow."))
			}
			if got := strings.Join(paths, " "); c.problems == "" && got != c.warnings {
				t.Errorf("%s: warnings %s", c.node, got)
			}
		}
	}
	data, _ := Parse([]byte(`{"module":"transfer","data":{"timeout":"5"}}`))
	if node, _, _ := load4test(t).Node(data); string(node.Data) != `{"timeout":5}` {
		t.Errorf("types are not repaired: %s", node.Data)
	}
}
