// Package command is the frame of those programs of the lab that have several commands.
package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Program is one of them.
type Program struct {
	Name, Usage string
	Commands    map[string]Command
	// Failed paints the word that says so; nil leaves it as it is.
	Failed func(string) string
}

// Command defines its flags, and returns what runs once they are read. The context ends with the first signal; the second
// ends the process at once.
type Command func(flags *flag.FlagSet, out io.Writer) (run func(context.Context) error)

// BinaryVar defines the flag that says which metaflows to run.
func BinaryVar(flags *flag.FlagSet, path *string) {
	flags.StringVar(path, "metaflows", "", "the `program` metaflows; built when it is not given")
}

// Run runs the command that args begin with, and returns the exit code: 0, 1 for one that has failed or was ended early, 2
// for one that is not understood, which complain says.
func (p Program) Run(args []string, out, complain io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	command, known := p.Commands[name]
	if !known {
		fmt.Fprint(complain, p.Usage)
		return 2
	}
	flags := flag.NewFlagSet(p.Name+" "+name, flag.ContinueOnError)
	flags.SetOutput(complain)
	run := command(flags, out)
	if flags.Parse(args) != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(complain, "%q is no flag\n", flags.Arg(0))
		flags.Usage()
		return 2
	}
	err := run(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintf(complain, "\n%s was ended early\n", name)
	case p.Failed != nil:
		fmt.Fprintf(complain, "\n%s%v\n", p.Failed(name+" failed: "), err)
	default:
		fmt.Fprintf(complain, "\n%s failed: %v\n", name, err)
	}
	return 1
}
