package flows

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// parse reads a document; "" is none.
func parse(t testing.TB, raw string) *Document {
	t.Helper()
	if raw == "" {
		return nil
	}
	d, err := ParseDocument([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// merged tells an effective document: "digit timeout listen_on", then every entry as "key=module data@source" with what
// it replaced.
func merged(e *Effective) string {
	origin := func(part Part, key string) string {
		o, ok := e.Origin(part, key)
		if !ok {
			return "@?"
		}
		s := "@" + string(o.Source)
		for _, r := range o.Replaced {
			s += "<" + string(r)
		}
		return s
	}
	told := []string{
		string(e.BindingDigit) + origin(PartBindingDigit, ""),
		e.DigitTimeout.String() + origin(PartDigitTimeout, ""),
		e.ListenOn.String() + origin(PartListenOn, ""),
	}
	for _, n := range e.Numbers() {
		told = append(told, fmt.Sprintf("%s=%s %s%s", n.Key, n.Node.Module, n.Node.Data, origin(PartNumbers, n.Key)))
	}
	for _, p := range e.Patterns() {
		told = append(told, fmt.Sprintf("/%s=%s %s%s", p.Key, p.Node.Module, p.Node.Data, origin(PartPatterns, p.Key)))
	}
	return strings.Join(told, "; ")
}

const systemScalars = "*@system; 800ms@system; self@system"

func TestMerge(t *testing.T) {
	kazoo := Settings{KazooPrecedence: true}
	for _, tc := range []struct {
		name                  string
		settings              Settings
		account, user, device string
		want                  string
	}{
		{"nothing", Settings{}, "", "", "", systemScalars},
		{"settings", Settings{BindingDigit: '#', DigitTimeout: time.Second}, "", `{}`, "", "#@system; 1s@system; self@system"},
		{"scalars, the more specific wins where it is set", Settings{},
			`{"binding_digit":"#","digit_timeout":1000,"listen_on":"both"}`, `{"binding_digit":"1","listen_on":"self"}`, `{"digit_timeout":0,"binding_digit":"2"}`,
			"2@device<account<user; 1s@account; self@user<account"},
		{"scalars, precedence of Kazoo", kazoo,
			`{"binding_digit":"#"}`, `{"binding_digit":"1"}`, `{"binding_digit":"2","listen_on":"peer"}`,
			"1@user<account<device; 800ms@system; peer@device"},
		{"whole nodes", Settings{},
			`{"numbers":{"9":{"module":"record_call","data":{"action":"start"},"children":{"_":{"module":"hangup"}}}}}`, "", `{"numbers":{"9":{"module":"play"}}}`,
			systemScalars + "; 9=play {}@device<account"},
		{"device beats user", Settings{},
			`{"numbers":{"1":{"module":"a"}}}`, `{"numbers":{"1":{"module":"u"},"2":{"module":"u"}}}`, `{"numbers":{"2":{"module":"d"},"1":{"module":"d"}}}`,
			systemScalars + "; 1=d {}@device<account<user; 2=d {}@device<user"},
		{"user beats device, as Kazoo", kazoo,
			`{"numbers":{"1":{"module":"a"}}}`, `{"numbers":{"1":{"module":"u"},"2":{"module":"u"}}}`, `{"numbers":{"2":{"module":"d"},"1":{"module":"d"}}}`,
			systemScalars + "; 1=u {}@user<account<device; 2=u {}@user<device"},
		{"order of patterns", Settings{},
			`{"patterns":{"9":{"module":"a"},"1":{"module":"a"}}}`, `{"patterns":{"8":{"module":"u"},"1":{"module":"u"},"7":{"module":"u"}}}`, `{"patterns":{"6":{"module":"d"},"9":{"module":"d"},"8":{"module":"d"}}}`,
			systemScalars + "; /9=d {}@device<account; /1=u {}@user<account; /8=d {}@device<user; /7=u {}@user; /6=d {}@device"},
		{"order of patterns, as Kazoo", kazoo,
			`{"patterns":{"9":{"module":"a"}}}`, `{"patterns":{"8":{"module":"u"}}}`, `{"patterns":{"7":{"module":"d"}}}`,
			systemScalars + "; /9=a {}@account; /7=d {}@device; /8=u {}@user"},
		{"the first of only two", Settings{}, "", `{"patterns":{"9":{"module":"u"},"8":{"module":"u"}}}`, `{"patterns":{"8":{"module":"d"}}}`,
			systemScalars + "; /9=u {}@user; /8=d {}@device<user"},
		{"what is empty erases nothing", Settings{}, // D16
			`{"binding_digit":"#","digit_timeout":900,"numbers":{"1":{"module":"a"}},"patterns":{"2":{"module":"a"}}}`, `{"digit_timeout":0,"numbers":{},"patterns":{}}`, `{}`,
			"#@account; 900ms@account; self@system; 1=a {}@account; /2=a {}@account"},
		{"a number and a pattern of the same text", Settings{},
			`{"numbers":{"1":{"module":"n"}}}`, `{"patterns":{"1":{"module":"p"}}}`, "",
			systemScalars + "; 1=n {}@account; /1=p {}@user"},
		{"none stays in the list", Settings{}, `{"numbers":{"1":{"module":"a"}}}`, `{"numbers":{"1":{"module":"none"}}}`, "",
			systemScalars + "; 1=none {}@user<account"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			account, user, device := parse(t, tc.account), parse(t, tc.user), parse(t, tc.device)
			if got := merged(Merge(tc.settings, account, user, device)); got != tc.want {
				t.Errorf("\ngot  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestMergeSwitchedOff(t *testing.T) {
	account := `{"numbers":{"9":{"module":"a"},"95":{"module":"a"}},"patterns":{"2(\\d+)":{"module":"a"},"2":{"module":"a"}}}`
	for _, tc := range []struct {
		user, device string
		keys, want   string
	}{
		{"", "", "9", "9:open 9"},
		{`{"numbers":{"95":{"module":"none"}}}`, "", "9", "9:decided 9"},
		{`{"numbers":{"95":{"module":"none"}}}`, `{"numbers":{"95":{"module":"d"}}}`, "9", "9:open 9"}, // on again
		{`{"numbers":{"9":{"module":"none"}}}`, "", "95", "9:open 5:decided 95"},
		{`{"patterns":{"2(\\d+)":{"module":"none"}}}`, "", "21", "2:decided 2[] 1:decided 2[]"},
		{`{"numbers":{"9":{"module":"none"}}}`, `{"numbers":{"95":{"module":"none"}}}`, "9", "9:dead"},
	} {
		e := Merge(Settings{}, parse(t, account), parse(t, tc.user), parse(t, tc.device))
		if got := told(e, tc.keys); got != tc.want {
			t.Errorf("user %s, device %s: %s, want %s", tc.user, tc.device, got, tc.want)
		}
		if e.Empty() {
			t.Errorf("user %s, device %s: empty", tc.user, tc.device)
		}
	}
}

func TestEmpty(t *testing.T) {
	for _, tc := range []struct {
		account, user string
		want          bool
	}{
		{"", "", true},
		{`{"binding_digit":"#"}`, "", true},
		{`{"numbers":{},"patterns":{}}`, `{}`, true},
		{`{"numbers":{"1":{"module":"none"}},"patterns":{"2":{"module":"none"}}}`, "", true},
		{`{"numbers":{"1":{"module":"a"}}}`, `{"numbers":{"1":{"module":"none"}}}`, true},
		{`{"numbers":{"1":{"module":"a"}}}`, "", false},
		{"", `{"patterns":{"1":{"module":"a"}}}`, false},
	} {
		if got := Merge(Settings{}, parse(t, tc.account), parse(t, tc.user), nil).Empty(); got != tc.want {
			t.Errorf("%s %s: %v, want %v", tc.account, tc.user, got, tc.want)
		}
	}
}

func TestOriginUnknown(t *testing.T) {
	e := Merge(Settings{}, parse(t, `{"numbers":{"1":{"module":"a"}}}`), parse(t, `{"numbers":{"2":{"module":"a"}}}`), nil)
	for _, tc := range []struct {
		part Part
		key  string
	}{{PartNumbers, "3"}, {PartPatterns, "1"}, {"x", "1"}} {
		if o, ok := e.Origin(tc.part, tc.key); ok {
			t.Errorf("%s %s: %+v", tc.part, tc.key, o)
		}
	}
}

// TestMergeLeavesDocumentsAlone: documents are shared by all owners.
func TestMergeLeavesDocumentsAlone(t *testing.T) {
	raws := [3]string{
		`{"numbers":{"1":{"module":"a"}},"patterns":{"2":{"module":"a"},"3":{"module":"a"}}}`,
		`{"numbers":{"1":{"module":"u"},"4":{"module":"u"}},"patterns":{"2":{"module":"u"},"5":{"module":"u"}}}`,
		`{"numbers":{"1":{"module":"none"}},"patterns":{"3":{"module":"none"}}}`,
	}
	var documents [3]*Document
	for i, raw := range raws {
		documents[i] = parse(t, raw)
	}
	for range 2 {
		Merge(Settings{SearchAnywhere: true}, documents[0], documents[1], documents[2])
		Merge(Settings{KazooPrecedence: true}, documents[0], nil, documents[2])
	}
	for i, raw := range raws {
		want := parse(t, raw)
		for _, pair := range [2][2][]Entry{{documents[i].Numbers, want.Numbers}, {documents[i].Patterns, want.Patterns}} {
			for k := range pair[1] {
				if pair[0][k].Key != pair[1][k].Key || !reflect.DeepEqual(pair[0][k].Node, pair[1][k].Node) {
					t.Errorf("document %d: %+v, want %+v", i, pair[0][k], pair[1][k])
				}
			}
		}
	}
}
