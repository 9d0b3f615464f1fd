package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestRun: what a program with one command says to each line, and its exit code.
func TestRun(t *testing.T) {
	add := func(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
		n := flags.Int("n", 1, "a `number`")
		return func(context.Context) error {
			if *n < 0 {
				return errors.New("too small")
			}
			_, err := fmt.Fprintf(out, "%d", *n+1)
			return err
		}
	}
	for _, tt := range []struct {
		args string
		code int
		out  string
		says string
	}{
		{"add", 0, "2", ""},
		{"add -n 4", 0, "5", ""},
		{"add -n -1", 1, "", "\n<add failed: >too small\n"},
		{"add -m", 2, "", "flag provided but not defined: -m\nUsage of sums add:"},
		{"add 4", 2, "", "\"4\" is no flag\nUsage of sums add:"},
		{"sub", 2, "", "usage: sums add"},
		{"", 2, "", "usage: sums add"},
	} {
		var out, complaints strings.Builder
		p := Program{Name: "sums", Usage: "usage: sums add\n", Commands: map[string]Command{"add": add}, Failed: func(s string) string { return "<" + s + ">" }}
		code := p.Run(strings.Fields(tt.args), &out, &complaints)
		if code != tt.code || out.String() != tt.out || !strings.HasPrefix(complaints.String(), tt.says) || tt.says == "" && complaints.Len() > 0 {
			t.Errorf("%q: %d, %q, %q", tt.args, code, out.String(), complaints.String())
		}
	}
}
