package actions_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"metaflows/actions/pbxtest"
	"metaflows/app/events"
	"metaflows/app/events/eventstest"
	"metaflows/flows/calls"
)

var update = flag.Bool("update", false, "take what happens into the scenarios' files")

// TestScenarios plays every call in testdata.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			pbxtest.RunScenario(t, file, *update, publishable)
		})
	}
}

// publishable says what is wrong with a notice once it is an event.
func publishable(n calls.Notice) error {
	m, err := events.Message(n, "n1")
	if err != nil {
		return err
	}
	return eventstest.Check(m.Subject, m.Header, m.Data)
}
