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
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns its exit code.
func run(args []string, out, complain io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	c := campaign{out: out}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(complain)
	flags.StringVar(&c.binary, "metaflows", "", "the `program` metaflows; built when it is not given")
	flags.IntVar(&c.runs, "runs", 200, "how many kills")
	flags.IntVar(&c.first, "first", 1, "the `number` of the first run, to repeat one")
	flags.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "what all that is random comes from")
	flags.IntVar(&c.calls, "calls", 4, "how many calls there are in a run")
	flags.BoolVar(&c.kill, "kill", true, "whether metaflows is killed at all")
	flags.StringVar(&c.folder, "dir", filepath.Join("data", "chaos"), "the `folder` for the logs of failing runs")
	if flags.Parse(args) != nil {
		return 2
	}
	if flags.NArg() > 0 || c.calls < 1 || c.calls > mostCalls || c.first < 1 {
		fmt.Fprintf(complain, "chaos takes flags only; -calls is 1 to %d, -first 1 or more\n", mostCalls)
		return 2
	}
	found, err := c.run(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(complain, "\nchaos was ended early")
		return 1
	case err != nil:
		fmt.Fprintf(complain, "\nchaos failed: %v\n", err)
		return 1
	case found > 0:
		return 1
	}
	return 0
}
