package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"metaflows/docker/command"
)

// figure is one number that was measured.
type figure struct {
	what  string
	unit  string
	value float64 // of metaflows, or of Asterisk beside it
	plain float64 // the same of plain Asterisk in the same run; 0 where there is no counterpart
}

// measuring is a command that measures: it prints what it does and finds, and returns the figures.
type measuring func(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error)

// alone is it as a command of its own.
func (m measuring) alone(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	measure := m(flags, out)
	return func(ctx context.Context) error {
		_, err := measure(ctx)
		return err
	}
}

// Value is the number with its unit.
func (f figure) Value() string { return number(f.value) + unit(f.unit) }

// Plain is that of plain Asterisk, or nothing.
func (f figure) Plain() string {
	if f.plain == 0 {
		return ""
	}
	return number(f.plain) + unit(f.unit)
}

// Ratio is how much metaflows has of it for one of plain Asterisk, or nothing.
func (f figure) Ratio() string {
	if f.plain == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f.value/f.plain)
}

// What is what was measured.
func (f figure) What() string { return f.what }

func unit(name string) string {
	if name == "" {
		return ""
	}
	return " " + name
}

// number has three digits that count.
func number(v float64) string {
	places := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if v == 0 || places < 0 {
		places = 0
	}
	return strconv.FormatFloat(v, 'f', min(places, 4), 64)
}

// quantiles are the median and p99 of times, in ms, beside those of plain Asterisk, if there are any.
func quantiles(what string, took, plain times) []figure {
	in := func(t times, part float64) float64 { return t.quantile(part).Seconds() * 1e3 }
	return []figure{
		{what + ", p50", "ms", in(took, 0.5), in(plain, 0.5)},
		{what + ", p99", "ms", in(took, 0.99), in(plain, 0.99)},
	}
}

// tell prints figures as a table.
func tell(out io.Writer, list []figure) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range list {
		if f.plain == 0 {
			fmt.Fprintf(table, "%s\t%s\n", f.what, f.Value())
		} else {
			fmt.Fprintf(table, "%s\t%s\tplain Asterisk %s\t%sx\n", f.what, f.Value(), f.Plain(), f.Ratio())
		}
	}
	_ = table.Flush()
}

var _ command.Command = measuring(nil).alone
