package flows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// docOf makes a document of numbers and patterns; a module may follow a key after "=>", else it is "x".
func docOf(t testing.TB, numbers []string, patterns ...string) *Document {
	t.Helper()
	object := func(keys []string) string {
		var b strings.Builder
		for i, key := range keys {
			key, module, _ := strings.Cut(key, "=>")
			if module == "" {
				module = "x"
			}
			quoted, err := json.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `%s:{"module":%q}`, quoted, module)
		}
		return "{" + b.String() + "}"
	}
	d, err := ParseDocument([]byte(`{"numbers":` + object(numbers) + `,"patterns":` + object(patterns) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// told runs keys and tells every verdict, and what would run: "2:open 1:decided 2(\d+?)[1]".
func told(e *Effective, keys string) string {
	var r Run
	e.Start(&r)
	var told []string
	for i := range len(keys) {
		s := fmt.Sprintf("%c:%v", keys[i], r.Press(keys[i]))
		if m := r.Best(); m != nil {
			s += " " + m.Key
			if m.Captures != nil {
				s += "[" + strings.Join(m.Captures, ",") + "]"
			}
		}
		told = append(told, s)
	}
	return strings.Join(told, " ")
}

func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name     string
		numbers  []string
		patterns []string
		keys     string
		want     string
	}{
		// The examples of flows/README.md, Collecting.
		{"end of text", nil, []string{`5$`}, "5", "5:decided 5$[]"},
		{"both ends", nil, []string{`^2$`}, "2", "2:decided ^2$[]"},
		{"lazy", nil, []string{`2(\d+?)`}, "21", `2:open 1:decided 2(\d+?)[1]`},
		{"lazy to the end", nil, []string{`2(\d+?)$`}, "211", `2:open 1:open 2(\d+?)$[1] 1:open 2(\d+?)$[11]`},
		{"nothing preferred", nil, []string{`2(|1)`}, "2", "2:decided 2(|1)[]"},
		{"key preferred", nil, []string{`2(1|)`}, "21", "2:open 2(1|)[] 1:decided 2(1|)[1]"},
		{"no keypad has letters", nil, []string{`2([a-z]+)`}, "2", "2:dead"},
		{"number beside everything", []string{"9"}, []string{`.*`}, "9", "9:open 9"},
		{"number beside transfer", []string{"9"}, []string{`2(\d+)`}, "9", "9:decided 9"},
		{"transfer stays open", []string{"9"}, []string{`2(\d+)`}, "2123", `2:open 1:open 2(\d+)[1] 2:open 2(\d+)[12] 3:open 2(\d+)[123]`},
		{"fixed length", nil, []string{`2(\d{4})`}, "21234", `2:open 1:open 2:open 3:open 4:decided 2(\d{4})[1234]`},
		{"from the first key", nil, []string{`2(\d+)`}, "123", "1:dead 2:dead 3:dead"},

		// A number is the whole sequence, and comes before the patterns.
		{"longer number", []string{"9", "95"}, nil, "95", "9:open 9 5:decided 95"},
		{"no number", []string{"9", "95"}, nil, "96", "9:open 9 6:dead"},
		{"number first", []string{"9"}, []string{`9`}, "95", "9:open 9 5:decided 9[]"},
		{"number only", []string{"00", "0", "010"}, nil, "010", "0:open 0 1:open 0:decided 010"},

		// Patterns in order, first hit wins.
		{"first wins", nil, []string{`2.?`, `2`}, "21", "2:open 2.?[] 1:decided 2.?[]"},
		{"first is certain", nil, []string{`2`, `2(\d+)`}, "2", "2:decided 2[]"},
		{"first only at the end", nil, []string{`^2$`, `2(\d)`}, "21", `2:open ^2$[] 1:decided 2(\d)[1]`},
		{"second, the first may come", nil, []string{`2(\d{2})`, `2`}, "2", "2:open 2[]"},
		{"second never comes", nil, []string{`2$`, `2\*1`}, "2*2", `2:open 2$[] *:open 2:dead`},

		// What the next key is decides.
		{"boundary", nil, []string{`2\b`}, "23", `2:decided 2\b[] 3:dead`},
		{"no boundary", nil, []string{`2\B`}, "23", `2:open 3:decided 2\B[]`},
		{"no boundary, dead", nil, []string{`2\B`}, "2*", `2:open *:dead`},
		{"boundary, else a longer one", nil, []string{`2\b|23`}, "23", `2:open 2\b|23[] 3:decided 2\b|23[]`},
		{"boundary beside star", nil, []string{`2\b`, `2\*`}, "2", `2:decided 2\b[]`},
		{"boundary beside digit", nil, []string{`2\b`, `2\d`}, "23", `2:open 2\b[] 3:decided 2\d[]`},
		{"captures differ by the next key", nil, []string{`2(?:()\B|\b)`}, "23", `2:open 2(?:()\B|\b)[] 3:decided 2(?:()\B|\b)[]`},
		{"begin only", nil, []string{`1^2`, `\A3\z`}, "12", "1:dead 2:dead"},
		{"lines are texts", nil, []string{`(?m)^4$`}, "41", "4:decided (?m)^4$[] 1:dead"},
		{"longest dies, shorter comes back", nil, []string{`2(?:3$|)`}, "231", "2:open 2(?:3$|)[] 3:open 2(?:3$|)[] 1:decided 2(?:3$|)[]"},

		// The empty sequence never matches; the empty text may.
		{"empty text", nil, []string{`x*`}, "5", "5:decided x*[]"},
		{"star and hash", nil, []string{`\*#(\d)`}, "*#1", `*:open #:open 1:decided \*#(\d)[1]`},
		{"flags", nil, []string{`(?i)2(?U:\d+)(\d*)`}, "2123", `2:open 1:open (?i)2(?U:\d+)(\d*)[] 2:open (?i)2(?U:\d+)(\d*)[2] 3:open (?i)2(?U:\d+)(\d*)[23]`},

		// Kazoo's captures: "" in the middle, none at the end (flows/README.md, Captures).
		{"group in the middle", nil, []string{`2(\d)?(\*)?(#)`}, "2#", `2:open #:decided 2(\d)?(\*)?(#)[,,#]`},
		{"groups at the end", nil, []string{`2(\d)(\*)?(#)?$`}, "21", `2:open 1:open 2(\d)(\*)?(#)?$[1]`},
		{"named group", nil, []string{`2(?P<target>\d)`}, "21", `2:open 1:decided 2(?P<target>\d)[1]`},

		// Module none.
		{"number off", []string{"9=>none"}, nil, "9", "9:dead"},
		{"longer number off", []string{"9", "95=>none"}, nil, "9", "9:decided 9"},
		{"pattern off", nil, []string{`2(\d+)=>none`, `2`}, "2", "2:decided 2[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := Merge(Settings{}, docOf(t, tc.numbers, tc.patterns...), nil, nil)
			if got := told(e, tc.keys); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestVerdictsAnywhere(t *testing.T) {
	for _, tc := range []struct {
		numbers  []string
		patterns []string
		keys     string
		want     string
	}{
		{nil, []string{`2(\d+)`}, "9123", `9:open 1:open 2:open 3:open 2(\d+)[3]`}, // the reason why it is not the default
		{[]string{"9"}, []string{`2(\d+)`}, "9", `9:open 9`},
		{nil, []string{`^2$`}, "2", `2:decided ^2$[]`},
		{nil, []string{`^2`}, "12", `1:dead 2:dead`},
		{nil, []string{`2(\d)`}, "1212", `1:open 2:open 1:decided 2(\d)[1] 2:decided 2(\d)[1]`},
		{nil, []string{`\b1`}, "2*1", `2:open *:open 1:decided \b1[]`},
		{nil, []string{`21|1`}, "21", `2:open 1:decided 21|1[]`},
		{nil, []string{`5$`}, "55", `5:decided 5$[] 5:decided 5$[]`}, // again and again the same
	} {
		e := Merge(Settings{SearchAnywhere: true}, docOf(t, tc.numbers, tc.patterns...), nil, nil)
		if got := told(e, tc.keys); got != tc.want {
			t.Errorf("%q %q %s\ngot  %s\nwant %s", tc.numbers, tc.patterns, tc.keys, got, tc.want)
		}
	}
}

// TestStart: the empty sequence never matches, but it may be dead from the start.
func TestStart(t *testing.T) {
	for _, tc := range []struct {
		numbers  []string
		patterns []string
		want     Verdict
	}{
		{nil, nil, Dead},
		{nil, []string{`2([a-z]+)`}, Dead},
		{nil, []string{`a`, `^$`}, Dead},
		{nil, []string{`1{65}`}, Dead},
		{[]string{strings.Repeat("1", 65)}, nil, Dead},
		{nil, []string{`1{64}\B`}, Dead}, // there is no key to look at
		{nil, []string{`1{63}\B`}, Open},
		{nil, []string{`.*`}, Open},
		{nil, []string{`^`}, Open},
		{nil, []string{`1{64}`}, Open},
		{[]string{strings.Repeat("1", 64)}, nil, Open},
	} {
		e := Merge(Settings{}, docOf(t, tc.numbers, tc.patterns...), nil, nil)
		var r Run
		e.Start(&r)
		if r.Verdict() != tc.want || r.Matches() || r.Best() != nil || r.Len() != 0 || len(r.Keys()) != 0 {
			t.Errorf("%q %q: %v, matches %v; want %v", tc.numbers, tc.patterns, r.Verdict(), r.Matches(), tc.want)
		}
	}
	var r Run
	if r.Press('1') != Dead || r.Verdict() != Dead || r.Matches() || r.Best() != nil || r.CanUse('1') {
		t.Error("a Run that was not started is not dead")
	}
}

func TestMatch(t *testing.T) {
	account := docOf(t, []string{"9", "1"}, `2(\d+)(#)?`)
	device := docOf(t, []string{"9"})
	e := Merge(Settings{}, account, nil, device)
	best := func(keys string) *Match {
		var r Run
		e.Start(&r)
		for i := range len(keys) {
			r.Press(keys[i])
		}
		if string(r.Keys()) != keys {
			t.Errorf("keys %q, want %q", r.Keys(), keys)
		}
		return r.Best()
	}
	for keys, want := range map[string]*Match{
		"9":    {Kind: "number", Key: "9", Scope: ScopeDevice, Node: device.Numbers[0].Node, Collected: "9", Text: "9"},
		"1":    {Kind: "number", Key: "1", Scope: ScopeAccount, Node: account.Numbers[1].Node, Collected: "1", Text: "1"},
		"212*": {Kind: "pattern", Key: `2(\d+)(#)?`, Scope: ScopeAccount, Node: account.Patterns[0].Node, Captures: []string{"12"}, Collected: "212*", Text: "212"},
		"3":    nil,
	} {
		if got := best(keys); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", keys, got, want)
		}
	}
	if m := best("9"); m.Captures != nil {
		t.Error("a number has captures")
	}
}

func TestCanUse(t *testing.T) {
	for _, tc := range []struct {
		numbers  []string
		patterns []string
		keys     string
		want     string // of 0123456789*#
	}{
		{[]string{"9", "12", "13"}, nil, "", "19"},
		{[]string{"9", "12", "13"}, nil, "1", "23"},
		{[]string{"9", "12", "13"}, nil, "9", ""},
		{nil, []string{`2([1-4]+)`}, "", "2"},
		{nil, []string{`2([1-4]+)`}, "23", "1234"}, // 9 ends it and is relayed; * ends it and arms again
		{nil, []string{`2(\d+)#`}, "23", "0123456789#"},
		{[]string{"235"}, []string{`2(\d)\*`}, "23", "5*"},
		{nil, []string{`2\B`}, "2", "0123456789"}, // without a key after it there is no match
		{nil, []string{`2\b`}, "2", ""},
		{[]string{"2"}, []string{`2`}, "2", ""},              // more keys would run the pattern, but it does not take them
		{nil, []string{`2\d*`, `2\d\*`}, "21", "0123456789"}, // the second never runs
		{nil, []string{`21$`, `2\d\*`}, "21", "*"},
		{nil, []string{`2[a1]`}, "2", "1"},
		{nil, []string{`2(1a|2)`}, "2", "2"},
		{nil, []string{`21{64}|2\d{63}`}, "2", "0123456789"},
		{nil, []string{`21{64}`, `23`}, "2", "3"},
	} {
		e := Merge(Settings{}, docOf(t, tc.numbers, tc.patterns...), nil, nil)
		var r Run
		e.Start(&r)
		for i := range len(tc.keys) {
			r.Press(tc.keys[i])
		}
		got := ""
		for _, key := range []byte("0123456789*#ABCD") {
			if r.CanUse(key) {
				got += string(key)
			}
		}
		if got != tc.want {
			t.Errorf("%q %q after %q: can use %q, want %q", tc.numbers, tc.patterns, tc.keys, got, tc.want)
		}
	}
}

// TestLimit: the last of 64 keys ends a sequence, and what can only match beyond does not keep it open.
func TestLimit(t *testing.T) {
	e := Merge(Settings{}, docOf(t, nil, `2(\d*)`, `3\d{62}[45]`, `3\d{62}$`), nil, nil)
	var r Run
	press := func(keys string) (v Verdict) {
		e.Start(&r)
		for i := range len(keys) {
			v = r.Press(keys[i])
		}
		return v
	}
	if v := press("2" + strings.Repeat("1", 63)); v != Open || r.Len() != maxKeys || r.Best() == nil {
		t.Errorf("64 keys: %v, %d keys, %v", v, r.Len(), r.Best())
	}
	if v := r.Press('1'); v != Open || r.Len() != maxKeys || r.CanUse('1') {
		t.Errorf("65 keys: %v, %d keys, can use %v", v, r.Len(), r.CanUse('1'))
	}
	for _, key := range []byte{'A', 'D', 'a', 0, ' ', 255} {
		if v := press("2"); r.Press(key) != v || r.Len() != 1 || r.CanUse(key) {
			t.Errorf("key %q was collected", key)
		}
	}
	if v := press("3" + strings.Repeat("1", 62)); v != Open || !r.CanUse('4') || r.CanUse('1') {
		t.Errorf("63 keys: %v", v)
	}
	if v := press("3" + strings.Repeat("1", 62) + "4"); v != Decided {
		t.Errorf("64 keys: %v", v)
	}
}

// TestRunAgain: a Run serves one Effective after another, larger and smaller, and forgets everything.
func TestRunAgain(t *testing.T) {
	documents := []*Effective{
		Merge(Settings{}, docOf(t, []string{"1"}, `2(\d)`), nil, nil),
		Merge(Settings{}, docOf(t, nil, `(2)(\d)(\d)(\d)(\d?)(\*?)`, `2(\d+)#`, `(?:1|2|3|\*)+\b`), nil, nil),
		Merge(Settings{}, nil, nil, nil),
		Merge(Settings{SearchAnywhere: true}, docOf(t, nil, `2(\d)|3`, `(\*)`), nil, nil),
	}
	var again Run
	for range 3 {
		for i, e := range documents {
			for _, keys := range []string{"", "1", "212*", "999", "23#"} {
				var fresh Run
				e.Start(&again)
				e.Start(&fresh)
				for k := range len(keys) {
					if v, want := again.Press(keys[k]), fresh.Press(keys[k]); v != want {
						t.Errorf("document %d, %s: %v, fresh %v", i, keys[:k+1], v, want)
					}
				}
				if got, want := again.Best(), fresh.Best(); !reflect.DeepEqual(got, want) {
					t.Errorf("document %d, %s: %+v, fresh %+v", i, keys, got, want)
				}
			}
		}
	}
}

// TestAllocations: from the second sequence on neither Start nor Press allocates.
func TestAllocations(t *testing.T) {
	e := Merge(Settings{}, benchDocument(t), nil, nil)
	var r Run
	e.Start(&r)
	if n := testing.AllocsPerRun(100, func() {
		e.Start(&r)
		for _, key := range []byte("2123*#") {
			r.CanUse(key)
			r.Press(key)
			r.Matches()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestConcurrent: one Effective serves many Runs; the race detector looks on.
func TestConcurrent(t *testing.T) {
	d := docOf(t, []string{"9"}, `2(\d{2})`)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			e := Merge(Settings{SearchAnywhere: true}, d, nil, nil)
			if got, want := told(e, "1213"), `1:open 2:open 1:open 3:decided 2(\d{2})[13]`; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	group.Wait()
}
