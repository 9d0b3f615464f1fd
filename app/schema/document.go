package schema

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"metaflows/flows"
)

// laterModules are Kazoo's and ours (kazoo-facts 3.3, design 5) that this version accepts and cannot run yet.
var laterModules = []string{
	"audio_level", "break", "callflow", "conference", "hold", "hold_control", "intercept", "move", "mute", "park", "pivot",
	"play", "relate", "resume", "say", "sound_touch", "tts", "unpark",
}

// Warning is about something that is stored and that this version cannot do (design 4, Documents).
type Warning struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Document checks what a client wants to store, as Kazoo does, and repairs types in place. problems is empty when it may
// be stored.
func (s *Schemas) Document(data *Value) (p *Problems, warnings []Warning) {
	p = &Problems{}
	repair(data, s.byName["metaflows"])
	p.check(nil, data, s.byName["metaflows"])
	for _, part := range []string{"numbers", "patterns"} {
		if entries := data.Get(part); entries != nil {
			s.nodes(p, &warnings, []string{part}, entries)
		}
	}
	var refused *flows.DocumentError
	if _, err := flows.ParseDocument(data.Encode()); errors.As(err, &refused) {
		p.AddDocument(refused)
	}
	return p, warnings
}

// nodes checks the module and data of every node of an object, and of their children.
func (s *Schemas) nodes(p *Problems, warnings *[]Warning, at []string, entries *Value) {
	if entries.Kind != Object {
		return
	}
	for _, m := range entries.Members {
		if m.Key == "" || m.Value.Kind != Object { // Kazoo keeps a child under the empty key unchecked
			continue
		}
		here := below(at, m.Key)
		if module := m.Value.Get("module"); module != nil && module.Kind == String {
			s.node(p, warnings, here, module.Text, m.Value.Get("data"))
		}
		if children := m.Value.Get("children"); children != nil {
			s.nodes(p, warnings, below(here, "children"), children)
		}
	}
}

func (s *Schemas) node(p *Problems, warnings *[]Warning, at []string, module string, data *Value) {
	schema := s.module(module)
	warn := func(message string, keys ...string) {
		if len(*warnings) < maxProblems {
			*warnings = append(*warnings, Warning{Path(below(at, keys...)...), "unsupported", message})
		}
	}
	switch {
	case slices.Contains(laterModules, module):
		warn("module "+module+" is stored, but this version cannot run it", "module")
		return
	case schema == nil:
		if module != "" && len(module) <= 64 { // else the schema has said it
			p.Add(Path(below(at, "module")...), "error", Detail{"message": "unable to find metaflow schema for module " + module, "value": module})
			p.Add("schema", "schema", Detail{"message": "schema not found", "schema": "metaflows." + module})
		}
		return
	case data == nil || data.Kind != Object:
		return
	}
	repair(data, schema)
	p.check(below(at, "data"), data, schema)
	if u := data.Get("url"); module == "record_call" && u != nil && u.Kind == String && !isClientURL(u.Text) {
		p.Add(Path(below(at, "data", "url")...), "error", Detail{"message": "invalid client URL", "value": u})
	}
	for _, m := range data.Members {
		if message := s.notBuilt(module, m.Key, m.Value); message != "" {
			warn(message, "data", m.Key)
		}
	}
}

// built are the keys of the modules' schemas that this version obeys (package actions).
var built = map[string][]string{
	"record_call": {"action", "format", "time_limit"},
	"transfer":    {"captures", "target", "timeout", "transfer_type"},
}

// notBuilt says what this version does not do of a value in a module's data; "" where it does all of it. A key that is not
// in the schema is nobody's promise, and a default asks for nothing.
func (s *Schemas) notBuilt(module, key string, v *Value) string {
	switch {
	case module == "transfer" && key == "transfer_type" && v.Kind == String && v.Text == "attended":
		return "attended transfers are stored, but this version cannot do them; the action will fail"
	case module == "record_call" && key == "format" && v.Kind == String && v.Text == "mp3":
		return "this version records wav only; the action will fail"
	case s.module(module).Properties[key] == nil, slices.Contains(built[module], key):
		return ""
	}
	for _, d := range s.defaults["metaflows."+module] {
		if d.Key == key && string(d.Value.Encode()) == string(v.Encode()) {
			return ""
		}
	}
	if module == "record_call" && key == "url" {
		return "this version does not deliver recordings to a URL; the file stays in Asterisk's recording folder"
	}
	return key + " is stored, but this version does not obey it"
}

// check validates one value by one schema.
func (p *Problems) check(at []string, v *Value, schema *jsonschema.Schema) {
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(v.Plain()); errors.As(err, &invalid) {
		p.addSchema(at, v, invalid)
	}
}

// isClientURL is Kazoo's check of URLs that the system will call (kazoo-facts 3.2): http or https, not this host. Names
// are not resolved.
func isClientURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	switch host := strings.ToLower(u.Hostname()); host {
	case "", "localhost", "127.0.0.1", "0.0.0.0", "::1":
		return false
	}
	return true
}

// Present writes the defaults into a stored document for an answer (kazoo-facts 3.2): keys keep their place, defaults are
// appended. bindingDigit is what holds where the document has none.
func (s *Schemas) Present(data *Value, bindingDigit byte) {
	if data.Kind != Object {
		return
	}
	for _, part := range []string{"numbers", "patterns"} {
		s.presentNodes(data.Get(part))
	}
	if data.Get("binding_digit") == nil {
		data.Add("binding_digit", &Value{Kind: String, Text: string(rune(bindingDigit))})
	}
}

func (s *Schemas) presentNodes(entries *Value) {
	if entries == nil || entries.Kind != Object {
		return
	}
	for _, m := range entries.Members {
		node := m.Value
		if m.Key == "" || node.Kind != Object {
			continue
		}
		data := node.Get("data")
		if data == nil {
			data = NewObject()
			node.Add("data", data)
		}
		if module := node.Get("module"); module != nil && module.Kind == String && data.Kind == Object {
			s.fill("metaflows."+module.Text, data)
		}
		s.presentNodes(node.Get("children"))
	}
}
