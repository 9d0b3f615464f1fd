// Package cli is what the program does on the command line without an Asterisk: play keys through, and check documents.
// Nothing here reads the environment or speaks to anybody.
package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"metaflows/actions"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/flows"
)

// Exit codes.
const (
	ok       = 0
	failed   = 1
	misusing = 2
)

// aboutFile is what both commands say of files.
const aboutFile = `
The file is one metaflows document, as it is POSTed to the API and taken for an account's, or the documents of all levels:
  {"account":{...},"user":{...},"device":{...}}   each may be missing
- is standard input.
`

// maxFile is more than documents of all levels have.
const maxFile = 4 * simulate.MaxDocument

// terminal is where a command speaks.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// Run runs the command simulate or check and returns the process's exit code.
func Run(command string, args []string, in io.Reader, out, err io.Writer) int {
	t := &terminal{in, out, err}
	if command == "check" {
		return t.check(args)
	}
	return t.simulate(args)
}

// parse reads flags, of which help is one, and the one argument that a command has, which may stand anywhere among them; what
// says what that is. done means that code is the exit code.
func (t *terminal) parse(flags *flag.FlagSet, usage, what string, args []string) (arg string, code int, done bool) {
	flags.SetOutput(t.err)
	flags.Usage = func() {}
	help := func(to io.Writer) {
		fmt.Fprint(to, usage)
		flags.SetOutput(to)
		flags.PrintDefaults()
		fmt.Fprint(to, aboutFile)
	}
	var names []string
	for {
		switch err := flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			help(t.out)
			return "", ok, true
		case err != nil:
			fmt.Fprintf(t.err, "%s --help tells what there is\n", flags.Name())
			return "", misusing, true
		}
		if flags.NArg() == 0 {
			break
		}
		names, args = append(names, flags.Arg(0)), flags.Args()[1:]
	}
	switch len(names) {
	case 0:
		help(t.err)
		return "", misusing, true
	case 1:
		return names[0], ok, false
	}
	fmt.Fprintf(t.err, "%s is one argument, and these are %d: %s; for a shell, put it in quotes\n", what, len(names), strings.Join(names, " "))
	return "", misusing, true
}

func (t *terminal) fail(format string, args ...any) int {
	fmt.Fprintf(t.err, format+"\n", args...)
	return failed
}

// read reads a file of documents.
func (t *terminal) read(file string) (*simulate.Documents, error) {
	source := t.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		source = f
	}
	text, err := io.ReadAll(io.LimitReader(source, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("this is more than the documents of all levels may have, %d bytes each", simulate.MaxDocument)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	docs, err := simulate.FileDocuments(text)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("%s: line %d: %w", file, 1+bytes.Count(text[:max(0, syntax.Offset-1)], []byte("\n")), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return docs, nil
}

// blockedAddresses is what the URLs in documents must not lead to.
func blockedAddresses(flags *flag.FlagSet) *egress.Blocked {
	blocked, _ := egress.Parse(egress.Default) // it is a list
	about := "what URLs must not lead to, as METAFLOWS_BLOCKED_ADDRESSES (default " + egress.Default + ")"
	flags.Func("blocked-addresses", about, func(list string) (err error) { blocked, err = egress.Parse(list); return err })
	return &blocked
}

// simulator has the system's defaults.
func simulator(s *schema.Schemas) simulate.Simulator {
	return simulate.Simulator{Absorb: true, Modules: actions.New(actions.Config{}).Modules(), Conflicts: s.Conflicts}
}

// conflicts tells them.
func (t *terminal) conflicts(list []flows.Conflict) {
	for _, c := range list {
		fmt.Fprintf(t.out, "%s: %s: %s\n", c.Code, c.Entry, c.Message)
	}
}
