package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"metaflows/docker/command"
	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// costBench measures what a call costs that goes on.
type costBench struct {
	out    io.Writer
	binary string
	calls  int
	lasts  time.Duration
}

func costCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &costBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.IntVar(&b.calls, "calls", 50, "how many calls at once")
	flags.DurationVar(&b.lasts, "for", 20*time.Second, "how long each kind of call is measured")
	return b.run
}

// costKind is what happens in the calls.
type costKind struct {
	name   string
	before string // before the callee's name, in what is dialled
	first  string // keys that each caller presses before it is measured
	keys   string // and again and again
	plain  int    // the kind that plain Asterisk has for it
}

// The kinds that are compared with another come after it. Each has an Asterisk of its own: what one has freed is no gain of
// the next.
var costKinds = []costKind{
	{name: "Dial()", before: "d-"},
	{name: "Dial(), recorded by MixMonitor()", before: "dr-"},
	{name: "no codes", plain: 0},
	{name: "a code every 2 s", keys: "*5", plain: 0},
	{name: "recorded", first: "*9", plain: 1},
}

const costDialplan = `
[acme](+)
exten => _dr-.,1,MixMonitor(${UNIQUEID}.wav)
 same => n,Dial(PJSIP/${EXTEN:3},30)
`

// cost is what calls of one kind took: of the processor in a second of one call, and of memory for one call.
type cost struct {
	cpu    [processes]float64 // ms
	memory [processes]float64 // KiB
}

func (b *costBench) run(ctx context.Context) (list []figure, err error) {
	if b.calls < 1 || b.lasts <= 0 {
		return nil, fmt.Errorf("-calls %d -for %s: accepted are 1 call and more, for some time", b.calls, b.lasts)
	}
	costs := make([]cost, len(costKinds))
	for i, k := range costKinds {
		fmt.Fprintf(b.out, "%d calls for %s: %s\n", b.calls, b.lasts, k.name)
		if costs[i], err = b.measure(ctx, k); err != nil {
			return list, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	for i, k := range costKinds[2:] {
		with, plain := costs[i+2], costs[k.plain]
		list = append(list,
			figure{"Asterisk's processor for a second of a call, " + k.name, "ms", with.cpu[asterisk], plain.cpu[asterisk]},
			figure{"metaflows' processor for a second of a call, " + k.name, "ms", with.cpu[metaflows], 0},
			figure{"Asterisk's memory for a call, " + k.name, "KiB", with.memory[asterisk], plain.memory[asterisk]},
			figure{"metaflows' memory for a call, " + k.name, "KiB", with.memory[metaflows], 0})
	}
	tell(b.out, list)
	return list, nil
}

func (b *costBench) measure(ctx context.Context, k costKind) (c cost, err error) {
	r, err := rig.Start(ctx, rig.Options{
		Asterisk: pbx.Options{Append: map[string]string{"extensions.conf": costDialplan}}, Program: program.Options{Binary: b.binary},
	})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	if err := store(ctx, r.Program, loadDocument); err != nil {
		return c, err
	}
	files, err := watchFolders(r.Asterisk.RecordingDir, filepath.Join(filepath.Dir(r.Asterisk.RecordingDir), "monitor"))
	if err != nil {
		return c, err
	}
	defer files.close()
	empty, err := consumptions(r)
	if err != nil {
		return c, err
	}
	h, err := hold(ctx, r, k.before, b.calls)
	defer h.close()
	if err != nil {
		return c, err
	}
	for _, each := range h.calls {
		if _, err := each.caller.Press(ctx, k.first, quick); k.first != "" && err != nil {
			return c, err
		}
	}
	began, err := consumptions(r)
	if err != nil {
		return c, err
	}
	begin := time.Now()
	if k.keys == "" {
		err = lasting(ctx, b.lasts)
	} else {
		_, err = h.pressEach(ctx, k.keys, phone.Press{}, 1700*time.Millisecond, b.lasts) // pressing takes 0.3 s
	}
	if err != nil {
		return c, err
	}
	took := time.Since(begin)
	ended, err := consumptions(r)
	if err != nil {
		return c, err
	}
	if made := len(files.seen); made < b.calls && (k.first != "" || k.before == "dr-") {
		return c, fmt.Errorf("%d of %d calls were recorded", made, b.calls)
	}
	for n := range processes {
		c.cpu[n] = (ended[n].cpu - began[n].cpu).Seconds() * 1e3 / took.Seconds() / float64(b.calls)
		c.memory[n] = float64(ended[n].memory-empty[n].memory) / 1024 / float64(b.calls)
	}
	return c, nil
}
