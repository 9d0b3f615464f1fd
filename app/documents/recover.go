// Package documents is the command documents: it decides which of two copies of what is stored is right.
package documents

import (
	"flag"
	"fmt"
	"io"
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

// Run runs the command over a data folder and returns the process's exit code. It waits until a process that runs has acted
// on what was decided, for 20 s at most.
func Run(folder string, args []string, out, err io.Writer) int {
	return decide(folder, args, out, err, actTime)
}

func decide(folder string, args []string, out, errs io.Writer, wait time.Duration) int {
	flags := flag.NewFlagSet("metaflows documents recover", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() { fmt.Fprint(errs, usage) }
	from := flags.String("from", "", "file or bucket")
	if len(args) == 0 || args[0] != "recover" {
		flags.Usage()
		return misusing
	}
	if flags.Parse(args[1:]) != nil || flags.NArg() > 0 {
		return misusing
	}
	if *from != "" && *from != "file" && *from != "bucket" {
		fmt.Fprintln(errs, "accepted are --from file and --from bucket")
		return misusing
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
