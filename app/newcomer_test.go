package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documented is a command of the documentation, as a reader types it, and what it says there.
type documented struct {
	where string // file and section
	text  string
	says  string
}

// languages are what a fenced block can be. In sh each line is a command, in console each after a "$ ", and the answers follow.
var languages = []string{"sh", "console", "text", "json", "go", "yaml", "ini"}

// notPlayed are the commands that TestSessions does not play, by how they begin or by their section: the test or the target
// of the Makefile that does the same, or why nobody does.
var notPlayed = []struct{ begins, by string }{
	{"go test ", "app TestTests"},
	{"docker compose -f docker/compose.yaml ", "make docker-test"},
	{"docker compose -f docker/compose.cluster.yaml ", "make docker-test"},
	{"TOKEN=$(docker compose ", "make docker-test"},
	{`curl -H "X-Auth-Token: $TOKEN" http://127.0.0.1:8000/v2/accounts/acme/metaflows`, "app TestSessions"}, // as README.md does
	{"metaflows doctor", "app/doctor/asterisktest TestHealthy"},
	{"metaflows health", "app TestCommands"},
	{"metaflows documents recover", "app/documents TestDocumentsRecover"},
	{"metaflows calls", "docker/e2e TestCommands"},
	{"metaflows run ", "docker/e2e TestCommands"},
	{"app/rest/README.md, Channels", "docker/e2e TestLiveCalls"},
	{`curl -H "$T" "$A/acme/calls/`, "app/rest TestStoryInPages"},
	{`curl -N -H "$T" "$A/acme/events"`, "app/rest TestFeed"},
	{"nats ", "not run, because the program nats is another project's; what it asks for is tried with the accounts that stand there"},
	{"asterisk -rx ", "not run, because it is for an Asterisk with the paths of a system's package"},
	{"curl -u metaflows:PASSWORD ", "not run, because it is for an Asterisk with the paths of a system's package"},
}

// block is a fenced part of a document.
var block = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// repository are the paths of its Markdown files, Go tests and the Makefile, and their texts.
func repository(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "data"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") && d.Name() != "Makefile":
			return nil
		}
		raw, err := os.ReadFile(path)
		texts[filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))] = string(raw)
		return err
	})
	if err != nil || len(texts) < 100 {
		t.Fatal(err, len(texts))
	}
	return texts
}

// commandsOf are a document's commands, in their order.
func commandsOf(t *testing.T, path, text string) (found []documented) {
	t.Helper()
	for _, at := range block.FindAllStringSubmatchIndex(text, -1) {
		language, body := text[at[2]:at[3]], text[at[4]:at[5]]
		before := text[:at[0]]
		section := "its beginning"
		if i := strings.LastIndex(before, "\n## "); i >= 0 {
			section, _, _ = strings.Cut(before[i+4:], "\n")
		}
		where := path + ", " + section
		if !slices.Contains(languages, language) {
			t.Errorf("%s: a fenced block is %q, and can be %v: whether a newcomer can type it is not known", where, language, languages)
		}
		if language != "sh" && language != "console" {
			continue
		}
		var typed *documented
		for line := range strings.Lines(body) {
			goesOn := typed != nil && typed.says == "" && (strings.HasSuffix(typed.text, "\\\n") || strings.Count(typed.text, "'")%2 == 1)
			command, prompted := strings.CutPrefix(line, "$ ")
			switch {
			case goesOn:
				typed.text += line
			case language == "sh" && strings.TrimSpace(line) == "":
			case language == "sh" || prompted:
				found = append(found, documented{where: where, text: command})
				typed = &found[len(found)-1]
			case typed == nil:
				t.Errorf("%s: a console begins with %q, which is no command", where, line)
			default:
				typed.says += line
			}
		}
	}
	return found
}

// TestNewcomer: every command of the documentation is played, or done by another test, or is said to be done by none.
func TestNewcomer(t *testing.T) {
	texts := repository(t)
	tests := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	targets := regexp.MustCompile(`(?m)^([a-z-]+):.*## `)
	known := map[string]bool{}
	for path, text := range texts {
		switch {
		case strings.HasSuffix(path, "_test.go"):
			for _, test := range tests.FindAllStringSubmatch(text, -1) {
				known[filepath.ToSlash(filepath.Dir(path))+" "+test[1]] = true
			}
		case path == "Makefile":
			for _, target := range targets.FindAllStringSubmatch(text, -1) {
				known["make "+target[1]] = true
			}
		}
	}
	used := map[string]bool{}
	for path, text := range texts {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		for _, c := range commandsOf(t, path, text) {
			if slices.Contains(played, c.where) {
				used[c.where] = true
				continue
			}
			by := ""
			for _, n := range notPlayed {
				if strings.HasPrefix(c.text, n.begins) || c.where == n.begins {
					by, used[n.begins] = n.by, true
				}
			}
			if !known[by] && !strings.HasPrefix(by, "not run, because ") {
				t.Errorf("%s: nobody runs %q (%q)", c.where, c.text, by)
			}
		}
		for _, named := range regexp.MustCompile("`(make [a-z-]+)").FindAllStringSubmatch(text, -1) {
			if !known[named[1]] {
				t.Errorf("%s names %s, which is not in the Makefile", path, named[1])
			}
		}
	}
	for _, n := range notPlayed {
		if !used[n.begins] {
			t.Errorf("no document has %q any more", n.begins)
		}
	}
	for _, where := range played {
		if !used[where] {
			t.Errorf("%s has no commands", where)
		}
	}
	for target := range known {
		if strings.HasPrefix(target, "make ") && target != "make help" && !strings.Contains(texts["CONTRIBUTING.md"], "`"+target+"`") {
			t.Errorf("CONTRIBUTING.md has no %s", target)
		}
	}
	commandsTable(t, texts["app/README.md"])
}

// commandsTable: each command of the program stands in the table, in a cell of its first column.
func commandsTable(t *testing.T, text string) {
	t.Helper()
	_, table, _ := strings.Cut(text, "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, c := range commands() {
		if !regexp.MustCompile("(?m)^\\| [^|]*`" + c.name + `\b`).MatchString(table) {
			t.Errorf("app/README.md, Commands has no %s", c.name)
		}
	}
}

// TestTests: the tests and scenarios that are named in commands are there.
func TestTests(t *testing.T) {
	texts := repository(t)
	run := regexp.MustCompile(`^go test .*-run '\^(Test\w+)\$(?:/\^(\w+)\$)?' \./(\S+)`)
	tried := 0
	for path, text := range texts {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		for _, c := range commandsOf(t, path, text) {
			if !strings.HasPrefix(c.text, "go test ") {
				continue
			}
			tried++
			m := run.FindStringSubmatch(c.text)
			if m == nil {
				t.Errorf("%s: %q does not say which test, of which package", c.where, c.text)
				continue
			}
			there := false
			for file, text := range texts {
				there = there || filepath.ToSlash(filepath.Dir(file)) == m[3] && strings.Contains(text, "func "+m[1]+"(")
			}
			if _, scenario := texts[m[3]+"/testdata/"+m[2]+".txtar"]; !there || m[2] != "" && !scenario {
				t.Errorf("%s: there is no such test: %s", c.where, c.text)
			}
		}
	}
	if tried == 0 {
		t.Error("no document runs a test")
	}
}
