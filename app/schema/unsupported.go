package schema

import (
	"slices"

	"metaflows/flows/calls"
)

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
	runs := s.modules[module]
	if runs.Run == nil {
		return []lack{{[]string{"module"}, "module " + module + " is stored, but this version cannot run it"}}
	}
	if data == nil || data.Kind != Object {
		return nil
	}
	for _, m := range data.Members {
		if message := d.notObeyed(runs, m); message != "" {
			lacks = append(lacks, lack{[]string{"data", m.Key}, message})
		}
	}
	return lacks
}

func (d *definition) notObeyed(module calls.Module, m Member) string {
	if d.properties[m.Key] == nil || d.isDefault(m.Key, m.Value) {
		return ""
	}
	for _, l := range module.Lacks {
		if l.Key == m.Key && (l.Value == "" || m.Value.Kind == String && m.Value.Text == l.Value) {
			return l.Message
		}
	}
	if slices.Contains(module.Keys, m.Key) {
		return ""
	}
	return m.Key + " is stored, but this version does not obey it"
}
