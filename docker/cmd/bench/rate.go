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
	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// rateBench measures how many calls and codes there can be in a second, with the phones on the same processors.
type rateBench struct {
	out     io.Writer
	binary  string
	lasts   time.Duration
	workers int
	calls   int
}

func rateCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &rateBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.DurationVar(&b.lasts, "for", 20*time.Second, "how long each is measured")
	flags.IntVar(&b.workers, "workers", 8, "how many make calls at once, each one after another")
	flags.IntVar(&b.calls, "calls", 100, "in how many calls codes are pressed, one after another")
	return b.run
}

func (b *rateBench) run(ctx context.Context) (list []figure, err error) {
	if b.workers < 1 || b.calls < 1 || b.lasts <= 0 {
		return nil, fmt.Errorf("-workers %d -calls %d -for %s: accepted are 1 and more, for some time", b.workers, b.calls, b.lasts)
	}
	for _, part := range []func(context.Context, *rig.Rig) ([]figure, error){b.callRate, b.codeRate} {
		got, err := b.on(ctx, part)
		if list = append(list, got...); err != nil {
			return list, err
		}
	}
	tell(b.out, list)
	return list, nil
}

// on runs a part beside a system of its own.
func (b *rateBench) on(ctx context.Context, part func(context.Context, *rig.Rig) ([]figure, error)) (list []figure, err error) {
	r, err := rig.Start(ctx, rig.Options{Program: program.Options{Binary: b.binary}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := store(ctx, r.Program, loadDocument); err != nil {
		return nil, err
	}
	return part(ctx, r)
}

// rated is what was done in some time.
type rated struct {
	done int
	took time.Duration
	used [processes]time.Duration
}

func (r *rated) add(other rated) {
	r.done, r.took = r.done+other.done, r.took+other.took
	for n := range r.used {
		r.used[n] += other.used[n]
	}
}

func (r rated) perSecond() float64 { return float64(r.done) / r.took.Seconds() }

// each is what a process used for one, in ms.
func (r rated) each(process int) float64 { return r.used[process].Seconds() * 1e3 / float64(r.done) }

// watched measures what is done meanwhile.
func watched(r *rig.Rig, do func() (int, error)) (got rated, err error) {
	began, err := consumptions(r)
	if err != nil {
		return got, err
	}
	begin := time.Now()
	if got.done, err = do(); err != nil {
		return got, err
	}
	got.took = time.Since(begin)
	ended, err := consumptions(r)
	for n := range processes {
		got.used[n] = ended[n].cpu - began[n].cpu
	}
	if err == nil && got.done == 0 {
		err = errors.New("nothing was done")
	}
	return got, err
}

// callRate makes calls that are hung up as soon as they are answered, by metaflows and by Dial(), in turns.
func (b *rateBench) callRate(ctx context.Context, r *rig.Rig) ([]figure, error) {
	phones, err := hold(ctx, r, "", 0)
	defer phones.close()
	if err != nil {
		return nil, err
	}
	sides := [2]rated{}
	fmt.Fprintf(b.out, "calls one after another, %d at once, for %s by metaflows and as long by Dial()\n", b.workers, b.lasts)
	for _, side := range []int{0, 1, 1, 0} {
		got, err := watched(r, func() (int, error) { return b.callAgain(ctx, phones, []string{"", "d-"}[side], b.lasts/2) })
		if err != nil {
			return nil, err
		}
		sides[side].add(got)
	}
	ours, plain := sides[0], sides[1]
	return []figure{
		{"calls made, answered and hung up in a second", "", ours.perSecond(), plain.perSecond()},
		{"Asterisk's processor for one of them", "ms", ours.each(asterisk), plain.each(asterisk)},
		{"metaflows' processor for one of them", "ms", ours.each(metaflows), 0},
	}, nil
}

// callAgain makes calls until the time is over and returns how many.
func (b *rateBench) callAgain(ctx context.Context, h *held, before string, lasts time.Duration) (int, error) {
	limit, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var made atomic.Int64
	failed := make([]error, b.workers)
	var all sync.WaitGroup
	for i := range b.workers {
		all.Go(func() {
			pair := h.phones[i%2*2:][:2]
			for limit.Err() == nil && failed[i] == nil {
				p, err := call(ctx, pair[0], before+pair[1].Name(), pair[1])
				if err == nil {
					err = p.caller.Hangup(ctx)
				}
				if failed[i] = err; err == nil {
					made.Add(1)
				}
			}
		})
	}
	all.Wait()
	return int(made.Load()), errors.Join(failed...)
}

// codeRate lets codes be pressed in many calls, in each of them two in a second. They are short ones that fail, which the presser hears.
func (b *rateBench) codeRate(ctx context.Context, r *rig.Rig) ([]figure, error) {
	var ran atomic.Int64
	auditor, err := rig.NewAuditor(r.Program, func(n calls.Notice) {
		if n.Type == "action.failed" {
			ran.Add(1)
		}
	})
	if err != nil {
		return nil, err
	}
	defer auditor.Close()
	h, err := hold(ctx, r, "", b.calls)
	defer h.close()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b.out, "%d calls in silence for %s, then as long with two codes a second in each\n", b.calls, b.lasts/2)
	silent, err := watched(r, func() (int, error) { return 1, lasting(ctx, b.lasts/2) })
	if err != nil {
		return nil, err
	}
	pressed := 0
	busy, err := watched(r, func() (n int, err error) {
		pressed, err = h.pressEach(ctx, "*5", phone.Press{Digit: 60 * time.Millisecond, Gap: 60 * time.Millisecond}, 300*time.Millisecond, b.lasts/2)
		return int(ran.Load()), err
	})
	if err != nil {
		return nil, err
	}
	more := func(process int) float64 { // than without codes, for one
		return (busy.used[process].Seconds()/busy.took.Seconds() - silent.used[process].Seconds()/silent.took.Seconds()) * 1e3 / busy.perSecond()
	}
	return []figure{
		{fmt.Sprintf("codes that ran in a second, pressed in %d calls", b.calls), "", busy.perSecond(), 0},
		{"codes that were pressed in a second", "", float64(pressed) / busy.took.Seconds(), 0},
		{"Asterisk's processor for a code and its tone", "ms", more(asterisk), 0},
		{"metaflows' processor for a code and its tone", "ms", more(metaflows), 0},
	}, nil
}
