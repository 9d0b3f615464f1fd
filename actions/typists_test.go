package actions_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/actions/pbxtest"
	"metaflows/actions/pbxtest/typists"
)

// TestTypists: whatever two people type, and whatever module their codes run, each code acts once, at the key that decides
// it, and the other party hears what it is to hear. One seed alone: -run 'TestTypists/^17$', with -v told in every request.
func TestTypists(t *testing.T) {
	const stories = 250
	modules := slices.Collect(maps.Keys(actions.New(actions.Config{}).Modules()))
	for seed := range uint64(stories) {
		story := typists.New(seed, modules, "alice", "bob")
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			outcome, transcript := pbxtest.Type(t, story, "alice", "bob")
			if err := story.Judge(outcome, 700*time.Millisecond); err != nil {
				t.Errorf("%v\n%s", err, story.Tell(outcome))
				if testing.Verbose() {
					t.Log("\n" + transcript)
				}
			}
		})
	}
}
