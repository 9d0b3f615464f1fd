package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"metaflows/docker/program"
)

// column cuts a column out of the time-line, without the cells that are empty.
func column(text string, from, to int) []string {
	var cells []string
	for line := range strings.Lines(text) {
		runes := []rune(strings.TrimRight(line, "\n"))
		if len(runes) <= from || !regexp.MustCompile(`^ +\d+\.\d{3}  `).MatchString(line) {
			continue
		}
		if cell := strings.TrimSpace(string(runes[from:min(to, len(runes))])); cell != "" {
			cells = append(cells, cell)
		}
	}
	return cells
}

// inOrder says which of the wanted is not among the cells, in this order.
func inOrder(cells []string, wanted ...string) (missing string) {
	for _, w := range wanted {
		n := slices.Index(cells, w)
		if n < 0 {
			return w
		}
		cells = cells[n+1:]
	}
	return ""
}

func TestAsteriskDemo(t *testing.T) {
	folder := t.TempDir()
	var out, complaints bytes.Buffer
	if code := run([]string{"call", "-dir", folder}, &out, &complaints); code != 0 || complaints.Len() > 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, &out, &complaints)
	}
	text := out.String()
	t.Log("\n" + text)
	for line := range strings.Lines(text) {
		if strings.Contains(line, folder) {
			continue
		}
		if width := utf8.RuneCountInString(line); width > 112 || strings.Contains(line, "\x1b") || strings.Contains(line, "…") {
			t.Errorf("a line is %d wide, coloured or cut: %q", width, line)
		}
	}
	if miss := inOrder(column(text, 9, 43), "alice  calls 1002", "bob    rings", "bob    answers", "bob    presses *9", "alice  heard * and no other key",
		"bob    presses *9", "alice  heard * and no other key", "bob    presses *21234", "bob    is free: his call is over", "carol  calls 1002",
		"alice  hears 1234's music, 523 Hz", "alice  hangs up"); miss != "" {
		t.Errorf("nobody %q", miss)
	}
	if miss := inOrder(column(text, 44, 79), "alice enters the bridge", "bob rejoins the bridge", "the recording begins", "the recording ends",
		"Local/1234@acme enters the bridge", "channel bob is gone", "the bridge is gone"); miss != "" {
		t.Errorf("Asterisk has no %q", miss)
	}
	if miss := inOrder(column(text, 80, 112), "call.started", "call.answered", "code.armed", "code.matched numbers.9", "action.started record_call",
		"recording.started", "code.armed", "code.matched numbers.9", "code.armed", `code.matched patterns.2(\d+)`, "transfer.completed 1234"); miss != "" {
		t.Errorf("NATS has no %q", miss)
	}
	said := regexp.MustCompile(`The recording is (\d\.\d s) long, with alice and bob in it: (.*)\n`).FindStringSubmatch(text)
	if said == nil {
		t.Fatal("nothing is said of the recording")
	}
	r, err := readRecording(said[2])
	if err != nil || seconds(r.length()) != said[1] || !strings.HasPrefix(said[2], folder) || r.length() < time.Second {
		t.Error(said, r.length(), err)
	}
}

// What goes wrong is said, with the ends of both logs and where the whole ones are, and nothing stays behind.
func TestAsteriskDemoFails(t *testing.T) {
	metaflows := filepath.Join(t.TempDir(), "metaflows")
	if err := program.Build(t.Context(), metaflows); err != nil {
		t.Fatal(err)
	}
	// A metaflows that ends after four seconds, in the middle of the call.
	early := filepath.Join(t.TempDir(), "early")
	if err := os.WriteFile(early, []byte("#!/bin/sh\n"+metaflows+" & p=$!\nsleep 4\nkill -9 $p\nwait $p\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var out, complaints bytes.Buffer
	if code := run([]string{"call", "-dir", folder, "-metaflows", early}, &out, &complaints); code != 1 {
		t.Errorf("exit code %d", code)
	}
	text := complaints.String()
	t.Log(out.String() + text)
	for _, want := range []string{"call failed: ", "metaflows has ended by itself", "the end of Asterisk's log:", "the end of metaflows' log:", "the whole logs are in " + folder} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	logs, err := filepath.Glob(filepath.Join(folder, "*", "*.log"))
	if err != nil || len(logs) != 2 {
		t.Error(logs, err)
	}
	complaints.Reset()
	if code := run([]string{"call", "-dir", folder, "-metaflows", "/bin/false"}, &out, &complaints); code != 1 || !strings.Contains(complaints.String(), "start metaflows: it ended at once: exit status 1") {
		t.Errorf("exit code %d: %s", code, &complaints)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"dance"}, {"call", "now"}, {"lab", "-port", "1"}} {
		var out, complaints bytes.Buffer
		if code := run(args, &out, &complaints); code != 2 || out.Len() > 0 || complaints.Len() == 0 {
			t.Errorf("%q: exit code %d, %q %q", args, code, &out, &complaints)
		}
	}
	var complaints bytes.Buffer
	if code := run([]string{"lab", "-dir", t.TempDir(), "-addr", "192.0.2.1"}, &bytes.Buffer{}, &complaints); code != 1 ||
		!strings.Contains(complaints.String(), `"192.0.2.1" is no IPv4 address of this machine; phones can reach it at `) {
		t.Errorf("exit code %d: %s", code, &complaints)
	}
}
