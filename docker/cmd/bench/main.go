package main

import (
	"context"
	"flag"
	"io"
	"os"
	"time"

	"metaflows/docker/command"
)

const usage = `usage: bench <command> [flags]

  latency   from the last digit of a code to its effect, beside features.conf of the same Asterisk
  load      many calls in which everybody presses keys: what gets lost, how long a code takes, what it costs
  setup     from a caller's INVITE to its callee's, and from the answer to both hearing each other, beside plain Dial()
  rate      how many calls can be made in a second, beside plain Dial(), and how many codes pressed
  cost      what a call that goes on takes of the processors and of memory, beside plain Dial()
  restart   how long many calls are without codes when metaflows is killed
  documents a start with many documents, and a change beside them
  rest      what the REST API answers in a second
  card      all of these, written as one page
`

func main() {
	bench := command.Program{Name: "bench", Usage: usage, Commands: map[string]command.Command{"card": cardCommand}}
	for name, measures := range commands {
		bench.Commands[name] = measures.alone
	}
	os.Exit(bench.Run(os.Args[1:], os.Stdout, os.Stderr))
}

func latencyCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &latencyBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.IntVar(&b.runs, "runs", 100, "how often each code is pressed on each side")
	flags.StringVar(&b.only, "only", "", "the `code` to measure, hangup, transfer, record, mute or failure, or api for a hangup by request beside ARI's own; instead of all")
	flags.BoolVar(&b.trace, "trace", false, "list the requests to ARI in a run of median length; they go through a proxy, which adds to each")
	return b.run
}

func loadCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &loadBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.Func("calls", "how many calls at once; may be repeated (default 50, then 100)", b.addSize)
	flags.IntVar(&b.digits, "digits", 11000, "how many `keys` are pressed in all, at least")
	flags.DurationVar(&b.limit, "limit", 2*time.Minute, "the longest that one size may take")
	flags.Uint64Var(&b.seed, "seed", uint64(time.Now().UnixNano()), "what is pressed, to repeat it")
	flags.BoolVar(&b.dial, "dial", false, "by plain Dial() instead of metaflows, to compare with: every key is to be heard")
	flags.BoolVar(&b.both, "both", false, "both parties of each call press keys at the same time, which people do not")
	flags.BoolVar(&b.effects, "effects", false, "measure hangup, transfer and record from the last digit to the effect meanwhile, by metaflows and by features.conf; 100 calls if not told")
	flags.IntVar(&b.runs, "runs", 100, "with -effects: how often each code is pressed on each side")
	return b.run
}
