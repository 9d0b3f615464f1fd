package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"metaflows/docker/command"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// restartBench measures how long calls are without codes when metaflows is killed and started again.
type restartBench struct {
	out    io.Writer
	binary string
	calls  int
}

func restartCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &restartBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.IntVar(&b.calls, "calls", 100, "in how many calls it is killed")
	return b.run
}

func (b *restartBench) run(ctx context.Context) (list []figure, err error) {
	if b.calls < 1 {
		return nil, fmt.Errorf("-calls %d: it takes one at least", b.calls)
	}
	r, err := rig.Start(ctx, rig.Options{Program: program.Options{Binary: b.binary}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := store(ctx, r.Program, loadDocument); err != nil {
		return nil, err
	}
	none, err := started(ctx, r)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b.out, "metaflows is killed in %d calls\n", b.calls)
	h, err := hold(ctx, r, "", b.calls)
	defer h.close()
	if err != nil {
		return nil, err
	}
	events := rig.NewStream(r.Program)
	if _, err := events.Read(ctx); err != nil {
		return nil, err
	}
	r.Program.Kill()
	begin := time.Now()
	if err := r.Program.Restart(ctx); err != nil {
		return nil, err
	}
	ready := time.Since(begin)
	last, err := b.adopted(ctx, events)
	if err != nil {
		return nil, err
	}
	used, err := consumptionOf(r.Program.PID())
	if err != nil {
		return nil, err
	}
	list = []figure{
		{"ready again, without calls", "s", none.took.Seconds(), 0},
		{fmt.Sprintf("ready again, in %d calls", b.calls), "s", ready.Seconds(), 0},
		{fmt.Sprintf("codes work again in the last of %d calls", b.calls), "s", last.Sub(begin).Seconds(), 0},
		{"metaflows' processor until then, without calls", "s", none.used.cpu.Seconds(), 0},
		{fmt.Sprintf("metaflows' processor until then, in %d calls", b.calls), "s", used.cpu.Seconds(), 0},
	}
	tell(b.out, list)
	return list, nil
}

// adopted waits until every call has been adopted, and returns the time of the last event that says so.
func (b *restartBench) adopted(ctx context.Context, events *rig.Stream) (last time.Time, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("waited for 1m"))
	defer cancel()
	seen := map[string]bool{}
	for {
		list, err := events.Read(ctx)
		if err != nil {
			return last, err
		}
		for _, n := range list {
			if n.Type != "call.adopted" {
				continue
			}
			if seen[n.Call] = true; n.Time.After(last) {
				last = n.Time
			}
		}
		if len(seen) == b.calls {
			return last, nil
		}
		if err := lasting(ctx, 50*time.Millisecond); err != nil {
			return last, fmt.Errorf("%d of %d calls were adopted: %w", len(seen), b.calls, err)
		}
	}
}
