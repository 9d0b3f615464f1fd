package actions_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/actions/pbxtest"
)

// TestRestarts kills and restarts the application between every two requests of each call in testdata/restart.
func TestRestarts(t *testing.T) {
	for _, path := range restartFiles(t) {
		file, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, down := range []time.Duration{50 * time.Millisecond, 700 * time.Millisecond} {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+down.String(), func(t *testing.T) {
				t.Parallel()
				pbxtest.Restarts(t, file, down)
			})
		}
	}
}

func restartFiles(t *testing.T) []string {
	files, err := filepath.Glob("testdata/restart/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no calls: %v", err)
	}
	return files
}
