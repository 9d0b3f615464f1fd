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

  single   compose.yaml: calls, a metaflows that is killed, a NATS that is away
  cluster  compose.cluster.yaml: calls on two nodes, a NATS server that is killed
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns its exit code.
func run(args []string, out, complain io.Writer) int {
	return command.Program{Name: "stack", Usage: usage, Commands: map[string]command.Command{
		"single":  trial("compose.yaml", 1, single),
		"cluster": trial("compose.cluster.yaml", 3, cluster),
	}}.Run(args, out, complain)
}

// step is one thing that is done and checked.
type step struct {
	title string
	run   func(context.Context) error
}

// limit bounds a run, the building of all images included. Cleaning up comes on top.
const limit = 8 * time.Minute

// trial is a command: it starts a project, takes its steps, and removes it.
func trial(file string, servers int, steps func(*project) []step) command.Command {
	return func(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
		root := flags.String("root", ".", "the `folder` of the repository")
		tag := flags.String("tag", "", "take the images of this `tag`, which stay, instead of building")
		keep := flags.Bool("keep", false, "leave everything running at the end")
		return func(ctx context.Context) error {
			ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %s", limit))
			defer cancel()
			p, err := newProject(ctx, out, *root, file, *tag)
			if err != nil {
				return err
			}
			p.servers = servers
			err = p.take(ctx, steps(p))
			if err != nil {
				err = errors.Join(err, errors.New(p.evidence()))
			}
			p.leave()
			if *keep {
				p.say("left running: docker-compose -p %s -f docker/%s; its settings: %v", p.name, file, p.settings)
				return err
			}
			if gone := p.remove(); gone != nil {
				return errors.Join(err, gone)
			}
			p.say("%s and all that belonged to it is gone", p.name)
			return err
		}
	}
}
