package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const flowsFile = `{"numbers":{"9":{"module":"record_call"},"91":{"module":"tts","data":{"text":"x"}}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`

func command(t *testing.T, stdin, command string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(command, args, strings.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flows.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSimulate(t *testing.T) {
	code, out, errs := command(t, "", "simulate", "--file", file(t, flowsFile), "*21234")
	want := `times from the first release; each key is held for 100 ms
   -100 ms  a  presses *
   -100 ms  b  hears *
      0 ms  a  code.armed
      0 ms  a  addChannel: its digits are kept from the other party
    100 ms  a  presses 2
    300 ms  a  presses 1
    500 ms  a  presses 2
    700 ms  a  presses 3
    900 ms  a  presses 4
   1000 ms  a  code.matched patterns.2(\d{4}) transfer digit
   1000 ms  a  action.started patterns.2(\d{4}) transfer
   1000 ms  a  action.finished patterns.2(\d{4}) transfer continue
   1000 ms  a  addChannel: its digits are heard

a presses 21234: pattern 2(\d{4}) of a's account, decided by its last digit, captures [1234]
  patterns.2(\d{4})  transfer {} -> continue
a hears nothing
b hears *

prefix: numbers.9: *9 runs only after the timeout of 800 ms, because numbers.91 could still be meant. Let one of them begin otherwise, so that it runs at once.
unsupported: numbers.91: module tts is stored, but this version cannot run it
`
	if code != 0 || out != want || errs != "" {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}

func TestSimulateJSON(t *testing.T) {
	levels := `{"account":` + flowsFile + `,"user":null,"device":{"numbers":{"91":{"module":"none"}}}}`
	code, out, errs := command(t, levels, "simulate", "--file", "-", "--json", "--outcome", "numbers.9=fail:busy", "--digit-timeout", "300", "*9")
	var answer struct {
		Runs []struct {
			DecidedBy string `json:"decided_by"`
			Nodes     []struct{ Outcome string }
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || errs != "" {
		t.Fatalf("%d %v\n%s%s", code, err, out, errs)
	}
	if len(answer.Runs) != 1 || answer.Runs[0].DecidedBy != "digit" || answer.Runs[0].Nodes[0].Outcome != "fail:busy" {
		t.Errorf("%s", out)
	}
}

// What b has configured counts where b presses, and an outsider has nothing.
func TestSimulateOther(t *testing.T) {
	docs := file(t, flowsFile)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--file", docs, "--b", docs, "b:*91"}, "b presses 91: number 91 of b's account"},
		{[]string{"--file", docs, "b:*91"}, "nothing runs\na hears *91"},
		{[]string{"--file", docs, "--absorb", "off", "*91"}, "b hears *91"},
		{[]string{"--file", docs, "--binding-digit", "#", "*9#9"}, "a presses 9: number 9 of a's account, decided by the timeout"},
	} {
		if code, out, errs := command(t, "", "simulate", c.args...); code != 0 || !strings.Contains(out, c.says) {
			t.Errorf("%v: %d\n%s%s", c.args, code, out, errs)
		}
	}
}

// Documents to be simulated are taken as the API takes those that are POSTed.
func TestSimulateChecks(t *testing.T) {
	docs := file(t, flowsFile)
	for _, c := range []struct {
		file, b, says string
		code          int
	}{
		{`{"user":{"numbers":{"9":{"module":"foo"}}}}`, docs, "error: user: numbers.9.module: unable to find metaflow schema for module foo (error)\n", 1},
		{flowsFile, file(t, `{"listen_on":"all"}`), "error: b's account: listen_on: Value not found in enumerated list of values (enum)\n", 1},
		{`{"digit_timeout":"500","numbers":{"9":{"module":"hangup"},"91":{"module":"hangup"}}}`, docs, "    700 ms  a  code.matched numbers.9 hangup timeout\n", 0},
	} {
		code, out, errs := command(t, "", "simulate", "--file", file(t, c.file), "--b", c.b, "*9")
		if code != c.code || !strings.Contains(out+errs, c.says) || (code == 0) != (errs == "") {
			t.Errorf("%s: %d\n%s%s", c.file, code, out, errs)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, file, out, err string
		code                 int
	}{
		{"all right", `{"numbers":{"9":{"module":"hangup"}}}`, "nothing to say against it\n", "", 0},
		{"conflicts and what is not built", flowsFile, "prefix: numbers.9: ", "", 0},
		{"what is not built", flowsFile, "unsupported: numbers.91: module tts", "", 0},
		{"of all levels", `{"account":` + flowsFile + `,"device":{"numbers":{"91":{"module":"none"}}}}`, "nothing to say against it\n", "", 0},
		{"an unknown module", `{"user":{"numbers":{"9":{"module":"foo"}}}}`, "", "error: user: numbers.9.module: unable to find metaflow schema for module foo (error)\n", 1},
		{"a pattern", `{"patterns":{"2(":{"module":"hangup"}}}`, "", "error: account: patterns.2(: Pattern does not compile (RE2): missing closing ) at character 2 (error)\n", 1},
		{"a duplicate", `{"numbers":{"9":{"module":"hangup"},"9":{"module":"none"}}}`, "", "numbers.9: Key stands twice", 1},
		{"no JSON", `{"numbers":`, "", "this is no JSON object", 1},
		{"no JSON in the third line", "{\n\"numbers\":{},\n\"patterns\":{,}\n}\n", "", ": line 3: this is no JSON object: invalid character ','", 1},
		{"no object", `[]`, "", "this is no JSON object", 1},
		{"two", `{}{}`, "", "more than one JSON object", 1},
		{"a slip", `{"numbres":{"9":{"module":"hangup"}}}`, "unknown: account: numbres: this key is kept, and means nothing\n", "", 0},
		{"a slip in a node", `{"user":{"patterns":{"1.":{"module":"hangup","allow_peer":true,"children":{"_":{"module":"none","dat":{}}}}}}}`,
			"unknown: user: patterns.1%2E.children._.dat: this key is kept, and means nothing\n", "", 0},
		{"a level that is none", `{"account":5}`, "unknown: account: account: this key", "", 0},
		{"a slip in a level", `{"account":{"numbers":{"9":{"module":"hangup"}}},"devices":{}}`, "unknown: account: devices: this key", "", 0},
		{"too large", `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, "", "more than the documents of all levels may have", 1},
		{"a level too large", `{"device":{"x":"` + strings.Repeat("x", 256<<10) + `"}}`, "", "error: device: the document has 262152 bytes, at most 262144 are allowed", 1},
		{"a level of another type", `{"account":{},"user":[]}`, "unknown: account: user: this key", "", 0},
	} {
		code, out, errs := command(t, "", "check", file(t, c.file))
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
			t.Errorf("%s: %d\n%s%s", c.name, code, out, errs)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		command string
		args    []string
		code    int
		says    string
	}{
		{"simulate", []string{"--help"}, 0, `{"account":{...},"user":{...},"device":{...}}`},
		{"check", []string{"--help"}, 0, `{"account":{...},"user":{...},"device":{...}}`},
		{"simulate", nil, 2, "metaflows simulate --file FILE KEYS"},
		{"simulate", []string{"*9"}, 2, "--file is missing"},
		{"simulate", []string{"--dance", "*9"}, 2, "flag provided but not defined"},
		{"check", nil, 2, "metaflows check FILE"},
		{"check", []string{"--precedence", "x", "f"}, 2, "accepted are"},
		{"simulate", []string{"--file", "-", "a.txt", "b.txt"}, 2, "KEYS is one argument, and these are 2: a.txt b.txt"},
		{"simulate", []string{"*9", "--file", "-", "--json"}, 0, `"runs": []`},
		{"simulate", []string{"--file", "-", "--json", "*9", "--dance"}, 2, "metaflows simulate --help tells what there is"},
		{"check", []string{"-", "--precedence", "kazoo"}, 0, "nothing to say against it"},
		{"check", []string{"a", "b"}, 2, "FILE is one argument"},
		{"simulate", []string{"--file", "/does/not/exist", "*9"}, 1, "no such file"},
		{"check", []string{"/does/not/exist"}, 1, "no such file"},
		{"simulate", []string{"--file", "-", "x"}, 1, "keys: character 1: 'x' is no key"},
		{"simulate", []string{"--file", "-", "--digit-timeout", "soon", "1"}, 1, "accepted are 0 to 60000 ms"},
		{"simulate", []string{"--file", "-", "--absorb", "always", "1"}, 1, "armed, off"},
		{"simulate", []string{"--file", "-", "--outcome", "numbers.9", "1"}, 2, "numbers.9=fail:busy"},
		{"simulate", []string{"--file", "-", "--outcome", "numbers.9=win", "1"}, 1, "continue, stop, fail:<reason>, branch:<key>"},
	} {
		code, out, errs := command(t, "{}", c.command, c.args...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s %v: %d\n%s%s", c.command, c.args, code, out, errs)
		}
		if (code == 0) != (out != "") || (code != 0) != (errs != "") {
			t.Errorf("%s %v: %d, said at the wrong place", c.command, c.args, code)
		}
	}
}

// Addresses are blocked as the server would block them that is set so.
func TestBlockedAddresses(t *testing.T) {
	const document = `{"numbers":{"1":{"module":"record_call","data":{"action":"start","url":"http://10.0.0.9/"}}}}`
	for _, c := range []struct {
		list string
		code int
	}{{"", 1}, {"none", 0}, {"loopback,192.0.2.0/24", 0}, {"10.0.0.9", 1}, {"10.0.0.9/99", 2}} {
		for name, args := range map[string][]string{"check": {"-"}, "simulate": {"--file", "-", "*1"}} {
			if c.list != "" {
				args = append(args, "--blocked-addresses", c.list)
			}
			if code, out, errs := command(t, document, name, args...); code != c.code || code == 1 && !strings.Contains(errs, "invalid client URL") {
				t.Errorf("%s %v: %d\n%s%s", name, args, code, out, errs)
			}
		}
	}
}
