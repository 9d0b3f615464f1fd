package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/card.golden")

// fixed is a page with a figure of each kind, and a command that has failed.
var fixed = page{
	Machine: machine{
		Date: "2026-11-30 02:00 UTC", Processor: "Some | Processor", Processors: 2, Memory: "3.9 GiB", Kernel: "6.1.0", Load: "0.10, 0.20, 0.30",
		Metaflows: "v1-2-gabc", Go: "go1.26.8", AsteriskVer: "22.5.1",
	},
	Sections: []chapter{
		{"Calls", "Something is made.", []table{
			{"go run ./docker/cmd/bench rate", 21 * time.Second, []figure{{"calls in a second", "", 83.84, 334}, {"processor | of a *5", "ms", 3.333, 0}}, ""},
		}},
		{"Inside", "Two of them.", []table{
			{"go test -bench One ./one", 1234 * time.Millisecond, []figure{{"One", "ns", 88.4, 0}, {"One, events in a second", "", 123456, 0}}, ""},
			{"go test -bench Two ./two", 500 * time.Second, nil, "it ended:\nfor no | reason"},
		}},
	},
}

func TestPage(t *testing.T) {
	var got bytes.Buffer
	if err := fixed.write(&got); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/card.golden"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%v; -update writes %s, which is\n%s\nand should be\n%s", err, path, want, &got)
	}
	if failed := fixed.Failed(); !slices.Equal(failed, []string{"go test -bench Two ./two"}) {
		t.Error(failed)
	}
	quick := fixed
	quick.Quick = true
	got.Reset()
	if err := quick.write(&got); err != nil || !strings.Contains(got.String(), "for trying") {
		t.Error(err, "a quick page does not say that it is one")
	}
}

// TestPageNamesCommands: over each table of the page stands the command that gives its figures.
func TestPageNamesCommands(t *testing.T) {
	for _, path := range []string{"testdata/card.golden", "../../bench/CARD.md"} {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && path != "testdata/card.golden" {
			continue // nobody has made one yet
		}
		if err != nil {
			t.Fatal(err)
		}
		_, sections, _ := strings.Cut(string(text), "\n## ")
		command := ""
		for line := range strings.Lines(sections) {
			switch {
			case !strings.HasPrefix(line, "|"):
				command = ""
			case strings.HasPrefix(line, "| `go "):
				command = line
			case command == "":
				t.Errorf("%s: no command gives %q", path, line)
			}
		}
	}
}

// TestSections: each command of the card is one that can be typed, and a benchmark that it names is there.
func TestSections(t *testing.T) {
	for _, s := range sections {
		if s.title == "" || s.about == "" || len(s.steps) == 0 {
			t.Errorf("%q says too little", s.title)
		}
		for _, each := range s.steps {
			for _, line := range []string{each.full, each.quick} {
				args := strings.Fields(line)
				if line == "" && line != each.full {
					continue
				}
				if args[0] == "go" {
					name := args[slices.Index(args, "-bench")+1]
					if out := benchmarksOf(t, args[len(args)-1]); !strings.Contains(out, "func "+name+"(") {
						t.Errorf("%s: there is no %s", line, name)
					}
					continue
				}
				command := commands[args[0]]
				if command == nil {
					t.Errorf("%s: there is no command %s", line, args[0])
					continue
				}
				flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
				flags.SetOutput(io.Discard)
				command(flags, io.Discard)
				if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
					t.Errorf("%s: %v, %q", line, err, flags.Args())
				}
			}
		}
	}
	for name := range commands {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("the usage has no %s", name)
		}
	}
}

// benchmarksOf is the text of a package's tests.
func benchmarksOf(t *testing.T, folder string) (all string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}

// TestCard: a command that fails is named in the page and makes the card fail, and the others are in it all the same. One that
// is ended early writes nothing.
func TestCard(t *testing.T) {
	saved, savedCommands := sections, commands
	defer func() { sections, commands = saved, savedCommands }()
	ctx, cancel := context.WithCancel(t.Context())
	gives := func(list []figure, err error) measuring {
		return func(flags *flag.FlagSet, _ io.Writer) func(context.Context) ([]figure, error) {
			flags.String("metaflows", "", "")
			n := flags.Float64("n", 1, "")
			return func(context.Context) ([]figure, error) {
				for i := range list {
					list[i].value = *n
				}
				return list, err
			}
		}
	}
	commands = map[string]measuring{
		"good": gives([]figure{{what: "a figure"}}, nil),
		"bad":  gives([]figure{{what: "half of it"}}, errors.New("no luck")),
		"ends": func(flags *flag.FlagSet, _ io.Writer) func(context.Context) ([]figure, error) {
			flags.String("metaflows", "", "")
			return func(context.Context) ([]figure, error) { cancel(); return nil, context.Canceled }
		},
	}
	sections = []section{{"One", "About one.", []step{{"bad -n 7", "bad -n 2"}, {"good -n 8", "good -n 3"}, {"missing", "missing"}}}}
	c := &card{out: io.Discard, path: filepath.Join(t.TempDir(), "docs", "card.md")}
	var p page
	err := c.measureAll(ctx, &p)
	if err == nil || !strings.Contains(err.Error(), "bench bad -n 7; go run ./docker/cmd/bench missing") {
		t.Error(err)
	}
	text, _ := os.ReadFile(c.path)
	for _, want := range []string{"half of it | 7.00", "no luck", "a figure | 8.00", "`go run ./docker/cmd/bench good -n 8`", "there is no command missing"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
	c.quick, c.only = true, "good"
	p = page{Quick: true}
	if err := c.measureAll(ctx, &p); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(c.path); !strings.Contains(string(text), "a figure | 3.00") || strings.Contains(string(text), "half of it") {
		t.Errorf("the quick page is\n%s", text)
	}
	before, _ := os.ReadFile(c.path)
	c.only, sections = "", []section{{"Two", "About two.", []step{{"ends", "ends"}}}}
	if err := c.measureAll(ctx, &page{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if after, _ := os.ReadFile(c.path); !bytes.Equal(before, after) {
		t.Error("one that was ended early has written a page")
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 0.06: "0.0600", 0.00012: "0.0001", 1: "1.00", 9.999: "10.00", 12.34: "12.3", 334.2: "334", 123456: "123456"} {
		if got := number(value); got != want {
			t.Errorf("%g is %s, want %s", value, got, want)
		}
	}
}
