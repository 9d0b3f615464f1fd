package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"metaflows/docker/command"
	"metaflows/docker/program"
)

// card measures everything and writes the page.
type card struct {
	out    io.Writer
	binary string
	path   string
	quick  bool
	only   string
}

// Where the page is written when nothing else is said: the one that is kept, and one for trying.
const (
	cardPath  = "docker/bench/CARD.md"
	quickPath = "bin/CARD.md"
)

func cardCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	c := &card{out: out}
	command.BinaryVar(flags, &c.binary)
	flags.BoolVar(&c.quick, "quick", false, "a small one in under 3 minutes, to try the bench")
	flags.StringVar(&c.path, "out", "", "the `file` to write; default "+cardPath+", with -quick "+quickPath)
	flags.StringVar(&c.only, "only", "", "run only the commands that have this `text` in them")
	return c.run
}

// section is a part of the page.
type section struct {
	title, about string
	steps        []step
}

// step is a command that gives figures: of this program without what runs it, or go test. A quick card may do without it.
type step struct{ full, quick string }

// typed is how a command of this program is typed.
const typed = "go run ./docker/cmd/bench "

// longest bounds a step: one that hangs is named, and the rest goes on.
const longest = 10 * time.Minute

var sections = []section{
	{"Calls and codes", "How many calls are made, answered and hung up, some at once, and how many codes run where two in a second are pressed in each of many calls. The codes there are ones that fail, so that nothing is left of them but a tone.",
		[]step{{"rate -for 20s -calls 100", "rate -for 4s -calls 10"}}},
	{"From a code to its effect", "From the last digit's end to what comes of it, one call at a time, taking turns with `features.conf`. A tone comes in a packet of 20 ms. The last is a hangup by the REST API beside ARI's own.",
		[]step{{"latency -runs 40", "latency -runs 2"}}},
	{"The same beside 100 calls", "In so many other calls one party presses keys all the time meanwhile, plain ones, codes and halves of them. The goal is 8 ms for each p99.",
		[]step{{"load -effects -calls 100 -runs 100", "load -effects -calls 10 -runs 4"}}},
	{"Setting up a call", "By a phone that rings and answers at once, beside `Dial()`, in turns.",
		[]step{{"setup -runs 50", "setup -runs 3"}}},
	{"A call that goes on", "What a call takes of one processor in each of its seconds, and of memory. Each kind has an Asterisk and a metaflows of its own.",
		[]step{{"cost -calls 50 -for 15s", "cost -calls 10 -for 2s"}}},
	{"A restart", "metaflows is killed and started again at once; who talks goes on talking. The benchmark reads the beginnings of so many calls from the stream of events, which has three times as many that have ended.",
		[]step{{"restart -calls 100", "restart -calls 10"}, {"go test -run NONE -bench BenchmarkUnfinished ./app/events", ""}}},
	{"Documents", "A start when so many documents are stored, ten in each account, and a change beside them, until it is on disk. The benchmark is what a change costs in memory, beside so many.",
		[]step{{"documents -n 10000", "documents -n 500 -runs 50"}, {"go test -run NONE -bench BenchmarkChange ./app/store", ""}}},
	{"REST", "By some clients at once, on connections that stay open.",
		[]step{{"rest -for 10s", "rest -for 1s"}}},
	{"Events", "From metaflows to the stream's word that it has them, by the NATS inside, and of Asterisk until they are decoded and at their call.", []step{
		{"go test -run NONE -bench BenchmarkStream ./app/events", "go test -run NONE -bench BenchmarkStream -benchtime 1000x ./app/events"},
		{"go test -run NONE -bench BenchmarkDecodedEvent ./ari", "go test -run NONE -bench BenchmarkDecodedEvent -benchtime 1000x ./ari"},
		{"go test -run NONE -bench BenchmarkDeliver ./flows/calls", "go test -run NONE -bench BenchmarkDeliver -benchtime 1000x ./flows/calls"},
	}},
	{"Keys", "A key on its way through the keypad of a leg.", []step{
		{"go test -run NONE -bench BenchmarkKeypad ./flows", "go test -run NONE -bench BenchmarkKeypad -benchtime 1000x ./flows"},
	}},
}

// commands are those of this program that give figures.
var commands = map[string]measuring{
	"latency": latencyCommand, "load": loadCommand, "setup": setupCommand, "cost": costCommand, "rate": rateCommand,
	"restart": restartCommand, "documents": documentsCommand, "rest": restCommand,
}

func (c *card) run(ctx context.Context) (err error) {
	if c.path == "" {
		c.path = map[bool]string{false: cardPath, true: quickPath}[c.quick]
	}
	if c.binary == "" {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.binary = filepath.Join(dir, "metaflows")
		if err := program.Build(ctx, c.binary); err != nil {
			return err
		}
	}
	p := page{Quick: c.quick}
	fmt.Fprintf(c.out, "%d processors, for %s\n", runtime.NumCPU(), c.path)
	if p.Machine, err = here(ctx, c.binary); err != nil {
		return err
	}
	return c.measureAll(ctx, &p)
}

// measureAll runs the sections one after another, and writes the page.
func (c *card) measureAll(ctx context.Context, p *page) error {
	began := time.Now()
	for _, s := range sections {
		chapter := chapter{Title: s.title, About: s.about}
		for _, each := range s.steps {
			line := each.full
			if c.quick {
				line = each.quick
			}
			if line == "" || !strings.Contains(line, c.only) {
				continue
			}
			fmt.Fprintf(c.out, "\n%4.0f s  %s\n", time.Since(began).Seconds(), asTyped(line))
			chapter.Tables = append(chapter.Tables, c.measure(ctx, line))
			if ctx.Err() != nil {
				return context.Cause(ctx) // nothing is written
			}
		}
		if len(chapter.Tables) > 0 {
			p.Sections = append(p.Sections, chapter)
		}
	}
	if len(p.Sections) == 0 {
		return fmt.Errorf("-only %q: no command has that", c.only)
	}
	if err := c.write(*p); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\n%4.0f s  %s is written\n", time.Since(began).Seconds(), c.path)
	if failed := p.Failed(); len(failed) > 0 {
		return fmt.Errorf("failed, as the page says, too: %s", strings.Join(failed, "; "))
	}
	return nil
}

// asTyped is a step's command as anyone types it.
func asTyped(line string) string {
	if strings.HasPrefix(line, "go ") {
		return line
	}
	return typed + line
}

// measure runs a step.
func (c *card) measure(ctx context.Context, line string) table {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done in %s", longest))
	defer cancel()
	t, began := table{Command: asTyped(line)}, time.Now()
	var err error
	if args := strings.Fields(line); args[0] == "go" {
		t.Figures, err = goBench(ctx, c.out, args)
	} else {
		t.Figures, err = c.byName(ctx, args[0], args[1:])
	}
	if t.Took = time.Since(began); err != nil {
		t.Failed = err.Error()
		if cause := context.Cause(ctx); cause != nil {
			t.Failed = cause.Error() + ": " + t.Failed
		}
		fmt.Fprintf(c.out, "FAILED: %s\n", t.Failed)
	}
	return t
}

// byName runs a command of this program as if it had been typed.
func (c *card) byName(ctx context.Context, name string, args []string) ([]figure, error) {
	command, known := commands[name]
	if !known {
		return nil, fmt.Errorf("there is no command %s", name)
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(c.out)
	measure := command(flags, c.out)
	if err := flags.Parse(slices.Concat([]string{"-metaflows", c.binary}, args)); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, errors.New(flags.Arg(0) + " is no flag")
	}
	return measure(ctx)
}

// write replaces the page at once.
func (c *card) write(p page) error {
	var text bytes.Buffer
	if err := p.write(&text); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return err
	}
	next := c.path + ".new"
	if err := os.WriteFile(next, text.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(next, c.path)
}
