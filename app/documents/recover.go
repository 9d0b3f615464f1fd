// Package documents is the command documents recover: it decides which of two copies of what is stored is right.
package documents

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"metaflows/app/store"
)

const usage = `metaflows documents recover [--from file|bucket]

Where NATS does not have what was known last of documents, of the directory or of logins, and somebody may have meant that,
metaflows asks: what was known holds, and nothing can be changed. Without --from this says what is asked.

  --from file     what the file in METAFLOWS_DATA_DIR holds is right: it is stored in NATS again
  --from bucket   what NATS holds is right: what it does not have is forgotten

Both copies are kept beside the file, as *.aside. It is to be run with the environment of the metaflows that asks, on its
machine. One that does not run acts on it when it is started.

`

// actTime is how long a process that runs needs at most to see what was decided, and to act on it.
const actTime = 20 * time.Second

// The exit codes: it could not be done; the command was not understood.
const (
	failed   = 1
	misusing = 2
)

// Run runs the command over the data folder that find gives, once what was typed is understood, and returns the process's
// exit code. It waits until a process that runs has acted on what was decided, for 20 s at most.
func Run(args []string, find func() (folder string, err error), out, errs io.Writer) int {
	return decide(args, find, out, errs, actTime)
}

func decide(args []string, find func() (string, error), out, errs io.Writer, wait time.Duration) int {
	flags := flag.NewFlagSet("metaflows documents recover", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {}
	from := flags.String("from", "", "file or bucket")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return 0
	case err == nil && flags.NArg() > 0:
		fmt.Fprintf(errs, "metaflows documents recover takes no arguments, and these are some: %s\n", strings.Join(flags.Args(), " "))
		return misusing
	case err != nil:
		fmt.Fprintln(errs, "metaflows documents recover --help tells what there is")
		return misusing
	}
	if *from != "" && *from != "file" && *from != "bucket" {
		fmt.Fprintln(errs, "accepted are --from file and --from bucket")
		return misusing
	}
	folder, err := find()
	if err != nil {
		fmt.Fprintln(errs, err)
		return failed
	}
	questions, err := store.Questions(folder)
	switch {
	case err != nil:
		fmt.Fprintf(errs, "%s: %s\n", folder, err)
		return failed
	case len(questions) == 0:
		fmt.Fprintf(out, "nothing is asked: %s has no question\n", folder)
		return 0
	}
	for _, q := range questions {
		fmt.Fprintf(out, "%s (%s): %s has %d, NATS %d since %s; --from file stores %d again (%d in place of others) and deletes %d, --from bucket forgets what NATS does not have\n",
			q.What, q.Reason, q.File(), q.Known, q.Held, q.Asked.Format(time.RFC3339), q.Missing, q.Different, q.Back)
	}
	if *from == "" {
		return 0
	}
	for _, q := range questions {
		if err := q.Decide(*from); err != nil {
			fmt.Fprintf(errs, "%s: %s\n", q.File(), err)
			return failed
		}
	}
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		open := 0
		for _, q := range questions {
			if q.Open() {
				open++
			}
		}
		if open == 0 {
			fmt.Fprintln(out, "done")
			return 0
		}
	}
	fmt.Fprintln(out, "decided; no metaflows has acted on it yet: it does so when it is started, or when it reaches NATS")
	return 0
}
