package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"metaflows/docker/command"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// documentsBench measures a start with many documents, and a change beside them.
type documentsBench struct {
	out    io.Writer
	binary string
	n      int
	runs   int
}

func documentsCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &documentsBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.IntVar(&b.n, "n", 10000, "how many documents, ten in each account")
	flags.IntVar(&b.runs, "runs", 200, "how many changes are measured")
	return b.run
}

func (b *documentsBench) run(ctx context.Context) (list []figure, err error) {
	if b.n < 1 || b.runs < 1 {
		return nil, fmt.Errorf("-n %d -runs %d: accepted are 1 and more", b.n, b.runs)
	}
	r, err := rig.Start(ctx, rig.Options{Program: program.Options{Binary: b.binary, Env: []string{"METAFLOWS_AUTH_RATE_LIMIT=0"}}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	few, err := b.changes(ctx, r)
	if err != nil {
		return nil, err
	}
	none, err := started(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := b.store(ctx, r); err != nil {
		return nil, err
	}
	all, err := started(ctx, r)
	if err != nil {
		return nil, err
	}
	many, err := b.changes(ctx, r)
	if err != nil {
		return nil, err
	}
	list = []figure{
		{"ready, with 1 document", "s", none.took.Seconds(), 0},
		{fmt.Sprintf("ready, with %d documents", b.n), "s", all.took.Seconds(), 0},
		{"processor of that start", "s", all.used.cpu.Seconds(), 0},
		{"memory then, with 1 document", "MiB", float64(none.used.memory) / (1 << 20), 0},
		{fmt.Sprintf("memory then, with %d documents", b.n), "MiB", float64(all.used.memory) / (1 << 20), 0},
	}
	list = append(list, quantiles("a change by the API, beside 1 document", few, nil)...)
	list = append(list, quantiles(fmt.Sprintf("a change by the API, beside %d documents", b.n), many, nil)...)
	tell(b.out, list)
	return list, nil
}

// start is one of metaflows: how long it took until it was ready, and what it had used then.
type start struct {
	took time.Duration
	used consumption
}

// started starts metaflows again.
func started(ctx context.Context, r *rig.Rig) (s start, err error) {
	if err := r.Program.Stop(); err != nil {
		return s, err
	}
	begin := time.Now()
	if err := r.Program.Restart(ctx); err != nil {
		return s, err
	}
	s.took = time.Since(begin)
	s.used, err = consumptionOf(r.Program.PID())
	return s, err
}

// changes stores the same document again and again, one change after another.
func (b *documentsBench) changes(ctx context.Context, r *rig.Rig) (took times, err error) {
	c, err := newClient(r.Program, 1)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for range b.runs {
		began := time.Now()
		if err := c.do(ctx, "POST", "/v2/accounts/acme/metaflows", loadDocument); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// store stores the documents, eight at once.
func (b *documentsBench) store(ctx context.Context, r *rig.Rig) error {
	fmt.Fprintf(b.out, "storing %d documents\n", b.n)
	c, err := newClient(r.Program, 8)
	if err != nil {
		return err
	}
	defer c.close()
	var stored atomic.Int64
	var all sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		all.Go(func() {
			for n := int(stored.Add(1)); n <= b.n && failed[i] == nil; n = int(stored.Add(1)) {
				failed[i] = c.do(ctx, "POST", fmt.Sprintf("/v2/accounts/a%d/devices/d%d/metaflows", n/10, n%10), loadDocument)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}
