package events

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of README.md anew")

// outline is what the tables tell of a schema.
type outline struct {
	Description   string
	Required      []string
	Properties    map[string]outline
	PropertyNames struct{ Enum []string } `json:"propertyNames"`
	Type          string
	Enum          []string
	Const         string
	Pattern       string
}

func outlineOf(t *testing.T, name string) (o outline) {
	t.Helper()
	if err := json.Unmarshal(Schema(name), &o); err != nil {
		t.Fatal(name, err)
	}
	return o
}

// legKeys stand in most events: one word for them keeps the table readable.
var legKeys = []string{
	"channel", "endpoint", "user", "device", "other_channel", "other_endpoint", "other_user", "other_device", "uniqueid", "linkedid", "sip_call_id",
}

// tables are the types and the keys, as README.md has them.
func tables(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	b.WriteString("| type | tells | keys that are always there, beside `type`, `time` and `node` | keys that may be there |\n| --- | --- | --- | --- |\n")
	for _, name := range Schemas() {
		if name == CommonSchema {
			continue
		}
		o := outlineOf(t, name)
		words := func(keys []string) string {
			var list []string
			for _, key := range keys {
				word := "`" + key + "`"
				switch p := o.Properties[key]; {
				case len(p.Enum) > 0:
					word += " (" + strings.Join(p.Enum, ", ") + ")"
				case p.Const != "":
					word += " (" + p.Const + ")"
				}
				list = append(list, word)
			}
			return strings.Join(list, ", ")
		}
		required := append([]string{"type", "time", "node"}, o.Required...)
		var optional []string
		leg := false
		for _, key := range o.PropertyNames.Enum {
			switch {
			case slices.Contains(required, key):
			case slices.Contains(legKeys, key):
				leg = true
			default:
				optional = append(optional, key)
			}
		}
		may := words(optional)
		if leg {
			may = strings.Join(slices.DeleteFunc([]string{"the legs'", may}, func(s string) bool { return s == "" }), ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, cell(o.Description), words(o.Required), may)
	}
	b.WriteString("\n| key | type | is |\n| --- | --- | --- |\n")
	common := outlineOf(t, CommonSchema)
	for _, key := range slices.Concat([]string{"type", "time", "node", "account", "call"}, legKeys, otherKeys(common)) {
		p := common.Properties[key]
		kind := p.Type
		if len(p.Enum) > 0 {
			kind = strings.Join(p.Enum, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, kind, cell(p.Description))
	}
	return b.String()
}

// otherKeys are the keys that are neither the legs' nor among the first five, sorted.
func otherKeys(common outline) (keys []string) {
	for key := range common.Properties {
		if !slices.Contains(legKeys, key) && !slices.Contains([]string{"type", "time", "node", "account", "call"}, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// The tables in README.md are what the schemas say.
func TestTables(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- tables -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	have, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("README.md has no place for the tables")
	}
	want := tables(t)
	if *update {
		if err := os.WriteFile("README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("the tables are not what the schemas say; type: go test ./app/events -run TestTables -update\n%s", want)
	}
}
