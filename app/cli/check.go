package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"

	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/flows"
)

const checkUsage = `metaflows check FILE

Says what is wrong with documents, as the API would when they are POSTed; what of them this version cannot do; and where
their codes are in each other's way once they are merged. Exit code 1 means that something is wrong, 0 that all can be stored,
with warnings or conflicts or without.

`

// check is the command.
func (t *terminal) check(args []string) int {
	flags := flag.NewFlagSet("metaflows check", flag.ContinueOnError)
	precedence := flags.String("precedence", "device", "device or kazoo, as METAFLOWS_PRECEDENCE")
	search := flags.String("pattern-search", "start", "start or anywhere, as METAFLOWS_PATTERN_SEARCH")
	if code, done := t.parse(flags, checkUsage, args, 1); done {
		return code
	}
	if !slices.Contains([]string{"device", "kazoo"}, *precedence) || !slices.Contains([]string{"start", "anywhere"}, *search) {
		fmt.Fprintln(t.err, "accepted are --precedence device or kazoo, --pattern-search start or anywhere")
		return misusing
	}
	docs, err := t.read(flags.Arg(0))
	if err != nil {
		return t.fail("%s", err)
	}
	s, err := schemas()
	if err != nil {
		return t.fail("%s", err)
	}
	account, okA := t.document(s, flows.ScopeAccount, docs.Account)
	user, okU := t.document(s, flows.ScopeUser, docs.User)
	device, okD := t.document(s, flows.ScopeDevice, docs.Device)
	if !okA || !okU || !okD {
		return failed
	}
	settings := flows.Settings{KazooPrecedence: *precedence == "kazoo", SearchAnywhere: *search == "anywhere"}
	conflicts := s.Conflicts(flows.Merge(settings, account, user, device))
	t.conflicts(conflicts)
	if len(conflicts) == 0 {
		fmt.Fprintln(t.out, "nothing to say against it")
	}
	return ok
}

// document checks one document and tells what is wrong with it; nil is one that is not there.
func (t *terminal) document(s *schema.Schemas, scope flows.Scope, raw []byte) (*flows.Document, bool) {
	if raw == nil {
		return nil, true
	}
	if len(raw) > simulate.MaxDocument {
		fmt.Fprintf(t.err, "%s: the document has %d bytes, at most %d are allowed\n", scope, len(raw), simulate.MaxDocument)
		return nil, false
	}
	data, err := schema.Parse(raw)
	if err != nil {
		fmt.Fprintf(t.err, "%s: %s\n", scope, err)
		return nil, false
	}
	if data.Kind != schema.Object {
		fmt.Fprintf(t.err, "%s: the document is no JSON object\n", scope)
		return nil, false
	}
	problems, _ := s.Document(data)
	if !problems.Empty() {
		t.problems(scope, problems)
		return nil, false
	}
	doc, err := flows.ParseDocument(data.Encode())
	if err != nil {
		fmt.Fprintf(t.err, "%s: %s\n", scope, err)
	}
	return doc, err == nil
}

// problems tells them in the order of their paths.
func (t *terminal) problems(scope flows.Scope, problems *schema.Problems) {
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
