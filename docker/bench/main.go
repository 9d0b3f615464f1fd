package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: bench <command> [flags]

  latency   from the last digit of a code to its effect, beside features.conf of the same Asterisk
  load      many calls in which everybody presses keys: what gets lost, how long a code takes, what it costs
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
	flags := flag.NewFlagSet("bench "+command, flag.ContinueOnError)
	flags.SetOutput(complain)
	binary := flags.String("metaflows", "", "the `program` metaflows; built when it is not given")
	var measure func() error
	switch command {
	case "latency":
		b := latencyBench{out: out}
		flags.IntVar(&b.runs, "runs", 100, "how often each code is pressed on each side")
		flags.StringVar(&b.only, "only", "", "the `code` to measure, hangup, transfer or record, instead of all")
		flags.BoolVar(&b.trace, "trace", false, "list the requests to ARI in a run of median length; they go through a proxy, which adds to each")
		measure = func() error { b.binary = *binary; return b.run(ctx) }
	case "load":
		b := loadBench{out: out}
		flags.Func("calls", "how many calls at once; may be repeated (default 50, then 100)", b.addSize)
		flags.IntVar(&b.digits, "digits", 11000, "how many `keys` are pressed in all, at least")
		flags.DurationVar(&b.limit, "limit", 2*time.Minute, "the longest that one size may take")
		flags.Uint64Var(&b.seed, "seed", uint64(time.Now().UnixNano()), "what is pressed, to repeat it")
		flags.BoolVar(&b.dial, "dial", false, "by plain Dial() instead of metaflows, to compare with: every key is to be heard")
		flags.BoolVar(&b.both, "both", false, "both parties of each call press keys at the same time, which people do not")
		measure = func() error { b.binary = *binary; return b.run(ctx) }
	default:
		fmt.Fprint(complain, usage)
		return 2
	}
	if flags.Parse(args) != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(complain, "%q is no flag\n", flags.Arg(0))
		flags.Usage()
		return 2
	}
	if err := measure(); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(complain, "\n%s was ended early\n", command)
		} else {
			fmt.Fprintf(complain, "\n%s failed: %v\n", command, err)
		}
		return 1
	}
	return 0
}
