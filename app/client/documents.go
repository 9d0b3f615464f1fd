package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const siteFiles = `
A site is one file for each document, as it is stored:
  FOLDER/<account>/account.json
  FOLDER/<account>/users/<user>.json
  FOLDER/<account>/devices/<device>.json
`

const getUsage = `metaflows documents get [--account A] [--apply] FOLDER

Writes the documents of all accounts into files. Without --apply it only tells which files would be written. Files of what is
not stored stay.
` + siteFiles + "\n"

const putUsage = `metaflows documents put [--account A] [--delete] [--apply] FOLDER

Stores the documents of a folder. Without --apply it only tells what would be stored, and what would be refused; where anything
would be, nothing is stored. What is stored and has no file stays, unless --delete is said. What somebody else changes meanwhile
is not overwritten.
` + siteFiles + "\n"

const diffUsage = `metaflows documents diff [--account A] [--json] FOLDER

Tells how what is stored differs from a folder, entry by entry. Exit code 1 if it does.
` + siteFiles + "\n"

// getting makes the command documents get.
func getting(flags *flag.FlagSet) func(context.Context, *terminal, []string) error {
	apply := flags.Bool("apply", false, "write the files")
	return func(ctx context.Context, t *terminal, words []string) error {
		there, err := t.stored(ctx)
		if err != nil {
			return err
		}
		here, err := t.read(words[0])
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		count := 0
		for _, c := range changes(here, there) {
			if c.kind == removed {
				continue
			}
			count++
			path := filepath.Join(words[0], c.place.file())
			fmt.Fprintf(t.out, "%s %s\n", c.kind, path)
			if *apply {
				if err := write(path, c.to.text); err != nil {
					return err
				}
			}
		}
		t.closing(count, *apply, "written")
		return nil
	}
}

// write writes a document for people.
func write(path string, text []byte) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return err
	}
	pretty.WriteByte('\n')
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, pretty.Bytes(), 0o600)
}

// putting makes the command documents put.
func putting(flags *flag.FlagSet) func(context.Context, *terminal, []string) error {
	apply := flags.Bool("apply", false, "store the documents")
	remove := flags.Bool("delete", false, "delete what is stored and has no file")
	return func(ctx context.Context, t *terminal, words []string) error {
		here, err := t.read(words[0])
		if err != nil {
			return err
		}
		there, err := t.stored(ctx)
		if err != nil {
			return err
		}
		wanted := slices.DeleteFunc(changes(there, here), func(c change) bool { return c.kind == removed && !*remove })
		refused := false
		for _, c := range wanted {
			fmt.Fprintf(t.out, "%s %s\n", c.kind, c.place.path())
			if err := t.try(ctx, c); err != nil {
				refused = true
				fmt.Fprintf(t.err, "%s would be refused: %s\n", c.place.file(), err)
			}
		}
		if refused {
			return errSaid
		}
		if *apply {
			for _, c := range wanted {
				if err := t.carryOut(ctx, c); err != nil {
					return fmt.Errorf("%s: %w", c.place.file(), err)
				}
			}
		}
		t.closing(len(wanted), *apply, "stored")
		return nil
	}
}

// try asks the API what it would say of a document, by a simulation in which nobody presses a key.
func (t *terminal) try(ctx context.Context, c change) error {
	if c.kind == removed {
		return nil
	}
	body := fmt.Appendf(nil, `{"data":{"keys":"","documents":{"a":{"account":%s}}}}`, c.to.text)
	_, err := t.within(ctx, http.MethodPost, c.place.path()+"/simulate", body, nil)
	if refusal, ok := errors.AsType[*Refusal](err); ok { // it is said of the file, not of what this asks
		return &Refusal{refusal.Status, strings.ReplaceAll(refusal.text, "documents.a.account.", "")}
	}
	return err
}

// carryOut stores or deletes, unless somebody else has changed the document meanwhile.
func (t *terminal) carryOut(ctx context.Context, c change) error {
	method, body, condition := http.MethodPost, fmt.Appendf(nil, `{"data":%s}`, c.to.text), map[string]string{"If-Match": `"` + c.from.revision + `"`}
	switch c.kind {
	case added:
		condition = map[string]string{"If-None-Match": "*"}
	case removed:
		method, body = http.MethodDelete, nil
	}
	said, err := t.within(ctx, method, c.place.path(), body, condition)
	if is(err, http.StatusPreconditionFailed) || is(err, http.StatusConflict) {
		return fmt.Errorf("it was changed meanwhile, and not by this command: %w", err)
	}
	if err != nil {
		return err
	}
	for _, w := range said.Warnings {
		fmt.Fprintf(t.err, "warning: %s: %s: %s\n", c.place.file(), w.Path, w.Message)
	}
	return nil
}

// diff tells how what is stored differs from a folder.
func diff(ctx context.Context, t *terminal, words []string) error {
	here, err := t.read(words[0])
	if err != nil {
		return err
	}
	there, err := t.stored(ctx)
	if err != nil {
		return err
	}
	all := changes(here, there)
	if t.json {
		type line struct {
			File    string   `json:"file"`
			Change  string   `json:"change"`
			Entries []string `json:"entries,omitempty"`
		}
		lines := []line{}
		for _, c := range all {
			lines = append(lines, line{c.place.file(), c.kind.String(), entriesOf(c)})
		}
		err = t.print(lines)
	} else {
		for _, c := range all {
			fmt.Fprintf(t.out, "%s %s\n", c.kind, c.place.file())
			for _, entry := range entriesOf(c) {
				fmt.Fprintf(t.out, "  %s\n", entry)
			}
		}
		if len(all) == 0 {
			fmt.Fprintln(t.out, "nothing differs")
		}
	}
	if err == nil && len(all) > 0 {
		err = errSaid
	}
	return err
}

// closing says what was done, or that it was not.
func (t *terminal) closing(count int, applied bool, done string) {
	switch {
	case count == 0:
		fmt.Fprintln(t.out, "nothing differs")
	case applied:
		fmt.Fprintf(t.out, "%d %s\n", count, done)
	default:
		fmt.Fprintf(t.out, "nothing was %s; --apply does it\n", done)
	}
}

// kind is what happens to a document.
type kind int

const (
	added kind = iota
	changed
	removed
)

func (k kind) String() string { return [...]string{"added", "changed", "removed"}[k] }

// change is what makes a document of one site that of another.
type change struct {
	place    place
	kind     kind
	from, to document
}

// changes are those that make one site the other, by their files.
func changes(from, to site) (all []change) {
	both := site{}
	for _, s := range []site{from, to} {
		for p := range s {
			both[p] = document{}
		}
	}
	for _, p := range both.places() {
		is, was := from[p]
		will, wanted := to[p]
		switch {
		case !was:
			all = append(all, change{p, added, is, will})
		case !wanted:
			all = append(all, change{p, removed, is, will})
		case !bytes.Equal(is.text, will.text):
			all = append(all, change{p, changed, is, will})
		}
	}
	return all
}

// entriesOf are the entries of a changed document that differ, each with a sign: numbers.9, binding_digit.
func entriesOf(c change) (all []string) {
	if c.kind != changed {
		return nil
	}
	from, to := entriesIn(c.from.text), entriesIn(c.to.text)
	for _, m := range from {
		if value, ok := to.get(m.key); !ok {
			all = append(all, "- "+m.key)
		} else if !bytes.Equal(value, m.value) {
			all = append(all, "~ "+m.key)
		}
	}
	for _, m := range to {
		if _, ok := from.get(m.key); !ok {
			all = append(all, "+ "+m.key)
		}
	}
	if len(all) == 0 {
		return []string{"~ the order of its keys"}
	}
	return all
}

// entriesIn are a document's keys, and those of numbers and patterns each by itself.
func entriesIn(text []byte) (all ordered[json.RawMessage]) {
	var keys ordered[json.RawMessage]
	if json.Unmarshal(text, &keys) != nil {
		return nil
	}
	for _, m := range keys {
		var nodes ordered[json.RawMessage]
		if m.key != "numbers" && m.key != "patterns" || json.Unmarshal(m.value, &nodes) != nil || !strings.HasPrefix(string(m.value), "{") {
			all = append(all, m)
			continue
		}
		for _, n := range nodes {
			all = append(all, member[json.RawMessage]{m.key + "." + n.key, n.value})
		}
	}
	return all
}
