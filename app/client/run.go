package client

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// Exit codes.
const (
	success  = 0
	failed   = 1
	misusing = 2
)

// Site is where a command finds the metaflows that it speaks to. It is asked for once what was typed is understood.
type Site struct {
	Address string                 // host:port of the REST API
	Token   func() (string, error) // of the super-admin
	Binding string                 // the binding digit where no document says which
}

// terminal is where a command speaks, and with whom.
type terminal struct {
	*API
	out, err io.Writer

	account string // --account; "" for all
	json    bool   // --json
	binding string // Site.Binding
}

// command is one of those here.
type command struct {
	usage  string // its first line says how it is called
	least  int    // arguments that it needs
	most   int    // that it takes
	public bool   // no token is needed
	people bool   // it has nothing to say to programs
	// prepare makes its own flags; what it gives runs it with its arguments.
	prepare func(*flag.FlagSet) func(context.Context, *terminal, []string) error
}

// errSaid is the error of a command that has said what is wrong.
var errSaid = errors.New("said already")

var commands = map[string]command{
	"health": {usage: healthUsage, public: true, prepare: without(health)},
	"calls":  {usage: callsUsage, prepare: without(calls)},
	"call":   {usage: callUsage, least: 1, most: 1, prepare: without(call)},
	"codes":  {usage: codesUsage, least: 1, most: 1, prepare: without(codes)},
	"tail":   {usage: tailUsage, prepare: tailing},
	"run":    {usage: runUsage, least: 2, most: 2, prepare: running},

	"documents get":  {usage: getUsage, least: 1, most: 1, people: true, prepare: getting},
	"documents put":  {usage: putUsage, least: 1, most: 1, people: true, prepare: putting},
	"documents diff": {usage: diffUsage, least: 1, most: 1, prepare: without(diff)},
}

// without is a command that has no flags of its own.
func without(run func(context.Context, *terminal, []string) error) func(*flag.FlagSet) func(context.Context, *terminal, []string) error {
	return func(*flag.FlagSet) func(context.Context, *terminal, []string) error { return run }
}

// Run runs one of the commands above, and returns the process's exit code. It blocks
// until that is done, or ctx ends.
func Run(ctx context.Context, name string, args []string, find func() (Site, error), out, errs io.Writer) int {
	c := commands[name]
	t := &terminal{out: out, err: errs}
	flags := flag.NewFlagSet("metaflows "+name, flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {}
	file := ""
	if !c.public {
		flags.StringVar(&t.account, "account", "", "the account; without it all accounts, which is for the super-admin")
		flags.StringVar(&file, "token-file", "", "a file with a token; without it the super-admin's, as metaflows keeps it")
		if !c.people {
			flags.BoolVar(&t.json, "json", false, "for programs: JSON")
		}
	}
	run := c.prepare(flags)
	words, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, c.usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return success
	case err == nil && (len(words) < c.least || len(words) > c.most):
		err = fmt.Errorf("%s", firstLine(c.usage))
		fmt.Fprintln(errs, err)
	}
	if err != nil {
		fmt.Fprintf(errs, "metaflows %s --help tells what there is\n", name)
		return misusing
	}
	if err = t.reach(find, !c.public, file); err == nil {
		err = run(ctx, t, words)
	}
	switch {
	case err == nil:
		return success
	case !errors.Is(err, errSaid):
		fmt.Fprintln(errs, err)
	}
	return failed
}

// reach finds the API; with token it has the token of a file, or else the super-admin's.
func (t *terminal) reach(find func() (Site, error), token bool, file string) error {
	site, err := find()
	if err != nil {
		return err
	}
	t.API, t.binding = New(site.Address, ""), site.Binding
	switch {
	case !token:
	case file == "":
		t.Token, err = site.Token()
	default:
		var text []byte
		text, err = os.ReadFile(file)
		t.Token = strings.TrimSpace(string(text))
	}
	return err
}

// parse reads flags, which may stand before, among and behind the arguments.
func parse(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// print writes data for programs.
func (t *terminal) print(data any) error {
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(data)
}

// table is columns for people; it is written by Flush.
func (t *terminal) table() *tabwriter.Writer { return tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0) }
