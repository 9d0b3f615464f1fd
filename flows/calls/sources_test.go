package calls

import (
	"fmt"
	"log/slog"
	"testing"
)

// TestPassOn: that a source has changed is told to the call that has the near half of a Local channel, not back to where it comes
// from, and not for ever.
func TestPassOn(t *testing.T) {
	for _, c := range []struct {
		of     string
		passed int
		want   string
	}{
		{"a", 0, "[{x 1}]"},
		{"a", longestChain - 1, fmt.Sprintf("[{x %d}]", longestChain)},
		{"a", longestChain, "[]"},
		{"x;2", 0, "[]"},
	} {
		cs := New(Config{Log: slog.New(slog.DiscardHandler)})
		near, far := cs.newCall("near"), cs.newCall("far")
		near.Register("x")
		far.sources = []string{"a", "x;2", "y;2"} // nobody has y
		far.passOn(SourceChanged{Channel: c.of, Passed: c.passed})
		if got := fmt.Sprint(near.mail.close()); got != c.want {
			t.Errorf("%s has changed and was passed on %d times: told %s, want %s", c.of, c.passed, got, c.want)
		}
	}
}
