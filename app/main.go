// Command metaflows gives calls of an Asterisk codes, compatible with Kazoo's metaflows.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"metaflows/app/cli"
	"metaflows/app/config"
	"metaflows/app/doctor"
	"metaflows/app/documents"
	"metaflows/app/server"
)

// version is set at the build of a release.
var version = "0.1.0"

const usage = `metaflows gives calls of an Asterisk codes.

  metaflows           run; ends with SIGTERM or SIGINT, and leaves calls talking
  metaflows doctor    look at Asterisk's configuration and say which lines are missing; with --repair, after metaflows was
                      killed: let the parties of its calls hear each other's keys again
  metaflows health    ask the one that runs with this environment whether it is ready; exit code 0 if it is
  metaflows simulate  play keys through without a phone: what they run, and what the other party hears
  metaflows documents recover --from file|bucket
                      say which is right where NATS does not have what was known last; without --from: what is asked
  metaflows check     say what is wrong with documents, and where their codes are in each other's way
  metaflows version
  metaflows help

Environment (an empty variable means the default):
`

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	repair := len(args) == 2 && command == "doctor" && args[1] == "--repair"
	if len(args) > 1 && !repair && command != "simulate" && command != "check" && command != "documents" {
		command = "?"
	}
	switch command {
	case "":
		return serve()
	case "doctor":
		if repair {
			return consult(doctor.Repair)
		}
		return consult(doctor.Examine)
	case "health":
		return health()
	case "documents":
		cfg, ok := load()
		if !ok {
			return 1
		}
		return documents.Run(cfg.DataDir, args[1:], os.Stdout, os.Stderr)
	case "simulate", "check":
		return cli.Run(command, args[1:], os.Stdin, os.Stdout, os.Stderr)
	case "version":
		fmt.Println("metaflows", version, revision())
		return 0
	case "help", "-h", "--help":
		fmt.Print(usage + config.Help())
		return 0
	}
	fmt.Fprint(os.Stderr, usage+config.Help())
	return 2
}

func serve() int {
	cfg, ok := load()
	if !ok {
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log := cfg.Logger(os.Stderr)
	log.Info("metaflows starts", "version", version, "node", cfg.Node)
	if err := server.Run(ctx, cfg, server.Options{Log: log, Version: version}); err != nil {
		log.Error("metaflows ends", "error", err)
		return 1
	}
	return 0
}

// consult lets the doctor do something.
func consult(do func(context.Context, config.Config, io.Writer) bool) int {
	cfg, ok := load()
	if !ok {
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if !do(ctx, cfg, os.Stdout) {
		return 1
	}
	return 0
}

// load reads the environment and tells what is wrong with it.
func load() (config.Config, bool) {
	cfg, warnings, err := config.Load()
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return cfg, false
	}
	return cfg, true
}

// revision is the commit that the program was built of, where Go knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
