// Command metaflows gives calls of an Asterisk codes, compatible with Kazoo's metaflows.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"metaflows/app/config"
	"metaflows/app/server"
)

// version is set at the build of a release.
var version = "0.1.0"

func main() { os.Exit(run(os.Args[1:])) }

// run runs a command, or without one the program itself.
func run(args []string) int {
	if len(args) == 0 {
		return serve()
	}
	name, rest := args[0], args[1:]
	switch {
	case isHelp(name):
		name = "help"
	case name == "--version", name == "-version":
		name = "version"
	}
	if name == "help" && len(rest) == 1 && !isHelp(rest[0]) { // metaflows help tail
		name, rest = rest[0], []string{"--help"}
	} else if name == "help" {
		rest = nil
	}
	all := commands()
	i := slices.IndexFunc(all, func(c subcommand) bool { return c.name == name })
	if i < 0 {
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.name
		}
		fmt.Fprint(os.Stderr, config.UnknownCommand("metaflows", name, names))
		return 2
	}
	return all[i].run(rest)
}

// isHelp says whether a word asks for help.
func isHelp(word string) bool {
	return slices.Contains([]string{"help", "--help", "-help", "-h"}, word)
}

func serve() int {
	cfg, warnings, err := config.Load()
	warn(warnings)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := interruptible()
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log := cfg.Logger(os.Stderr)
	log.Info("metaflows starts", "version", version, "node", cfg.Node)
	if err := server.Run(ctx, cfg, server.Options{Log: log, Version: version}); err != nil {
		log.Error("metaflows ends", "error", err, "do", "mend what the error says, and start it again")
		return 1
	}
	return 0
}

// interruptible is a context that ends when the process is told to.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
}

// warn tells what is odd in the environment.
func warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
}

// versionLine is what metaflows version says.
func versionLine() string {
	return strings.TrimSpace("metaflows " + version + " " + revision())
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
