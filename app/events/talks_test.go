package events

import (
	"os"
	"strings"
	"testing"
)

// The program in README.md is the one that the end-to-end tests run (docker/e2e, TestTalks), and has 40 lines.
func TestTheProgramInREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("talks/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "\n```go\n"+string(program)+"```\n") {
		t.Error("README.md does not quote talks/main.go as it is")
	}
	if n := strings.Count(string(program), "\n"); n > 40 {
		t.Errorf("the program has %d lines", n)
	}
}
