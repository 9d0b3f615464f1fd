package schema

import "slices"

// Warning is about something in a document that is stored and that this version cannot do (flows/README.md, Documents). Path is
// dotted as a problem's; Code is "unsupported".
type Warning struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// unsupported is the code of warnings.
const unsupported = "unsupported"

// maxWarnings that one answer tells.
const maxWarnings = 100

// built are the modules that this version runs, and the keys of their schemas that it obeys (package actions).
var built = map[string][]string{
	"hangup":      {},
	"none":        {},
	"record_call": {"action", "format", "time_limit"},
	"transfer":    {"captures", "target", "timeout", "transfer_type"},
}

// Unsupported is what this version cannot do of a document's numbers and patterns, at every depth, in the document's order:
// 100 warnings or some 32 KiB at most, and of each path no more than its beginning. The document is not changed.
func (s *Schemas) Unsupported(document *Value) []Warning {
	var w warnings
	s.eachLack(document, w.add)
	return w.list
}

// eachLack tells of what this version cannot do of a document, and where it stands; the first two keys are the entry. The
// document may be a merged one.
func (s *Schemas) eachLack(document *Value, tell func(at []string, message string)) {
	eachNode(document, func(at []string, module string, node *Value) {
		for _, u := range s.notBuilt(module, node.Get("data")) {
			tell(below(at, u.at...), u.message)
		}
	})
}

// warnings are those that one answer tells.
type warnings struct {
	list []Warning
	text int
}

func (w *warnings) add(at []string, message string) {
	if len(w.list) == maxWarnings || w.text >= maxText {
		return
	}
	path := cut(Path(at...))
	w.text += len(path) + len(message)
	w.list = append(w.list, Warning{path, unsupported, message})
}

// lack is one thing that this version does not do of a node, and where in the node it stands.
type lack struct {
	at      []string
	message string
}

// notBuilt says what this version does not do of a module with data, which may be nil. A key that is not in the schema is
// nobody's promise, and a default asks for nothing.
func (s *Schemas) notBuilt(module string, data *Value) (lacks []lack) {
	d := s.module(module)
	if d == nil {
		return nil // a mistake, and told as one
	}
	obeyed, ok := built[module]
	if !ok {
		return []lack{{[]string{"module"}, "module " + module + " is stored, but this version cannot run it"}}
	}
	if data == nil || data.Kind != Object {
		return nil
	}
	for _, m := range data.Members {
		if message := d.notObeyed(module, obeyed, m); message != "" {
			lacks = append(lacks, lack{[]string{"data", m.Key}, message})
		}
	}
	return lacks
}

func (d *definition) notObeyed(module string, obeyed []string, m Member) string {
	is := func(key, value string) bool { return m.Key == key && m.Value.Kind == String && m.Value.Text == value }
	switch {
	case module == "transfer" && is("transfer_type", "attended"):
		return "attended transfers are stored, but this version cannot do them; the action will fail"
	case module == "record_call" && is("format", "mp3"):
		return "this version records wav only; the action will fail"
	case d.properties[m.Key] == nil, slices.Contains(obeyed, m.Key), d.isDefault(m.Key, m.Value):
		return ""
	case module == "record_call" && m.Key == "url":
		return "this version does not deliver recordings to a URL; the file stays in Asterisk's recording folder"
	}
	return m.Key + " is stored, but this version does not obey it"
}
