package schema

import (
	"slices"
	"strings"

	"metaflows/flows"
)

// Conflicts are an effective document's conflicts, and what this version cannot do of it: one for each such place, under
// the number or pattern that it is in (flows/README.md, Conflicts). There are as many of these, and no more text, than of an
// answer's warnings.
func (s *Schemas) Conflicts(e *flows.Effective) []flows.Conflict {
	conflicts := e.Conflicts()
	merged, err := Parse(e.Merged())
	if err != nil {
		return conflicts // it is made of documents that were parsed
	}
	told, text := 0, 0
	s.eachLack(merged, func(at []string, message string) {
		if told == maxWarnings || text >= maxText {
			return
		}
		c := flows.Conflict{Code: flows.ConflictUnsupported, Entry: cut(at[0] + "." + at[1]), Message: message}
		if inside := at[2:]; !slices.Equal(inside, []string{"module"}) { // else the message names it
			c.Message = cut(strings.Join(inside, ".")) + ": " + message
		}
		told, text = told+1, text+len(c.Entry)+len(c.Message)
		conflicts = append(conflicts, c)
	})
	return conflicts
}
