package flows

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzDocument: reading any bytes never panics; what was read reads the same when it is compacted, and when it is
// written from what was understood; merging with empty documents changes nothing.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		seedDocument,
		`{"binding_digit":"#","digit_timeout":500,"listen_on":"both","numbers":{"9":{"module":"record_call","children":{"_":{"module":"hangup"}}}}}`,
		`{"patterns":{"2(?=3)":{"module":"x"},"a.b":{"module":"none","data":{"allow_peer":true}}},"x":[1,{"y":null}]}`,
		`{"numbers":{"2":{"module":"x"},"2":{"module":"x"}}}`,
		`{"digit_timeout":8e2,"numbers":{"2":{"module":""}}}`,
		`[`, `{}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseDocument(raw)
		if err != nil {
			if d != nil || err.Error() == "" {
				t.Fatalf("%v with %v", d, err)
			}
			return
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		written := writeDocument(d)
		for _, again := range [][]byte{compact.Bytes(), written} {
			d2, err := ParseDocument(again)
			if err != nil {
				t.Fatalf("%s: %v", again, err)
			}
			if got := writeDocument(d2); !bytes.Equal(got, written) {
				t.Fatalf("%s\nreads as %s\nwas      %s", again, got, written)
			}
		}
		alone := Merge(Settings{}, d, nil, nil)
		among := Merge(Settings{}, d, &Document{}, parse(t, `{"numbers":{},"patterns":{}}`))
		if alone.levels, among.levels = nil, nil; !reflect.DeepEqual(alone, among) {
			t.Fatal("an empty document changes the merge")
		}
		if twice := Merge(Settings{}, d, d, nil); !reflect.DeepEqual(alone.codes, twice.codes) || !reflect.DeepEqual(alone.searches, twice.searches) {
			t.Fatal("the same document again changes the merge")
		}
	})
}

// writeDocument writes what was understood of a document.
func writeDocument(d *Document) []byte {
	var b bytes.Buffer
	sep := byte('{')
	key := func(k string) {
		quoted, _ := json.Marshal(k)
		b.WriteByte(sep)
		b.Write(quoted)
		b.WriteByte(':')
		sep = ','
	}
	if d.BindingDigit != 0 {
		key("binding_digit")
		b.WriteString(`"` + string(d.BindingDigit) + `"`)
	}
	if d.DigitTimeout != 0 {
		key("digit_timeout")
		ms, _ := json.Marshal(d.DigitTimeout.Milliseconds())
		b.Write(ms)
	}
	if d.ListenOnSet {
		key("listen_on")
		b.WriteString(`"` + d.ListenOn.String() + `"`)
	}
	var node func(n *Node)
	node = func(n *Node) {
		sep = '{'
		key("module")
		module, _ := json.Marshal(n.Module)
		b.Write(module)
		key("data")
		_ = json.Compact(&b, n.Data)
		if n.AllowPeer {
			key("allow_peer")
			b.WriteString("true")
		}
		if n.Children != nil {
			key("children")
			sep = '{'
			for _, c := range n.Children {
				key(c.Key)
				node(c.Node)
				sep = ','
			}
			b.WriteByte('}')
			sep = ','
		}
		b.WriteByte('}')
	}
	for _, part := range []struct {
		name    string
		entries []Entry
	}{{"numbers", d.Numbers}, {"patterns", d.Patterns}} {
		if len(part.entries) == 0 {
			continue
		}
		key(part.name)
		sep = '{'
		for _, e := range part.entries {
			key(e.Key)
			node(e.Node)
			sep = ','
		}
		b.WriteByte('}')
		sep = ','
	}
	if sep == '{' {
		b.WriteByte(sep)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// FuzzMatch: no pattern and no keys make it panic; it compiles what package regexp compiles and matches what package
// regexp matches; captures are substrings; the same keys give the same answer twice; what is decided or dead stays so,
// and a key that cannot be used is in no match.
func FuzzMatch(f *testing.F) {
	f.Add(`2(\d+)`, "9", "21234", false)
	f.Add(`2(|1)`, "2", "2*#", true)
	f.Add(`(?i)(a|1)?\b(\*)`, "", "1*1", true)
	f.Add(`^(?:2|(3)){2,5}?$`, "23", "2323", false)
	f.Add(`(?m)^\B*(?U:.+)()`, "1", "*11", false)
	f.Add(`\Q2*\E|[[:digit:]]{3}`, "", "2*", true)
	f.Fuzz(func(t *testing.T, pattern, number, keys string, anywhere bool) {
		d := &Document{}
		search := pattern
		if !anywhere {
			search = `\A(?:` + pattern + `)`
		}
		budget := patLimits()
		compiled, problem, spent := patCompile(pattern, &budget)
		_, err := regexp.Compile(pattern)
		if (err != nil) != (problem != "") && !spent {
			t.Fatalf("package regexp says %v, we say %q", err, problem)
		}
		if (compiled == nil) != (problem != "") {
			t.Fatalf("%v with %q", compiled, problem)
		}
		if compiled == nil {
			return
		}
		re, err := regexp.Compile(search)
		if err != nil {
			return // too large, or ends in \Q
		}
		d.Patterns = []Entry{{Key: pattern, Node: &Node{Module: "p"}, pattern: compiled}}
		if docIsNumber(number) {
			d.Numbers = []Entry{{Key: number, Node: &Node{Module: "n"}}}
		}
		e := Merge(Settings{SearchAnywhere: anywhere}, d, nil, nil)
		var r, again Run
		e.Start(&r)
		var decided *Match
		for i := 0; i < min(len(keys), maxKeys) && patKeyBit(keys[i]) != 0; i++ {
			could, before, verdict := r.CanUse(keys[i]), r.Best(), r.Verdict()
			sofar := keys[:i+1]
			now := r.Press(keys[i])
			m := r.Best()
			if m != nil && before == nil && !could {
				t.Fatalf("%s: %+v, but the key could not be used", sofar, m)
			}
			if m != nil && verdict == Dead {
				t.Fatalf("%s: %+v after dead", sofar, m)
			}
			if verdict == Decided {
				decided = before
			}
			if m != nil && decided != nil && (m.Kind != decided.Kind || m.Text != decided.Text || !slices.Equal(m.Captures, decided.Captures)) {
				t.Fatalf("%s: %+v after decided %+v", sofar, m, decided)
			}
			if (now == Decided) != (now != Open && m != nil) {
				t.Fatalf("%s: %v with %+v", sofar, now, m)
			}
			e.Start(&again)
			for k := range len(sofar) {
				again.Press(sofar[k])
			}
			if m2 := again.Best(); !reflect.DeepEqual(m, m2) || again.Verdict() != now {
				t.Fatalf("%s: %+v, again %+v", sofar, m, m2)
			}
			loc := re.FindStringSubmatchIndex(sofar)
			switch {
			case docIsNumber(number) && number == sofar:
				if m == nil || m.Kind != "number" || m.Text != sofar || m.Captures != nil {
					t.Fatalf("%s: %+v, want the number", sofar, m)
				}
				continue
			case loc == nil || m == nil:
				if loc != nil || m != nil {
					t.Fatalf("%s: %+v, package regexp %v", sofar, m, loc)
				}
				continue
			}
			want := []string{}
			for g := 2; g < len(loc); g += 2 {
				if loc[g] < 0 {
					continue
				}
				for len(want) < g/2-1 {
					want = append(want, "")
				}
				want = append(want, sofar[loc[g]:loc[g+1]])
			}
			if m.Text != sofar[loc[0]:loc[1]] || !slices.Equal(m.Captures, want) || m.Collected != sofar {
				t.Fatalf("%s: %+v, package regexp %q %q", sofar, m, sofar[loc[0]:loc[1]], want)
			}
			for _, c := range m.Captures {
				if !strings.Contains(sofar, c) {
					t.Fatalf("%s: capture %q", sofar, c)
				}
			}
			if i > 0 && !could && loc[1] > i {
				t.Fatalf("%s: %+v has a key that could not be used", sofar, m)
			}
		}
	})
}
