package rest

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

// warning is about something that is stored and that this version cannot do (design 4, Documents).
type warning struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// document checks what a client wants to store, as Kazoo does, and repairs types in place. problems is empty when it may
// be stored.
func (s *schemas) document(data *value) (p *problems, warnings []warning) {
	p = &problems{}
	if data.kind == isObject { // Kazoo drops private keys before it validates
		data.members = slices.DeleteFunc(data.members, func(m member) bool {
			return strings.HasPrefix(m.key, "_") || strings.HasPrefix(m.key, "pvt_")
		})
	}
	repair(data, s.byName["metaflows"])
	p.check(nil, data, s.byName["metaflows"])
	for _, part := range []string{"numbers", "patterns"} {
		if entries := data.get(part); entries != nil {
			s.nodes(p, &warnings, []string{part}, entries)
		}
	}
	var refused *flows.DocumentError
	if _, err := flows.ParseDocument(data.encode()); errors.As(err, &refused) {
		p.addDocument(refused)
	}
	return p, warnings
}

// nodes checks the module and data of every node of an object, and of their children.
func (s *schemas) nodes(p *problems, warnings *[]warning, at []string, entries *value) {
	if entries.kind != isObject {
		return
	}
	for _, m := range entries.members {
		if m.key == "" || m.value.kind != isObject { // Kazoo keeps a child under the empty key unchecked
			continue
		}
		here := below(at, m.key)
		if module := m.value.get("module"); module != nil && module.kind == isString {
			s.node(p, warnings, here, module.text, m.value.get("data"))
		}
		if children := m.value.get("children"); children != nil {
			s.nodes(p, warnings, below(here, "children"), children)
		}
	}
}

func (s *schemas) node(p *problems, warnings *[]warning, at []string, module string, data *value) {
	schema := s.module(module)
	warn := func(message string, keys ...string) {
		if len(*warnings) < maxProblems {
			*warnings = append(*warnings, warning{dotted(below(at, keys...)...), "unsupported", message})
		}
	}
	switch {
	case slices.Contains(laterModules, module):
		warn("module "+module+" is stored, but this version cannot run it", "module")
		return
	case schema == nil:
		if module != "" && len(module) <= 64 { // else the schema has said it
			p.add(dotted(below(at, "module")...), "error", detail{"message": "unable to find metaflow schema for module " + module, "value": module})
			p.add("schema", "schema", detail{"message": "schema not found", "schema": "metaflows." + module})
		}
		return
	case data == nil || data.kind != isObject:
		return
	}
	repair(data, schema)
	p.check(below(at, "data"), data, schema)
	if u := data.get("url"); module == "record_call" && u != nil && u.kind == isString && !isClientURL(u.text) {
		p.add(dotted(below(at, "data", "url")...), "error", detail{"message": "invalid client URL", "value": u})
	}
	for _, m := range data.members {
		if message := s.notBuilt(module, m.key, m.value); message != "" {
			warn(message, "data", m.key)
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
func (s *schemas) notBuilt(module, key string, v *value) string {
	switch {
	case module == "transfer" && key == "transfer_type" && v.kind == isString && v.text == "attended":
		return "attended transfers are stored, but this version cannot do them; the action will fail"
	case module == "record_call" && key == "format" && v.kind == isString && v.text == "mp3":
		return "this version records wav only; the action will fail"
	case s.module(module).Properties[key] == nil, slices.Contains(built[module], key):
		return ""
	}
	for _, d := range s.defaults["metaflows."+module] {
		if d.key == key && string(d.value.encode()) == string(v.encode()) {
			return ""
		}
	}
	if module == "record_call" && key == "url" {
		return "this version does not deliver recordings to a URL; the file stays in Asterisk's recording folder"
	}
	return key + " is stored, but this version does not obey it"
}

// check validates one value by one schema.
func (p *problems) check(at []string, v *value, schema *jsonschema.Schema) {
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(v.plain()); errors.As(err, &invalid) {
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

// present writes the defaults into a stored document for an answer (kazoo-facts 3.2): keys keep their place, defaults are
// appended. bindingDigit is what holds where the document has none.
func (s *schemas) present(data *value, bindingDigit byte) {
	if data.kind != isObject {
		return
	}
	for _, part := range []string{"numbers", "patterns"} {
		s.presentNodes(data.get(part))
	}
	if data.get("binding_digit") == nil {
		data.add("binding_digit", &value{kind: isString, text: string(rune(bindingDigit))})
	}
}

func (s *schemas) presentNodes(entries *value) {
	if entries == nil || entries.kind != isObject {
		return
	}
	for _, m := range entries.members {
		node := m.value
		if m.key == "" || node.kind != isObject {
			continue
		}
		data := node.get("data")
		if data == nil {
			data = object()
			node.add("data", data)
		}
		if module := node.get("module"); module != nil && module.kind == isString && data.kind == isObject {
			s.fill("metaflows."+module.text, data)
		}
		s.presentNodes(node.get("children"))
	}
}
