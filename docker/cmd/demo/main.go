package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"

	"metaflows/docker/command"
)

const usage = `usage: demo <command> [flags]

  call   one call on a real Asterisk, told line by line: a recording and a transfer by codes
  lab    the same Asterisk to try with phones of your own, until Ctrl-C
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns its exit code.
func run(args []string, out, complain io.Writer) int {
	return command.Program{
		Name: "demo", Usage: usage, Failed: paintFor(complain).red,
		Commands: map[string]command.Command{"call": demoCommand, "lab": labCommand},
	}.Run(args, out, complain)
}

func demoCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	var options demoOptions
	command.BinaryVar(flags, &options.binary)
	flags.StringVar(&options.folder, "dir", filepath.Join("data", "demo"), "the `folder` where the recording is left")
	return func(ctx context.Context) error { return runDemo(ctx, out, options) }
}

func labCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	var options labOptions
	command.BinaryVar(flags, &options.binary)
	flags.StringVar(&options.folder, "dir", filepath.Join("data", "lab"), "the `folder` that outlives the lab")
	flags.StringVar(&options.addr, "addr", "", "the `address` of this machine where phones reach the lab (default 127.0.0.1)")
	return func(ctx context.Context) error { return runLab(ctx, out, options) }
}
