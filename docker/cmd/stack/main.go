package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"metaflows/docker/command"
)

const usage = `usage: stack <command> [flags]

  test     single, then cluster, with the same images
  single   compose.yaml: calls, a metaflows that is killed, a NATS that is away
  cluster  compose.cluster.yaml: calls on two nodes, a NATS server that is killed
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns its exit code.
func run(args []string, out, complain io.Writer) int {
	one := trial{file: "compose.yaml", servers: 1, steps: single}
	three := trial{file: "compose.cluster.yaml", servers: 3, steps: cluster}
	return command.Program{Name: "stack", Usage: usage, Commands: map[string]command.Command{
		"test": prove(one, three), "single": prove(one), "cluster": prove(three),
	}}.Run(args, out, complain)
}

// trial is what is proved of a compose file.
type trial struct {
	file    string
	servers int // of NATS
	steps   func(*project) []step
}

// step is one thing that is done and checked.
type step struct {
	title string
	run   func(context.Context) error
}

// usualLimit bounds a run, from the building of all images to the cleaning up.
const usualLimit = 20 * time.Minute

// prove is a command: it builds the images, and for each trial starts a project, takes its steps, and removes it. At the end
// it removes the images.
func prove(trials ...trial) command.Command {
	return func(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
		root := flags.String("root", ".", "the `folder` of the repository")
		tag := flags.String("tag", "", "take the images of this `tag`, which stay, instead of building")
		keep := flags.Bool("keep", false, "leave everything of the last trial running, and the images")
		limit := flags.Duration("limit", usualLimit, "the `time` that it may take, the cleaning up included")
		return func(ctx context.Context) (err error) {
			work := *limit - cleaningTime
			if work <= 0 {
				return fmt.Errorf("-limit %s: it has to be more than %s, which are kept for the cleaning up", *limit, cleaningTime)
			}
			ctx, cancel := context.WithTimeoutCause(ctx, work, fmt.Errorf("not done after %s; %s more are kept for the cleaning up", work, cleaningTime))
			defer cancel()
			e, err := newEngine(ctx, out, *root, *tag)
			if err != nil {
				return err
			}
			if *tag == "" {
				if !*keep {
					defer func() { err = errors.Join(err, e.removeImages()) }()
				}
				if err := e.take(ctx, []step{{"the images are built", e.build}}); err != nil {
					return err
				}
			}
			for n, t := range trials {
				if err := e.prove(ctx, t, *keep && n == len(trials)-1); err != nil {
					return fmt.Errorf("%s: %w", t.file, err)
				}
			}
			e.say("all as it should be")
			return nil
		}
	}
}

// prove is one trial.
func (e *engine) prove(ctx context.Context, t trial, keep bool) error {
	p, err := newProject(e, t)
	if err != nil {
		return err
	}
	e.say("%s, as project %s", t.file, p.name)
	err = e.take(ctx, t.steps(p))
	if err != nil {
		err = errors.Join(err, errors.New(p.evidence()))
	}
	p.leave()
	if keep {
		e.say("left running: docker-compose -p %s -f %s; its settings: %v", p.name, p.file, p.settings)
		return err
	}
	if gone := p.remove(); gone != nil {
		return errors.Join(err, gone)
	}
	e.say("  %s and all that belonged to it is gone", p.name)
	return err
}
