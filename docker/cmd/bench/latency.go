package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// latencyBench measures codes against the features of Asterisk's own that do the same.
type latencyBench struct {
	out    io.Writer
	binary string
	runs   int
	only   string
	trace  bool

	*rig.Rig
	alice, bob, carol *phone.Phone
	files             *folders
	tracer            *tracer
	figures           []figure
}

// warmUp runs are not counted: folders are made and connections opened in them.
const warmUp = 3

// quick is how keys are pressed: it does not matter for what is measured.
var quick = phone.Press{Digit: 80 * time.Millisecond, Gap: 80 * time.Millisecond}

func (b *latencyBench) run(ctx context.Context) (list []figure, err error) {
	chosen := slices.DeleteFunc(slices.Clone(codes), func(c code) bool { return b.only != "" && c.name != b.only })
	if len(chosen) == 0 && b.only != "api" {
		return nil, fmt.Errorf("-only %q: accepted are hangup, transfer, record, mute, failure, api", b.only)
	}
	if b.runs < 1 {
		return nil, fmt.Errorf("-runs %d: it takes one at least", b.runs)
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.out, "%d runs for each code on each side, alternating; from the last digit's first end packet to the effect\n\n", b.runs)
	fmt.Fprintf(b.out, "%-9s %-8s %-21s %-14s %10s %10s %10s %10s\n", "code", "keys", "effect", "by", "median", "p90", "p99", "most")
	for _, c := range chosen {
		if err := b.compare(ctx, c); err != nil {
			return b.figures, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if b.only == "" || b.only == "api" {
		err = b.compareAPI(ctx)
	}
	return b.figures, err
}

func (b *latencyBench) start(ctx context.Context) (err error) {
	options := rig.Options{
		Asterisk: pbx.Options{Append: map[string]string{
			"extensions.conf": latencyDialplan, "features.conf": latencyFeatures, "modules.conf": "load = res_mutestream.so\n",
		}},
		Program: program.Options{Binary: b.binary, Env: []string{"METAFLOWS_AUTH_RATE_LIMIT=0"}},
	}
	if b.trace {
		options.Prepare = through(ctx, &b.tracer)
	}
	if b.Rig, err = rig.Start(ctx, options); err != nil {
		return err
	}
	if err = store(ctx, b.Program, latencyDocument); err != nil {
		return err
	}
	for name, p := range map[string]**phone.Phone{"alice": &b.alice, "bob": &b.bob, "carol": &b.carol} {
		if *p, err = b.Phone(ctx, name, rig.Tones[name]); err != nil {
			return err
		}
	}
	b.files, err = watchFolders(b.Asterisk.RecordingDir, filepath.Join(filepath.Dir(b.Asterisk.RecordingDir), "monitor"))
	return err
}

func (b *latencyBench) stop() error {
	if b.files != nil {
		b.files.close()
	}
	return end(b.Rig, b.tracer, b.alice, b.bob, b.carol)
}

// sample is one run of a code.
type sample struct {
	took     time.Duration
	requests []request
}

// compare measures a code on both sides and tells the result.
func (b *latencyBench) compare(ctx context.Context, c code) error {
	samples := make([][]sample, len(sides))
	for n := range warmUp + b.runs {
		for i, s := range sides {
			got, err := b.once(ctx, c, s)
			if err != nil {
				return fmt.Errorf("run %d by %s: %w; the latest events: %s", n+1, s.name, err, rig.Latest(b.Program, 12))
			}
			if n >= warmUp {
				samples[i] = append(samples[i], got)
			}
		}
	}
	var results []times
	for i, s := range sides {
		var took times
		for _, got := range samples[i] {
			took = append(took, got.took)
		}
		results = append(results, took)
		what := []string{c.name, c.keys, c.effect}
		if i > 0 {
			what = []string{"", "", ""}
		}
		b.row(what, s.name, took)
	}
	b.figures = append(b.figures, quantiles(c.name+" "+c.keys+": "+c.effect, results[0], results[1])...)
	ratio := func(part float64) float64 {
		return float64(results[0].quantile(part)) / float64(results[1].quantile(part))
	}
	verdict := ""
	switch {
	case c.goal == 0:
	case ratio(0.5) <= c.goal:
		verdict = fmt.Sprintf("   goal for the median <= %.1fx: reached", c.goal)
	default:
		verdict = fmt.Sprintf("   goal for the median <= %.1fx: MISSED", c.goal)
	}
	fmt.Fprintf(b.out, "%-55s %9.2fx %9.2fx %9.2fx%s\n", "", ratio(0.5), ratio(0.9), ratio(0.99), verdict)
	if b.tracer != nil {
		ours := samples[0]
		slices.SortFunc(ours, func(x, y sample) int { return cmp.Compare(x.took, y.took) })
		middle := ours[len(ours)/2]
		tellRequests(b.out, middle.requests, middle.took)
	}
	fmt.Fprintln(b.out)
	return nil
}

// row tells what was measured on one side.
func (b *latencyBench) row(what []string, by string, took times) {
	fmt.Fprintf(b.out, "%-9s %-8s %-21s %-14s %10s %10s %10s %10s\n", what[0], what[1], what[2], by, milliseconds(took.median()),
		milliseconds(took.quantile(0.9)), milliseconds(took.quantile(0.99)), milliseconds(took.quantile(1)))
}

// once is one call with one code in it.
func (b *latencyBench) once(ctx context.Context, c code, s side) (got sample, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("waited for 15s"))
	defer cancel()
	caller, err := b.alice.Call(ctx, s.extension)
	if err != nil {
		return got, err
	}
	callee, err := b.bob.Incoming(ctx)
	if err != nil {
		return got, err
	}
	if err := errors.Join(caller.WaitTone(ctx, rig.Tones["bob"]), callee.WaitTone(ctx, rig.Tones["alice"])); err != nil {
		return got, err
	}
	if c.quiet {
		callee.SetTone(0)
		if err := caller.WaitSilence(ctx); err != nil {
			return got, err
		}
	}
	took, end, err := effectOf(ctx, caller, c, func() (time.Time, error) { return c.seen(b, ctx, parties{caller, callee}) })
	if err != nil {
		return got, err
	}
	if err := b.clear(ctx); err != nil {
		return got, err
	}
	got.took = took
	if b.tracer != nil {
		got.requests = b.tracer.take(end)
	}
	return got, nil
}

// effectOf presses a code and returns how long its effect came after the end of its last digit, and when that was.
func effectOf(ctx context.Context, caller *phone.Call, c code, seen func() (time.Time, error)) (took time.Duration, end time.Time, err error) {
	type effect struct {
		at  time.Time
		err error
	}
	saw := make(chan effect, 1)
	go func() {
		at, err := seen()
		saw <- effect{at, err}
	}()
	pressed, err := caller.Press(ctx, c.keys, quick)
	if err != nil {
		return 0, end, err
	}
	got := <-saw
	if got.err != nil {
		return 0, end, fmt.Errorf("%s: %w", c.effect, got.err)
	}
	if took = got.at.Sub(pressed.End()); took <= 0 {
		return 0, end, fmt.Errorf("%s came %s before the last digit's end", c.effect, -took)
	}
	return took, pressed.End(), nil
}

// clear hangs up and waits until Asterisk has forgotten the call, so that runs do not meet.
func (b *latencyBench) clear(ctx context.Context) error {
	for _, p := range []*phone.Phone{b.alice, b.bob, b.carol} {
		for _, c := range p.Calls() {
			_ = c.Hangup(ctx)
		}
		p.ForgetIncoming()
	}
	return emptied(ctx, b.Rig)
}

// emptied waits until Asterisk has forgotten all calls.
func emptied(ctx context.Context, r *rig.Rig) error {
	for {
		left, err := r.Left(ctx)
		if err != nil || left.None() {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("left over: %s", left)
		}
	}
}
