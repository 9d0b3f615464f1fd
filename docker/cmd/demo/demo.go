package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/program"
)

// demoOptions are the demo's flags.
type demoOptions struct {
	binary string // metaflows; empty: it is built
	folder string // where recording and logs are left
}

// runDemo runs one call and tells it to out. An error says what was not as it should be.
func runDemo(ctx context.Context, out io.Writer, options demoOptions) error {
	began := time.Now()
	color := paintFor(out)
	folder := filepath.Join(options.folder, began.Format("2006-01-02-150405"))
	line := newTimeline(out, color)
	say := func(format string, args ...any) { fmt.Fprintf(out, "  "+format+"\n", args...) }

	fmt.Fprintf(out, "%s\n\n", color.bold("metaflows: one call on a real Asterisk"))
	s, life, err := startSystem(ctx, pbx.Options{}, program.Options{Binary: options.binary}, line, say)
	if err != nil {
		line.close()
		return err
	}
	d := &story{system: s, folder: folder, say: say}
	if err = d.prepare(life); err == nil {
		line.begin(demoLayout(time.Now()))
		err = d.play(life)
	}
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, s.evidence(folder))
	}
	d.leave()
	err = errors.Join(err, s.stop())
	line.close()
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	d.conclude()
	say("All as it should be, in %s. Nothing is left running.", seconds(time.Since(began)))
	return nil
}

// demoLayout has seconds since the begin, and is 112 wide at most.
func demoLayout(began time.Time) layout {
	return layout{
		clock: func(at time.Time) string { return fmt.Sprintf("%.3f", at.Sub(began).Seconds()) },
		time:  7, who: 7, cells: [places]int{26, 34, 30},
	}
}

// evidence saves the logs and is an error that has their ends.
func (s *system) evidence(folder string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nthe end of Asterisk's log:\n%s\n", indent(program.Tail(s.Asterisk.LogPath, 12)))
	fmt.Fprintf(&b, "\nthe end of metaflows' log:\n%s\n", indent(program.Tail(s.Program.LogPath, 12)))
	if err := s.saveLogs(folder); err != nil {
		fmt.Fprintf(&b, "\nthe logs could not be saved: %v", err)
	} else {
		fmt.Fprintf(&b, "\nthe whole logs are in %s", folder)
	}
	return errors.New(b.String())
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
