package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `usage: lab <command> [flags]

  demo   one call on a real Asterisk, told line by line: a recording and a transfer by codes
  lab    the same Asterisk to try with phones of your own, until Ctrl-C
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns its exit code.
func run(args []string, out, complain io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("lab "+command, flag.ContinueOnError)
	flags.SetOutput(complain)
	binary := flags.String("metaflows", "", "the `program` metaflows; built when it is not given")
	var err error
	switch command {
	case "demo":
		folder := flags.String("dir", filepath.Join("data", "demo"), "the `folder` where the recording is left")
		if !parse(flags, args) {
			return 2
		}
		err = runDemo(ctx, out, demoOptions{binary: *binary, folder: *folder})
	case "lab":
		folder := flags.String("dir", filepath.Join("data", "lab"), "the `folder` that outlives the lab")
		addr := flags.String("addr", "", "the `address` of this machine where phones reach the lab (default 127.0.0.1)")
		if !parse(flags, args) {
			return 2
		}
		err = runLab(ctx, out, labOptions{binary: *binary, folder: *folder, addr: *addr})
	default:
		fmt.Fprint(complain, usage)
		return 2
	}
	if err != nil && ctx.Err() != nil {
		fmt.Fprintf(complain, "\n%s was ended early\n", command)
		return 1
	}
	if err != nil {
		fmt.Fprintf(complain, "\n%s\n", paintFor(complain).red(command+" failed: ")+err.Error())
		return 1
	}
	return 0
}

// parse reads the flags; where they are wrong it says so.
func parse(flags *flag.FlagSet, args []string) bool {
	if flags.Parse(args) != nil {
		return false
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(flags.Output(), "%q is no flag\n", flags.Arg(0))
		flags.Usage()
		return false
	}
	return true
}
