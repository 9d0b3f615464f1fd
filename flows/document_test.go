package flows

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// seedDocument is the example of the specification.
const seedDocument = `{"binding_digit":"*", "patterns":{"2(\\d+)":{"module":"transfer", "data":{"takeback_dtmf":"*1"}}}}`

func TestParseDocument(t *testing.T) {
	raw := []byte(`{
	  "x": {"kept": 1},
	  "patterns": {"2(\\d+)": {"module": "transfer", "data": {"takeback_dtmf": "*1"}, "allow_peer": true}, "1": {"module": "a"}, "\u0030": {"module": "b"}},
	  "numbers": {"9": {"module": "record_call", "note": "n", "children": {"_": {"module": "play", "data": {"allow_peer": true, "id": "x.wav"}}, "failed": {"module": "hangup", "data": {"allow_peer": "true"}}, "": 7}}, "10": {"module": "none"}},
	  "binding_digit": "#", "digit_timeout": 1200, "listen_on": "both"
	}`)
	d, err := ParseDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Raw) != string(raw) {
		t.Error("Raw is not what was stored")
	}
	raw[0] = 'x'
	if d.Raw[0] != '{' {
		t.Error("Raw shares the caller's memory")
	}
	if d.BindingDigit != '#' || d.DigitTimeout != 1200*time.Millisecond || d.ListenOn != ListenBoth || !d.ListenOnSet {
		t.Errorf("scalars: %c %v %v %v", d.BindingDigit, d.DigitTimeout, d.ListenOn, d.ListenOnSet)
	}
	if got := entryKeys(d.Numbers); got != "9 10" {
		t.Errorf("numbers: %s", got)
	}
	if got := entryKeys(d.Patterns); got != `2(\d+) 1 0` {
		t.Errorf("patterns: %s", got)
	}
	n := d.Numbers[0].Node
	if n.Module != "record_call" || string(n.Data) != "{}" || n.AllowPeer || n.Child("none") != nil || len(n.Children) != 2 {
		t.Errorf("node: %+v", n)
	}
	if !strings.HasPrefix(string(n.Raw), `{"module": "record_call", "note": "n"`) {
		t.Errorf("raw node: %s", n.Raw)
	}
	if c := n.Child("_"); c == nil || c.Module != "play" || string(c.Data) != `{"allow_peer": true, "id": "x.wav"}` || !c.AllowPeer {
		t.Errorf("child: %+v", c)
	}
	if c := n.Child("failed"); c == nil || c.AllowPeer {
		t.Errorf(`the text "true" allows the peer: %+v`, c)
	}
	if !d.Patterns[0].Node.AllowPeer || d.Patterns[1].Node.AllowPeer {
		t.Error("allow_peer beside the module")
	}
}

func entryKeys(entries []Entry) string {
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	return strings.Join(keys, " ")
}

func TestParseDocumentScalars(t *testing.T) {
	for raw, want := range map[string]Document{
		`{}`:                                     {},
		` {"a":[1,{"b":null}],"c":"\u0000"} `:    {},
		`{"digit_timeout":0}`:                    {}, // it counts as not set
		`{"digit_timeout":800.0}`:                {DigitTimeout: 800 * time.Millisecond},
		`{"digit_timeout":8e2}`:                  {DigitTimeout: 800 * time.Millisecond},
		`{"digit_timeout":99999999999999999999}`: {DigitTimeout: math.MaxInt64 / time.Millisecond * time.Millisecond},
		`{"digit_timeout":1e999}`:                {DigitTimeout: math.MaxInt64 / time.Millisecond * time.Millisecond},
		`{"listen_on":"self"}`:                   {ListenOnSet: true},
		`{"listen_on":"peer"}`:                   {ListenOn: ListenPeer, ListenOnSet: true},
		`{"binding_digit":"0"}`:                  {BindingDigit: '0'},
		`{"binding_digit":"\u002a"}`:             {BindingDigit: '*'},
	} {
		d, err := ParseDocument([]byte(raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		want.Raw = []byte(raw)
		if !reflect.DeepEqual(*d, want) {
			t.Errorf("%s: %+v, want %+v", raw, *d, want)
		}
	}
}

func TestDocumentProblems(t *testing.T) {
	node := `{"module":"x"}`
	for _, tc := range []struct {
		raw  string
		want []string // "path code", then after a space a part of the message
	}{
		{``, []string{` error unexpected end`}},
		{`{`, []string{` error at byte 1`}},
		{`{} {}`, []string{` error at byte 4`}},
		{"{\"a\":\"\xff\"}", []string{` error UTF-8`}},
		{`[]`, []string{` type object`}},
		{`null`, []string{` type object`}},
		{`"x"`, []string{` type object`}},
		{`{"binding_digit":5}`, []string{`binding_digit type string`}},
		{`{"binding_digit":"**"}`, []string{`binding_digit enum`}},
		{`{"binding_digit":"A"}`, []string{`binding_digit enum`}},
		{`{"binding_digit":""}`, []string{`binding_digit enum`}},
		{`{"digit_timeout":-1}`, []string{`digit_timeout minimum`}},
		{`{"digit_timeout":1.5}`, []string{`digit_timeout type integer`}},
		{`{"digit_timeout":"800"}`, []string{`digit_timeout type integer`}},
		{`{"digit_timeout":[800]}`, []string{`digit_timeout type integer`}},
		{`{"listen_on":"a"}`, []string{`listen_on enum`}},
		{`{"listen_on":null}`, []string{`listen_on type string`}},
		{`{"numbers":[]}`, []string{`numbers type object`}},
		{`{"numbers":{"*2":` + node + `,"":` + node + `,"2a":` + node + `}}`, []string{
			`numbers.*2 additionalProperties`, `numbers. additionalProperties`, `numbers.2a additionalProperties`}},
		{`{"patterns":{"":` + node + `}}`, []string{`patterns. additionalProperties`}},
		{`{"numbers":{"2":"x"}}`, []string{`numbers.2 type object`}},
		{`{"numbers":{"2":{}}}`, []string{`numbers.2.module required Field is required but missing`}},
		{`{"numbers":{"2":{"module":""}}}`, []string{`numbers.2.module minLength`}},
		{`{"numbers":{"2":{"module":"` + strings.Repeat("é", 64) + `"}}}`, nil},
		{`{"numbers":{"2":{"module":"` + strings.Repeat("é", 65) + `"}}}`, []string{`numbers.2.module maxLength`}},
		{`{"numbers":{"2":{"module":"x","data":"y"}}}`, []string{`numbers.2.data type object`}},
		{`{"numbers":{"2":{"module":"x","children":3}}}`, []string{`numbers.2.children type object`}},
		{`{"numbers":{"2":{"module":"x","children":{"_":{"children":{"a.b":{}}}}}}}`, []string{
			`numbers.2.children._.module required`, `numbers.2.children._.children.a%2Eb.module required`}},

		// Duplicates, at any depth, however they are written.
		{`{"listen_on":"self","listen_on":"self"}`, []string{`listen_on duplicate`}},
		{`{"numbers":{"2":` + node + `,"\u0032":` + node + `}}`, []string{`numbers.2 duplicate`}},
		{`{"numbers":{"2":{"module":"x","data":{"a":[0,{"b":1,"b":1}]}}}}`, []string{`numbers.2.data.a.1.b duplicate`}},
		{`{"x":{"y":1,"y":2},"y":0}`, []string{`x.y duplicate`}},

		// Patterns: RE2, with the position.
		{`{"patterns":{"2(?=3)":` + node + `}}`, []string{`patterns.2(?=3) error at character 2; RE2 has no look-around`}},
		{`{"patterns":{"2\\(?=(?!3)":` + node + `}}`, []string{`patterns.2\(?=(?!3) error at character 6; RE2 has no look-around`}},
		{`{"patterns":{"(?<=2)3":` + node + `}}`, []string{`patterns.(?<=2)3 error at character 1; RE2 has no look-around`}},
		{`{"patterns":{"2(\\d)\\1":` + node + `}}`, []string{`patterns.2(\d)\1 error escape sequence` + " `\\1` at character 6"}},
		{`{"patterns":{"é[1":` + node + `}}`, []string{`patterns.é[1 error at character 2`}},
		{`{"patterns":{"2(3(4)":` + node + `}}`, []string{`patterns.2(3(4) error missing closing ) at character 2`}},
		{`{"patterns":{"2(3)4)5":` + node + `}}`, []string{`patterns.2(3)4)5 error unexpected ) at character 6`}},
		{`{"patterns":{"[)])2":` + node + `}}`, []string{`patterns.[)])2 error unexpected ) at character 4`}},
		{`{"patterns":{"2\\":` + node + `}}`, []string{`patterns.2\ error backslash at end of expression at character 2`}},
		{`{"patterns":{"2**":` + node + `}}`, []string{"patterns.2** error `**` at character 2"}},
		{`{"patterns":{"*2":` + node + `,"+":{}}}`, []string{
			`patterns.+.module required`, "patterns.*2 error argument to repetition operator `*` at character 1", `patterns.+ error`}},

		// Limits.
		{`{"patterns":{"(\\d{1000}){1000}":` + node + `}}`, []string{`patterns.(\d{1000}){1000} error invalid repeat count`}},
		{`{"patterns":{"\\d{1000}":` + node + `}}`, nil},
		{`{"patterns":{"\\d{1000}":` + node + `,"[":` + node + `,"1\\d{999}":` + node + `,"(":` + node + `}}`, []string{
			`patterns.[ error missing closing ]`, `patterns.1\d{999} error 2000 program instructions`}},
		{`{"patterns":{"\\d{998}":` + node + `,"1\\d{997}":` + node + `}}`, nil}, // 1,000 instructions each
		{`{"patterns":{"\\d{998}":` + node + `,"1\\d{997}":` + node + `,"":` + node + `,"3":` + node + `}}`, []string{
			`patterns. additionalProperties`, `patterns.3 error 2000 program instructions`}},
		{`{"patterns":{"` + strings.Repeat(`\\d{1000}`, 100) + `":` + node + `}}`, []string{`* error 2000 program instructions`}},
		{`{"patterns":{` + longPatterns(32) + `}}`, nil},
		{`{"patterns":{` + longPatterns(33) + `}}`, []string{`* error more than 32768 bytes`}},
		{`{"patterns":{"` + strings.Repeat(`1`, 1025) + `":` + node + `,"[":` + node + `}}`, []string{
			`patterns.` + strings.Repeat(`1`, 128) + `… maxLength not be more than 1024 bytes`, `patterns.[ error`}},
		{`{"numbers":{"2":{"module":"x","children":{"` + strings.Repeat("é", 64) + `":` + node + `}}}}`, nil},
		{`{"numbers":{"2":{"module":"x","children":{"` + strings.Repeat("é", 64) + `a":{},"b":{}}}}}`, []string{
			`numbers.2.children.` + strings.Repeat("é", 64) + `… maxLength not be more than 128 bytes`, `numbers.2.children.b.module required`}},
		{`{"patterns":{` + manyPatterns(200) + `}}`, nil},
		{`{"patterns":{` + manyPatterns(201) + `}}`, []string{`patterns error 201 patterns, at most 200`}},
		{nestedNodes(64), nil},
		{nestedNodes(65), []string{`* error deeper than 64`}},
		{`{"x":` + strings.Repeat("[", 255) + strings.Repeat("]", 255) + `}`, nil},
		{`{"x":` + strings.Repeat("[", 256) + strings.Repeat("]", 256) + `}`, []string{` error nested deeper than 256`}},
		{`{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, []string{` error exceeded max depth`}},

		// All of them, in the order of the text.
		{`{"binding_digit":"x","numbers":{"1":{},"a":1},"listen_on":1}`, []string{
			`binding_digit enum`, `numbers.1.module required`, `numbers.a additionalProperties`, `listen_on type`}},
	} {
		name := tc.raw[:min(len(tc.raw), 60)]
		_, err := ParseDocument([]byte(tc.raw))
		var problems []Problem
		if refused, ok := errors.AsType[*DocumentError](err); ok {
			problems = refused.Problems
		} else if err != nil {
			t.Errorf("%s: %T", name, err)
		}
		if len(problems) != len(tc.want) {
			t.Errorf("%s: %+v, want %q", name, problems, tc.want)
			continue
		}
		for i, want := range tc.want {
			path, rest, _ := strings.Cut(want, " ")
			code, message, _ := strings.Cut(rest, " ")
			if p := problems[i]; p.Path != path && path != "*" || p.Code != code || !strings.Contains(p.Message, message) {
				t.Errorf("%s: %+v, want %q", name, p, want)
			}
		}
	}
}

// longPatterns are as long as one may be, of few instructions.
func longPatterns(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"[%0*d]":{"module":"x"}`, 1022, i))
	}
	return strings.Join(all, ",")
}

func manyPatterns(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"%d":{"module":"x"}`, i))
	}
	return strings.Join(all, ",")
}

// nestedNodes has a number with so many children in one another.
func nestedNodes(depth int) string {
	return `{"numbers":{"1":` + strings.Repeat(`{"module":"x","children":{"_":`, depth) + `{"module":"x"}` + strings.Repeat(`}}`, depth) + `}}`
}

func TestDocumentError(t *testing.T) {
	_, err := ParseDocument([]byte(`{"numbers":{"2":{}},"listen_on":"x"}`))
	if want := "metaflows document: numbers.2.module: Field is required but missing (and 1 more)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := ParseDocument([]byte(`[]`)); err == nil || err.Error() != "metaflows document: Value did not match type(s): object" {
		t.Error(err)
	}
	_, err = ParseDocument([]byte("[" + strings.Repeat(`{"a":1,"a":1},`, 300) + "0]"))
	var refused *DocumentError
	if errors.As(err, &refused); len(refused.Problems) != 1 {
		t.Errorf("%d problems", len(refused.Problems))
	}
	_, err = ParseDocument([]byte(`{"x":[` + strings.Repeat(`{"a":1,"a":1},`, 300) + `0]}`))
	if errors.As(err, &refused); len(refused.Problems) != docMaxProblems {
		t.Errorf("%d problems, want %d", len(refused.Problems), docMaxProblems)
	}
}

// TestHostileDocuments: 256 KiB, the largest body there is, of the worst kinds. Each takes milliseconds; the limit is
// far above for slow machines under the race detector, and far below what quadratic time would take.
func TestHostileDocuments(t *testing.T) {
	const size = 256 << 10
	fill := func(head, piece, tail string) string { return head + strings.Repeat(piece, size/len(piece)) + tail }
	distinct := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, raw := range map[string]string{
		"array":            fill(`{"x":[`, `0,`, `0]}`),
		"brackets":         fill(`{"x":`, `[`, ``),
		"deep objects":     fill(``, `{"a":`, ``),
		"duplicates":       fill(`{`, `"a":0,`, `"a":0}`),
		"deep duplicates":  strings.Repeat(`{"`+strings.Repeat("k", 900)+`":`, 200) + `{` + strings.Repeat(`"a":0,`, 10000) + `"a":0}` + strings.Repeat("}", 200),
		"keys":             `{"numbers":{` + distinct(`"%d":{"module":"x"},`) + `}}`,
		"bad keys":         `{"numbers":{` + distinct(`"a%d":0,`) + `}}`,
		"patterns":         `{"patterns":{` + distinct(`"%d":{"module":"x"},`) + `}}`,
		"large classes":    `{"patterns":{` + distinct(`"%d`+strings.Repeat(`\\pL\\PN`, 1000)+`":{"module":"x"},`) + `}}`,
		"repeats":          `{"patterns":{` + distinct(`"%d`+strings.Repeat(`(?:\\b.{1000}){0,1}`, 500)+`":{"module":"x"},`) + `}}`,
		"parentheses":      fill(`{"patterns":{"`, `(`, `":{"module":"x"}}}`),
		"open parentheses": `{"patterns":{` + distinct(`"%d`+strings.Repeat(`(`, 500)+`":{"module":"x"},`) + `}}`,
		"open classes":     `{"patterns":{` + distinct(`"%d`+strings.Repeat(`(\\pL`, 3000)+`":{"module":"x"},`) + `}}`,
		"one class":        `{"patterns":{"[` + strings.Repeat(`\\pL`, 2000) + `]":{"module":"x"}}}`,
		"bad escapes":      `{"patterns":{` + distinct(`"%d`+strings.Repeat(`\\\\1`, 2000)+`\\1":{"module":"x"},`) + `}}`,
		"nested groups":    `{"patterns":{"` + strings.Repeat(`(`, 900) + strings.Repeat(`)*`, 900) + `":{"module":"x"}}}`,
		"escapes":          fill(`{"`, `\u0041`, `":1}`),
		"alternatives":     `{"patterns":{"` + strings.Repeat(`1|`, 8000) + `":{"module":"x"}}}`,
	} {
		start := time.Now()
		_, _ = ParseDocument([]byte(raw))
		took := time.Since(start)
		t.Logf("%-16s %v", name, took)
		if took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}
