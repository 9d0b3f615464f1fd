package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// goBench runs a command that is go test -bench in the folder that it is run in, and reads its figures.
func goBench(ctx context.Context, out io.Writer, args []string) ([]figure, error) {
	var said bytes.Buffer
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Stdout = io.MultiWriter(out, &said)
	command.Stderr = command.Stdout
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return benchFigures(&said)
}

// benchFigures reads what benchmarks have printed. What one costs in a turn and what it calls by a name of its own are
// figures; bytes and allocations are not.
func benchFigures(said io.Reader) (list []figure, err error) {
	results := benchfmt.NewReader(said, "go test")
	for results.Scan() {
		switch r := results.Result().(type) {
		case *benchfmt.Result:
			list = append(list, figuresOf(r)...)
		case *benchfmt.SyntaxError:
			return nil, r
		}
	}
	if err := results.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("no benchmark has run")
	}
	return list, nil
}

// figuresOf are a benchmark's. Its numbers are in seconds and bytes.
func figuresOf(r *benchfmt.Result) (list []figure) {
	full := r.Name.Full()
	if i := strings.LastIndexByte(string(full), '-'); i > 0 { // the number of processors
		full = full[:i]
	}
	name := strings.ReplaceAll(string(full), "_", " ")
	for _, v := range r.Values {
		switch {
		case v.Unit == "sec/op":
			value, unit := short(v.Value)
			list = append(list, figure{name, unit, value, 0})
		case strings.HasSuffix(v.Unit, "/s"):
			list = append(list, figure{name + ", " + strings.TrimSuffix(v.Unit, "/s") + " in a second", "", v.Value, 0})
		}
	}
	return list
}

// short tells a number of seconds in the unit in which it is neither long nor a fraction.
func short(seconds float64) (value float64, unit string) {
	switch {
	case seconds >= 1:
		return seconds, "s"
	case seconds >= 1e-3:
		return seconds * 1e3, "ms"
	case seconds >= 1e-6:
		return seconds * 1e6, "µs"
	}
	return seconds * 1e9, "ns"
}
