package pbxtest

import (
	"log/slog"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// TestLeaks: the search for digits that were no code finds them wherever they are, and nothing else.
func TestLeaks(t *testing.T) {
	const card = "*4111222233334444"
	for _, c := range []struct {
		about  string
		notice calls.Notice
		log    []any
		leaks  bool
	}{
		{about: "nothing"},
		{about: "in a reason", notice: calls.Notice{Reason: "no 4111"}, leaks: true},
		{about: "in a path", notice: calls.Notice{Path: "numbers.2222"}, leaks: true},
		{about: "in a log line", log: []any{"error", "relay 3333"}, leaks: true},
		{about: "how many", notice: calls.Notice{Digits: 16}},
		{about: "accepted by an action", notice: calls.Notice{Collected: "4111222233334444", Target: "111222233334444"}},
		{about: "in the name of a channel", log: []any{"leg", "PJSIP/alice-00001112"}},
		{about: "a duration", notice: calls.Notice{Duration: 4111}},
		{about: "the time of the action", notice: calls.Notice{ID: "alice1.411122223333.0", Action: "alice1.411122223333.0"}},
	} {
		tr := &transcript{pbx: New(), began: time.Now(), notices: []calls.Notice{c.notice}}
		slog.New(newLogHandler(tr)).Info("said", c.log...)
		if leaks := tr.leaks([]string{card}); (leaks != nil) != c.leaks {
			t.Errorf("%s: found %v", c.about, leaks)
		}
	}
}
