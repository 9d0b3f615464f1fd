package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"metaflows/app/cli"
	"metaflows/app/client"
	"metaflows/app/config"
	"metaflows/app/doctor"
	"metaflows/app/documents"
)

// subcommand is one of the program's; run takes what follows its name and gives the exit code.
type subcommand struct {
	name, about string
	run         func(args []string) int
}

// commands are all, in the order in which help tells them.
func commands() []subcommand {
	ofFiles := func(name string) func([]string) int {
		return func(args []string) int { return cli.Run(name, args, os.Stdin, os.Stdout, os.Stderr) }
	}
	return []subcommand{
		{"calls", "list the live calls", ofClient("calls")},
		{"call", "tell the story of a call, live or over", ofClient("call")},
		{"codes", "show the codes that hold for an endpoint, a user or a device, and where they come from", ofClient("codes")},
		{"tail", "tell events as they come, one line each", ofClient("tail")},
		{"run", "run a node on a live call", ofClient("run")},
		{"health", "say whether the metaflows that runs is ready; exit code 0 if it is", ofClient("health")},
		{"doctor", "look at Asterisk's configuration and say which lines are missing", examine},
		{"documents", "move the documents of a whole site, and say which is right where NATS has lost some", ofDocuments},
		{"simulate", "play keys through without a phone: what they run, and what the other party hears", ofFiles("simulate")},
		{"check", "say what is wrong with documents, and where their codes are in each other's way", ofFiles("check")},
		{"version", "tell the version", tell("version", "Tells the version.", func(w io.Writer) { fmt.Fprintln(w, versionLine()) })},
		{"help", "tell this, or help COMMAND: of a command", tell("help", "Tells what there is.", usage)},
	}
}

// ofClient is a command that speaks to the metaflows that runs.
func ofClient(name string) func([]string) int {
	return func(args []string) int {
		ctx, stop := interruptible()
		defer stop()
		return client.Run(ctx, name, args, site, os.Stdout, os.Stderr)
	}
}

// usage is the help of the program.
func usage(w io.Writer) {
	fmt.Fprint(w, "metaflows gives calls of an Asterisk codes. Without a command it runs; it ends with SIGTERM or SIGINT, and leaves calls\ntalking.\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  metaflows %s\t%s\n", c.name, c.about)
	}
	_ = table.Flush()
	fmt.Fprint(w, "\nmetaflows COMMAND --help tells more. Commands take their settings from the environment, and from the file of the systemd unit.\n\nEnvironment (an empty variable means the default):\n", config.Help())
}

// tell is a command that only says something.
func tell(name, about string, say func(io.Writer)) func([]string) int {
	return func(args []string) int {
		code, done := parse(flag.NewFlagSet("metaflows "+name, flag.ContinueOnError), "metaflows "+name+"\n\n"+about+"\n", args)
		if !done {
			say(os.Stdout)
		}
		return code
	}
}

// parse reads the flags of a command without arguments. done means that code is the exit code.
func parse(flags *flag.FlagSet, help string, args []string) (code int, done bool) {
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(help)
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return 0, true
	case err == nil && flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "%s takes no arguments, and these are some: %s\n", flags.Name(), strings.Join(flags.Args(), " "))
	case err == nil:
		return 0, false
	}
	fmt.Fprintf(os.Stderr, "%s --help tells what there is\n", flags.Name())
	return 2, true
}

// site finds the metaflows that runs.
func site() (client.Site, error) {
	cfg, warnings, err := config.LoadForCommand(false)
	warn(warnings)
	return client.Site{Address: cfg.HTTP.Addr, Token: cfg.SuperAdminToken, Binding: cfg.BindingDigit}, err
}

const doctorUsage = `metaflows doctor [--folder FOLDER] [--repair]

Looks at Asterisk, by ARI, and at its configuration files, if they are on this machine. Says what is wrong, where, and the
line that mends it. Exit code 1: something is MISSING; a NOTE may be meant so. Without --repair it changes nothing.

`

// examine lets the doctor do something.
func examine(args []string) int {
	flags := flag.NewFlagSet("metaflows doctor", flag.ContinueOnError)
	repair := flags.Bool("repair", false, "after metaflows was killed: let the parties of its calls hear each other's keys again")
	folder := flags.String("folder", "", "where Asterisk's configuration files are, on this machine (default: where Asterisk says)")
	if code, done := parse(flags, doctorUsage, args); done {
		return code
	}
	cfg, warnings, err := config.LoadForCommand(true)
	warn(warnings)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := interruptible()
	defer stop()
	var well bool
	if *repair {
		well = doctor.Repair(ctx, cfg, os.Stdout)
	} else {
		well = doctor.Examine(ctx, cfg, *folder, os.Stdout)
	}
	if !well {
		return 1
	}
	return 0
}

const documentsUsage = `metaflows documents COMMAND

  metaflows documents get      write the documents of a whole site into a folder
  metaflows documents put      store those of a folder
  metaflows documents diff     tell how they differ
  metaflows documents recover  say which is right where NATS does not have what was known last

metaflows documents COMMAND --help tells more.
`

// ofDocuments runs one of the commands for documents.
func ofDocuments(args []string) int {
	names := []string{"get", "put", "diff", "recover"}
	switch {
	case len(args) == 0:
		fmt.Fprint(os.Stderr, "metaflows documents needs a command: get, put, diff or recover\nmetaflows documents --help tells what there is\n")
		return 2
	case isHelp(args[0]):
		fmt.Print(documentsUsage)
		return 0
	case args[0] == "recover":
		return documents.Run(args[1:], dataFolder, os.Stdout, os.Stderr)
	case slices.Contains(names, args[0]):
		return ofClient("documents " + args[0])(args[1:])
	}
	fmt.Fprint(os.Stderr, config.UnknownCommand("metaflows documents", args[0], names))
	return 2
}

// dataFolder is that of the metaflows that runs.
func dataFolder() (string, error) {
	cfg, warnings, err := config.LoadForCommand(false)
	warn(warnings)
	return cfg.DataDir, err
}
