package live

import (
	"fmt"
	"testing"

	"metaflows/docker/growtest"
)

// What a list of live calls costs grows with them.
func TestListGrows(t *testing.T) {
	growtest.Linear(t, "a list of live calls", 250, func(n int) int64 {
		l := New(Config{Node: "a", Schemas: schemas(t)})
		return growtest.Allocated(func() {
			for i := range n {
				l.Changed(call(fmt.Sprintf("1732563455.%d", i), "alice@acme", "bob@acme"))
			}
			if got := len(l.Channels("acme", Filter{})); got != 2*n {
				t.Fatal(got)
			}
		})
	})
}
