package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"metaflows/docker/command"
	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// setupBench measures how long a call takes to be set up, beside plain Dial() of the same Asterisk.
type setupBench struct {
	out    io.Writer
	binary string
	runs   int
	trace  bool

	*rig.Rig
	alice, bob *phone.Phone
	tracer     *tracer
}

// Both sides are called by alice and ring bob. Runs alternate between them.
var setupSides = []side{{"metaflows", "1002"}, {"Dial()", "d-bob"}}

// setupStep is a part of a call's setup that is measured.
type setupStep struct {
	name string
	goal float64 // the most that the median may be, in that of Dial(); 0 for none
}

var setupSteps = []setupStep{
	{"caller's INVITE to the callee's INVITE", 2.5},
	{"callee's 200 to the caller's 200", 0},
	{"callee's 200 to both hear each other", 1.5},
}

// setupFigures are what was measured: the times of each step, by side.
type setupFigures [][]times

// ratio is the median of a step by metaflows in that of Dial().
func (f setupFigures) ratio(step int) float64 {
	return float64(f[step][0].median()) / float64(f[step][1].median())
}

func setupCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &setupBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.IntVar(&b.runs, "runs", 100, "how many calls on each side")
	flags.BoolVar(&b.trace, "trace", false, "list the requests to ARI in a call of median length; they go through a proxy, which adds to each")
	return func(ctx context.Context) (list []figure, err error) {
		figures, err := b.measure(ctx)
		if err != nil {
			return nil, err
		}
		figures.tell(out)
		for n, step := range setupSteps {
			list = append(list, quantiles(step.name, figures[n][0], figures[n][1])...)
		}
		return list, nil
	}
}

// measure makes the calls and returns what they took.
func (b *setupBench) measure(ctx context.Context) (figures setupFigures, err error) {
	if b.runs < 1 {
		return nil, fmt.Errorf("-runs %d: it takes one at least", b.runs)
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	figures = make(setupFigures, len(setupSteps))
	for i := range figures {
		figures[i] = make([]times, len(setupSides))
	}
	var ours []setUp
	for n := range warmUp + b.runs {
		for i, s := range setupSides {
			got, err := b.once(ctx, s.extension)
			if err != nil {
				return nil, fmt.Errorf("call %d by %s: %w; the latest events: %s", n+1, s.name, err, rig.Latest(b.Program, 12))
			}
			if n < warmUp {
				continue
			}
			for step, took := range got.steps {
				figures[step][i] = append(figures[step][i], took)
			}
			if i == 0 {
				ours = append(ours, got)
			}
		}
	}
	if b.tracer != nil {
		slices.SortFunc(ours, func(x, y setUp) int { return cmp.Compare(x.steps[0], y.steps[0]) })
		middle := ours[len(ours)/2]
		fmt.Fprintln(b.out, "requests of a call, from the caller's INVITE on; the effect is the INVITE at the callee")
		tellRequests(b.out, middle.requests, middle.steps[0])
		fmt.Fprintln(b.out)
	}
	return figures, nil
}

func (b *setupBench) start(ctx context.Context) (err error) {
	options := rig.Options{Program: program.Options{Binary: b.binary}}
	if b.trace {
		options.Prepare = through(ctx, &b.tracer)
	}
	if b.Rig, err = rig.Start(ctx, options); err != nil {
		return err
	}
	if err = store(ctx, b.Program, latencyDocument); err != nil {
		return err
	}
	for name, p := range map[string]**phone.Phone{"alice": &b.alice, "bob": &b.bob} {
		if *p, err = b.Phone(ctx, name, rig.Tones[name]); err != nil {
			return err
		}
		(*p).Behave(phone.Manual())
	}
	return nil
}

func (b *setupBench) stop() error {
	return end(b.Rig, b.tracer, b.alice, b.bob)
}

// setUp is one call: how long each step has taken.
type setUp struct {
	steps    []time.Duration
	requests []request
}

// once makes one call, and ends it.
func (b *setupBench) once(ctx context.Context, extension string) (got setUp, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("waited for 15s"))
	defer cancel()
	caller, err := b.alice.Dial(ctx, extension)
	if err != nil {
		return got, err
	}
	callee, err := b.bob.Incoming(ctx)
	if err != nil {
		return got, err
	}
	if err := errors.Join(callee.Ring(), caller.WaitRinging(ctx)); err != nil {
		return got, err
	}
	answered := time.Now()
	if err := callee.Answer(); err != nil {
		return got, err
	}
	if err := caller.WaitAnswered(ctx); err != nil {
		return got, err
	}
	passed := time.Since(answered)
	if err := errors.Join(caller.WaitTone(ctx, rig.Tones["bob"]), callee.WaitTone(ctx, rig.Tones["alice"])); err != nil {
		return got, err
	}
	heard := max(caller.RTP().First.Sub(answered), callee.RTP().First.Sub(answered))
	got.steps = []time.Duration{callee.Invited().Sub(caller.Invited()), passed, heard}
	err = b.clear(ctx, caller.Invited(), &got)
	return got, err
}

// clear hangs up and waits until Asterisk has forgotten the call, so that calls do not meet.
func (b *setupBench) clear(ctx context.Context, began time.Time, got *setUp) error {
	for _, c := range b.alice.Calls() {
		_ = c.Hangup(ctx)
	}
	if err := emptied(ctx, b.Rig); err != nil {
		return err
	}
	if b.tracer != nil {
		got.requests = b.tracer.take(began)
	}
	return nil
}

// tell prints what was measured.
func (f setupFigures) tell(out io.Writer) {
	fmt.Fprintf(out, "%d calls on each side, alternating\n\n", len(f[0][0]))
	fmt.Fprintf(out, "%-40s %-14s %10s %10s %10s %10s\n", "from", "by", "median", "p90", "p99", "most")
	for n, step := range setupSteps {
		what := step.name
		for i, s := range setupSides {
			took := f[n][i]
			fmt.Fprintf(out, "%-40s %-14s %10s %10s %10s %10s\n", what, s.name, milliseconds(took.median()), milliseconds(took.quantile(0.9)),
				milliseconds(took.quantile(0.99)), milliseconds(took.quantile(1)))
			what = ""
		}
		fmt.Fprintf(out, "%-55s %9.2fx   %s\n\n", "", f.ratio(n), step.verdict(f.ratio(n)))
	}
}

// verdict says whether a goal is reached.
func (s setupStep) verdict(ratio float64) string {
	switch {
	case s.goal == 0:
		return ""
	case ratio > s.goal:
		return fmt.Sprintf("goal for the median <= %.1fx: MISSED", s.goal)
	}
	return fmt.Sprintf("goal for the median <= %.1fx: reached", s.goal)
}
