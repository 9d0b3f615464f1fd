package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"

	"metaflows/actions"
	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/flows"
)

const checkUsage = `metaflows check FILE

Says what is wrong with documents, as the API would when they are POSTed; which keys mean nothing; what of them this version
cannot do; and where their codes are in each other's way once they are merged. Exit code 1 means that something is wrong, 0
that all can be stored, with warnings or conflicts or without.

`

// check is the command.
func (t *terminal) check(args []string) int {
	flags := flag.NewFlagSet("metaflows check", flag.ContinueOnError)
	precedence := flags.String("precedence", "device", "device or kazoo, as METAFLOWS_PRECEDENCE")
	search := flags.String("pattern-search", "start", "start or anywhere, as METAFLOWS_PATTERN_SEARCH")
	blocked := blockedAddresses(flags)
	file, code, done := t.parse(flags, checkUsage, "FILE", args)
	if done {
		return code
	}
	if !slices.Contains([]string{"device", "kazoo"}, *precedence) || !slices.Contains([]string{"start", "anywhere"}, *search) {
		fmt.Fprintln(t.err, "accepted are --precedence device or kazoo, --pattern-search start or anywhere")
		return misusing
	}
	docs, err := t.read(file)
	if err != nil {
		return t.fail("%s", err)
	}
	s, err := schema.Load(*blocked, actions.Declared())
	if err != nil {
		return t.fail("%s", err)
	}
	if !t.valid(s, "", docs) {
		return failed
	}
	merged, err := docs.Merge(flows.Settings{KazooPrecedence: *precedence == "kazoo", SearchAnywhere: *search == "anywhere"})
	if err != nil {
		return t.fail("%s", err)
	}
	unknown, conflicts := t.unknown(s, docs), s.Conflicts(merged)
	t.conflicts(conflicts)
	if !unknown && len(conflicts) == 0 {
		fmt.Fprintln(t.out, "nothing to say against it")
	}
	return ok
}

// unknown tells of keys that mean nothing, of which a slip may be one, and says whether there are any.
func (t *terminal) unknown(s *schema.Schemas, docs *simulate.Documents) (some bool) {
	for _, level := range simulate.Levels {
		document := docs.At(level)
		if *document == nil {
			continue
		}
		data, err := schema.Parse(*document)
		if err != nil {
			continue // it was read when it was found valid
		}
		for _, w := range s.Unknown(data) {
			some = true
			fmt.Fprintf(t.out, "%s: %s: %s: %s\n", w.Code, level, w.Path, w.Message)
		}
	}
	return some
}

// valid treats a party's documents as the API does those that are POSTed: it tells what is wrong with them, and repairs types.
// whose stands before the levels.
func (t *terminal) valid(s *schema.Schemas, whose string, docs *simulate.Documents) bool {
	all := true
	for _, level := range simulate.Levels {
		document := docs.At(level)
		if *document == nil {
			continue
		}
		if len(*document) > simulate.MaxDocument {
			fmt.Fprintf(t.err, "error: %s%s: the document has %d bytes, at most %d are allowed\n", whose, level, len(*document), simulate.MaxDocument)
			all = false
			continue
		}
		stored, problems := s.Read(*document)
		t.problems(whose+string(level), problems)
		*document = stored
		all = all && problems.Empty()
	}
	return all
}

// problems tells them in the order of their paths.
func (t *terminal) problems(scope string, problems *schema.Problems) {
	var byPath map[string]map[string]struct {
		Message string `json:"message"`
	}
	raw, err := problems.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(raw, &byPath)
	}
	if err != nil {
		fmt.Fprintf(t.err, "%s: %s\n", scope, err)
		return
	}
	var lines []string
	for path, codes := range byPath {
		for code, detail := range codes {
			lines = append(lines, fmt.Sprintf("error: %s: %s: %s (%s)", scope, path, detail.Message, code))
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(t.err, line)
	}
}
