package schema

import (
	"strings"

	"metaflows/flows"
)

// Conflicts are an effective document's conflicts, and what this version cannot do of it: one for each such place, under
// the number or pattern that it is in (design 3.3).
func (s *Schemas) Conflicts(e *flows.Effective) []flows.Conflict {
	conflicts := e.Conflicts()
	merged, err := Parse(e.Merged())
	if err != nil {
		return conflicts // it is made of documents that were parsed
	}
	for _, w := range s.Unsupported(merged) {
		part, rest, _ := strings.Cut(w.Path, ".")
		key, inside, _ := strings.Cut(rest, ".")
		message := w.Message // which names the module
		if inside != "module" {
			message = inside + ": " + message
		}
		conflicts = append(conflicts, flows.Conflict{Code: flows.ConflictUnsupported, Entry: part + "." + key, Message: message})
	}
	return conflicts
}
