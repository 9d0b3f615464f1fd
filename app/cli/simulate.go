package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"metaflows/actions"
	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/flows"
)

const simulateUsage = `metaflows simulate --file FILE KEYS

Plays keys through without a phone and says what they run, what the other party hears, and what is published and asked of
Asterisk meanwhile. Actions do nothing; they end as --outcome says.

  metaflows simulate --file flows.json '*21234'
  metaflows simulate --file flows.json '*2<1200>9b:*9'     <1200> is a silence in ms, else 100; a: and b: say who presses

`

// simulate is the command.
func (t *terminal) simulate(args []string) int {
	flags := flag.NewFlagSet("metaflows simulate", flag.ContinueOnError)
	file := flags.String("file", "", "documents of a, who presses first")
	other := flags.String("b", "", "documents of b, of the same account; without it b is an outsider")
	whole := flags.Bool("json", false, "answer as the API does")
	settings, outcomes := map[string]any{}, map[string]string{}
	for _, s := range []struct{ flag, key, about string }{
		{"precedence", "precedence", "device (the default) or kazoo, as METAFLOWS_PRECEDENCE"},
		{"pattern-search", "pattern_search", "start (the default) or anywhere, as METAFLOWS_PATTERN_SEARCH"},
		{"absorb", "absorb", "armed (the default) or off, as METAFLOWS_ABSORB"},
		{"binding-digit", "binding_digit", "where no document says which, as METAFLOWS_BINDING_DIGIT"},
	} {
		flags.Func(s.flag, s.about, func(value string) error { settings[s.key] = value; return nil })
	}
	flags.Func("digit-timeout", "in ms, where no document says it, as METAFLOWS_DIGIT_TIMEOUT", func(value string) error {
		settings["digit_timeout"] = json.Number(value)
		return nil
	})
	flags.Func("outcome", "`PATH=OUTCOME`: how a node ends: continue, stop, fail:<reason>, branch:<key>; as often as needed", func(value string) error {
		i := strings.LastIndexByte(value, '=') // patterns may have one
		if i < 0 {
			return fmt.Errorf("it is written as numbers.9=fail:busy")
		}
		outcomes[value[:i]] = value[i+1:]
		return nil
	})
	blocked := blockedAddresses(flags)
	keys, code, done := t.parse(flags, simulateUsage, "KEYS", args)
	if done {
		return code
	}
	if *file == "" {
		fmt.Fprintln(t.err, "--file is missing: the documents whose codes are tried")
		return misusing
	}
	raw, err := json.Marshal(map[string]any{"keys": keys, "settings": settings, "outcomes": outcomes})
	if err != nil {
		return t.fail("--digit-timeout: accepted are 0 to 60000 ms")
	}
	req, err := simulate.ParseRequest(raw)
	if err == nil {
		req.A, err = t.read(*file)
	}
	if err == nil && *other != "" {
		req.B, err = t.read(*other)
	}
	if err != nil {
		return t.fail("%s", err)
	}
	s, err := schema.Load(*blocked, actions.Declared())
	if err != nil {
		return t.fail("%s", err)
	}
	valid := t.valid(s, "", req.A)
	if req.B != nil {
		valid = t.valid(s, "b's ", req.B) && valid
	}
	if !valid {
		return failed
	}
	answer, err := simulator(s).Run(req)
	if err != nil {
		return t.fail("%s", err)
	}
	if *whole {
		encoder := json.NewEncoder(t.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(answer); err != nil {
			return t.fail("%s", err)
		}
		return ok
	}
	t.story(req.Keys, answer)
	return ok
}

// line is one line of the time-line.
type line struct {
	at        int64
	who, what string
}

// story tells an answer to somebody who reads it.
func (t *terminal) story(keys string, answer *simulate.Answer) {
	fmt.Fprintln(t.out, "times from the first release; each key is held for 100 ms")
	for _, l := range timeline(keys, answer) {
		fmt.Fprintf(t.out, "%7d ms  %s  %s\n", l.at, l.who, l.what)
	}
	if answer.Truncated {
		fmt.Fprintln(t.out, "more has happened than is told here")
	}
	t.runs(answer)
	for _, leg := range []struct {
		name  string
		heard []simulate.Heard
	}{{"a", answer.Hears.A}, {"b", answer.Hears.B}} {
		var digits strings.Builder
		for _, h := range leg.heard {
			digits.WriteString(h.Digits)
		}
		if digits.Len() == 0 {
			digits.WriteString("nothing")
		}
		fmt.Fprintf(t.out, "%s hears %s\n", leg.name, &digits)
	}
	if len(answer.Conflicts) > 0 {
		fmt.Fprintln(t.out)
		t.conflicts(answer.Conflicts)
	}
}

// runs tells what ran and how it ended.
func (t *terminal) runs(answer *simulate.Answer) {
	fmt.Fprintln(t.out)
	if len(answer.Runs) == 0 {
		fmt.Fprintln(t.out, "nothing runs")
	}
	for _, run := range answer.Runs {
		fmt.Fprintf(t.out, "%s presses %s: %s %s of %s's %s, decided by %s", run.Leg, run.Collected, run.Kind, run.Key, run.Owner, run.Source, decided(run.DecidedBy))
		if run.Captures != nil {
			fmt.Fprintf(t.out, ", captures [%s]", strings.Join(run.Captures, " "))
		}
		fmt.Fprintln(t.out)
		for _, n := range run.Nodes {
			fmt.Fprintf(t.out, "  %s  %s %s -> %s\n", n.Path, n.Module, n.Data, n.Outcome)
		}
	}
}

func decided(by flows.Decision) string {
	switch by {
	case flows.ByHash:
		return "#"
	case flows.ByBinding:
		return "the binding digit"
	case flows.ByTimeout:
		return "the timeout"
	case flows.ByLimit:
		return "the limit of 64 keys"
	default:
		return "its last digit"
	}
}

// timeline is everything in the order of time.
func timeline(keys string, answer *simulate.Answer) []line {
	var lines []line
	presses, _ := simulate.ParseKeys(keys) // Run has read them
	for _, p := range presses {
		lines = append(lines, line{(p.At - simulate.Hold).Milliseconds(), p.Leg, "presses " + string(p.Key)})
	}
	for _, h := range answer.Hears.A {
		lines = append(lines, line{h.At, "a", "hears " + h.Digits})
	}
	for _, h := range answer.Hears.B {
		lines = append(lines, line{h.At, "b", "hears " + h.Digits})
	}
	for _, h := range answer.Timeline {
		lines = append(lines, line{h.At, h.Leg, told(h)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.at - b.at) })
	return lines
}

// told is an event or a request in words.
func told(h simulate.Happening) string {
	switch {
	case h.Request == "addChannel" && *h.Absorb:
		return "addChannel: its digits are kept from the other party"
	case h.Request == "addChannel":
		return "addChannel: its digits are heard"
	case h.Request != "":
		return h.Request + " " + h.Digits
	}
	words := []string{h.Event}
	if h.Path != "" {
		words = append(words, h.Path, h.Module)
	}
	if h.Event == "code.unmatched" {
		words = append(words, "keys: "+strconv.Itoa(h.Count))
	}
	for _, w := range []string{h.Result, h.Reason} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
