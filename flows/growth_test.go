package flows

import (
	"fmt"
	"testing"

	"metaflows/docker/growtest"
)

// What a document's conflicts cost grows with its patterns, of which it may have 200.
func TestConflictsGrow(t *testing.T) {
	for name, of := range map[string]func(i int) string{
		"with a length": func(i int) string { return fmt.Sprintf(`^%d.$`, 100+i) },
		"open":          func(i int) string { return fmt.Sprintf(`%d.*`, 100+i) },
	} {
		growtest.Linear(t, "conflicts of patterns "+name, 50, func(n int) int64 {
			patterns := make([]string, n)
			for i := range patterns {
				patterns[i] = of(i)
			}
			e := Merge(Settings{}, docOf(t, nil, patterns...), nil, nil)
			return growtest.Allocated(func() { e.Conflicts() })
		})
	}
}
