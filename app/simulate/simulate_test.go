package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/flows"
)

func simulator() Simulator {
	return Simulator{Absorb: true, Modules: actions.New(actions.Config{}).Modules(), Conflicts: (*flows.Effective).Conflicts}
}

const codes = `{"numbers":{"9":{"module":"record_call","data":{"action":"start"},"children":{"_":{"module":"none"},"busy":{"module":"hangup"},"x":{"module":"hangup"}}},"0":{"module":"hangup"}},
 "patterns":{"2(\\d+)":{"module":"transfer"},"^7$":{"module":"hold"}}}`

// request is a request for codes of a's account.
func request(keys, more string) string {
	return fmt.Sprintf(`{"keys":%q,"documents":{"a":{"account":%s}}%s}`, keys, codes, more)
}

func simulated(t *testing.T, s Simulator, data string) *Answer {
	t.Helper()
	req, err := ParseRequest([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Run(req)
	if err != nil {
		t.Fatal(err)
	}
	if !answer.idle {
		t.Error("something is pending at the end")
	}
	return answer
}

// told is an answer in one line: what ran, what was heard.
func told(a *Answer) string {
	var parts []string
	for _, r := range a.Runs {
		s := fmt.Sprintf("%d %s/%s %s %s %s", r.At, r.Leg, r.Owner, r.DecidedBy, r.Key, r.Collected)
		if r.Captures != nil {
			s += fmt.Sprint(r.Captures)
		}
		for _, n := range r.Nodes {
			s += " " + n.Module + ":" + n.Outcome
		}
		parts = append(parts, s)
	}
	for leg, heard := range map[string][]Heard{"a": a.Hears.A, "b": a.Hears.B} {
		s := leg + " hears"
		for _, h := range heard {
			s += fmt.Sprintf(" %s@%d", h.Digits, h.At)
		}
		if len(heard) > 0 {
			parts = append(parts, s)
		}
	}
	slices.Sort(parts[len(a.Runs):])
	for _, u := range a.Unmatched {
		parts = append(parts, fmt.Sprintf("%d %s no code of %d", u.At, u.Leg, u.Count))
	}
	return strings.Join(parts, "; ")
}

func TestRun(t *testing.T) {
	both := strings.Replace(codes, "{", `{"listen_on":"both",`, 1)
	for _, tc := range []struct{ name, request, want string }{
		{"nothing", request("", ""), ""},
		{"no code", request("12", ""), "b hears 1@-100 2@100"},
		{"a number, at once", request("*9", ""), "200 a/a digit 9 9 record_call:continue none:continue; b hears *@-100"},
		{"a pattern, after the timeout", request("*21234", ""), "1800 a/a timeout 2(\\d+) 21234[1234] transfer:continue; b hears *@-100"},
		{"a number has no captures, a pattern without groups an empty list", request("*7", ""), "200 a/a digit ^7$ 7[] hold:fail:unsupported; b hears *@-100"},
		{"ended by #", request("*21#", ""), "600 a/a hash 2(\\d+) 21[1] transfer:continue; b hears *@-100"},
		{"ended by the binding digit", request("*21*9", ""), "600 a/a binding 2(\\d+) 21[1] transfer:continue; 800 a/a digit 9 9 record_call:continue none:continue; b hears *@-100"},
		{"relayed, each digit at its own start", request("*55", ""), "b hears *@-100 5@300 5@600; 200 a no code of 1"},
		{"a digit is heard from its beginning", request("5<1000>6", ""), "b hears 5@-100 6@1000"},
		{"the binding digit twice", request("**9", ""), "b hears *@-100 9@300"},
		{"the binding digit alone", request("*", ""), "b hears *@-100"},
		{"a failure runs the child of its reason", request("*9", `,"outcomes":{"numbers.9":"fail:busy"}`), "200 a/a digit 9 9 record_call:fail:busy hangup:continue; b hears *@-100"},
		{"never the child for all", request("*9", `,"outcomes":{"numbers.9":"fail:other"}`), "200 a/a digit 9 9 record_call:fail:other; b hears *@-100"},
		{"a branch", request("*9", `,"outcomes":{"numbers.9":"branch:x"}`), "200 a/a digit 9 9 record_call:branch:x hangup:continue; b hears *@-100"},
		{"a branch that is not there", request("*9", `,"outcomes":{"numbers.9":"branch:y"}`), "200 a/a digit 9 9 record_call:branch:y none:continue; b hears *@-100"},
		{"stop", request("*9", `,"outcomes":{"numbers.9":"stop"}`), "200 a/a digit 9 9 record_call:stop; b hears *@-100"},
		{"a child's own outcome", request("*9", `,"outcomes":{"numbers.9.children._":"fail:x"}`), "200 a/a digit 9 9 record_call:continue none:fail:x; b hears *@-100"},
		{"an outsider is not listened to", request("b:*0", ""), "a hears *@-100 0@100"},
		{"an outsider may hang up, and not record", fmt.Sprintf(`{"keys":"b:*0*9","documents":{"a":{"account":%s}}}`, both),
			"200 b/a digit 0 0 hangup:continue; 600 b/a digit 9 9 record_call:fail:forbidden; a hears *@-100 *@300"},
		{"two of one account: one press, one action", fmt.Sprintf(`{"keys":"b:*0","documents":{"a":{"account":%s},"b":{"account":%[1]s}}}`, both),
			"200 b/b digit 0 0 hangup:continue; a hears *@-100"},
		{"a is an outsider", fmt.Sprintf(`{"keys":"*0b:*0","documents":{"a":null,"b":{"device":%s}}}`, codes),
			"600 b/b digit 0 0 hangup:continue; a hears *@400; b hears *@-100 0@100"},
		{"absorb off", request("*21", `,"settings":{"absorb":"off"}`), "1200 a/a timeout 2(\\d+) 21[1] transfer:continue; b hears *@-100 2@100 1@300"},
		{"another binding digit and timeout", request("#0#2<500>1", `,"settings":{"binding_digit":"#","digit_timeout":300}`),
			"200 a/a digit 0 0 hangup:continue; b hears #@-100 #@300 2@1000 1@1300; 900 a no code of 1"},
		{"two in one relay; no code though searched anywhere", request("*12", `,"settings":{"pattern_search":"anywhere"}`), "b hears *@-100 1@1300 2@1500; 1200 a no code of 2"},
		{"searched anywhere", request("*321", `,"settings":{"pattern_search":"anywhere"}`), "1400 a/a timeout 2(\\d+) 321[1] transfer:continue; b hears *@-100"},
		{"too fast for Asterisk", request("*<10>9<10>8", ""), "110 a/a digit 9 9 record_call:continue none:continue; b hears *@-100 8@320"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := told(simulated(t, simulator(), tc.request))
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// Precedence: the device's node, or Kazoo's order, the user's.
func TestPrecedence(t *testing.T) {
	docs := `{"keys":"*1","documents":{"a":{"account":{"numbers":{"1":{"module":"none"}}},"user":{"numbers":{"1":{"module":"hangup"}}},"device":{"numbers":{"1":{"module":"transfer"}}}}}%s}`
	for settings, want := range map[string]string{"": "device transfer", `,"settings":{"precedence":"kazoo"}`: "user hangup"} {
		a := simulated(t, simulator(), fmt.Sprintf(docs, settings))
		if got := string(a.Runs[0].Source) + " " + a.Runs[0].Nodes[0].Module; got != want {
			t.Errorf("%q: %s, want %s", settings, got, want)
		}
	}
}

// The shape of the answer is a promise, letter by letter.
func TestAnswer(t *testing.T) {
	raw, err := json.Marshal(simulated(t, simulator(), request("*9*5", `,"outcomes":{"numbers.9":"stop"}`)))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Effective map[string]json.RawMessage
		Rest      json.RawMessage
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	var stored strings.Builder
	compact := json.NewEncoder(&stored)
	compact.SetEscapeHTML(false)
	_ = compact.Encode(json.RawMessage(codes))
	if a := string(got.Effective["a"]); a != strings.TrimSpace(stored.String()) || string(got.Effective["b"]) != "null" {
		t.Errorf("effective %s", got.Effective)
	}
	text := string(raw)
	_, text, _ = strings.Cut(text, `"b":null},`)
	want := `"listening":{"a":["a"],"b":[]},` +
		`"runs":[{"at":200,"leg":"a","owner":"a","decided_by":"digit","kind":"number","key":"9","source":"account","collected":"9",` +
		`"nodes":[{"path":"numbers.9","module":"record_call","data":{"action":"start"},"outcome":"stop"}]}],` +
		`"hears":{"a":[],"b":[{"at":-100,"digits":"*"},{"at":300,"digits":"*"},{"at":700,"digits":"5"}]},` +
		`"unmatched":[{"at":600,"leg":"a","count":1}],` +
		`"timeline":[{"at":0,"event":"code.armed","leg":"a"},{"at":0,"request":"addChannel","leg":"a","absorb":true},` +
		`{"at":200,"event":"code.matched","leg":"a","module":"record_call","path":"numbers.9","document":"account","count":1,"result":"digit"},` +
		`{"at":200,"event":"action.started","leg":"a","module":"record_call","path":"numbers.9","document":"account","count":1},` +
		`{"at":200,"event":"action.finished","leg":"a","module":"record_call","path":"numbers.9","document":"account","count":1,"result":"stop"},` +
		`{"at":200,"request":"addChannel","leg":"a","absorb":false},` +
		`{"at":400,"event":"code.armed","leg":"a"},{"at":400,"request":"addChannel","leg":"a","absorb":true},` +
		`{"at":600,"event":"code.unmatched","leg":"a","count":1},` +
		`{"at":600,"request":"dtmf","leg":"b","digits":"5"},{"at":5600,"request":"addChannel","leg":"a","absorb":false}],"conflicts":[]}`
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// A request that is wrong is refused with all that is wrong, and with what is accepted.
func TestRefused(t *testing.T) {
	long := `{"numbers":{"1":{"module":"none","x":"` + strings.Repeat("x", MaxDocument) + `"}}}`
	for _, tc := range []struct{ request, want string }{
		{`[]`, "data type"},
		{`{"keys":5}`, "keys type"},
		{`{"keys":null}`, "keys type"},
		{`{"keys":"*2x","documents":{"a":{}}}`, "keys pattern"},
		{`{"documents":{"c":{}}}`, "documents.c additionalProperties"},
		{`{"documents":{"a":[]}}`, "documents.a type"},
		{`{"documents":{"a":{"group":{}}}}`, "documents.a.group additionalProperties"},
		{`{"documents":{"a":{"user":{"patterns":{"(":{"module":"x"},"2.":{}}},"device":7}}}`,
			"documents.a.device type; documents.a.user.patterns.( error; documents.a.user.patterns.2%2E.module required"},
		{`{"documents":{"a":{"account":` + long + `}}}`, "documents.a.account maxSize"},
		{`{"settings":{"precedence":"x","pattern_search":1,"absorb":"always","binding_digit":"**","digit_timeout":"800"}}`,
			"settings.absorb enum; settings.binding_digit enum; settings.digit_timeout type; settings.pattern_search type; settings.precedence enum"},
		{`{"settings":{"digit_timeout":60001}}`, "settings.digit_timeout type"},
		{`{"outcomes":{"numbers.1":"win","numbers.2":"fail:"}}`, "outcomes.numbers%2E1 enum; outcomes.numbers%2E2 enum"},
		{`{"outcomes":{"numbers.1":"branch:` + strings.Repeat("x", 129) + `"}}`, "outcomes.numbers%2E1 enum"},
		{request("*9", `,"outcomes":{"numbers.9":"stop","numbers.8":"stop","patterns.2(\\d+)":"stop"}`), "outcomes.numbers%2E8 not_found"},
		{request("*9", `,"outcomes":{"numbers.9.children._":"stop","numbers.9.children.y":"stop"}`), "outcomes.numbers%2E9%2Echildren%2Ey not_found"},
	} {
		req, err := ParseRequest([]byte(tc.request))
		if err == nil {
			_, err = simulator().Run(req)
		}
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%.80s: %v", tc.request, err)
			continue
		}
		var got []string
		for _, p := range refused.Problems {
			got = append(got, p.Path+" "+p.Code)
			if p.Message == "" {
				t.Errorf("%.80s: no message", tc.request)
			}
		}
		if s := strings.Join(got, "; "); s != tc.want {
			t.Errorf("%.80s:\ngot  %s\nwant %s", tc.request, s, tc.want)
		}
	}
}

// However much a short request makes happen, the answer stays short, and says that it does not tell all.
func TestAnswerIsBounded(t *testing.T) {
	deep := strings.Repeat(`{"module":"hangup","children":{"_":{"module":"hangup"},"`+strings.Repeat("x", 128)+`":`, 60) + `{"module":"hangup"}` + strings.Repeat("}}", 60)
	for name, doc := range map[string]string{
		"long paths": `{"numbers":{"1":` + deep + `}}`,
		"long data":  `{"numbers":{"1":{"module":"hangup","data":{"x":"` + strings.Repeat("\\u0001", 30<<10) + `"}}}}`,
	} {
		outcomes, path := map[string]string{}, "numbers.1"
		for name == "long paths" && len(outcomes) < 60 {
			outcomes[path] = "branch:" + strings.Repeat("x", 128)
			path += ".children." + strings.Repeat("x", 128)
		}
		answer, err := simulator().Run(Request{Keys: strings.Repeat("*1", MaxKeys/2), A: &Documents{Account: json.RawMessage(doc)}, Outcomes: outcomes})
		if err != nil {
			t.Fatal(name, err)
		}
		text, err := json.Marshal(answer)
		if most := maxAnswer + 2*len(doc) + 64<<10; err != nil || len(text) > most || !answer.Truncated || len(answer.Runs) == 0 {
			t.Errorf("%s: %d bytes, at most %d; truncated: %v, %d runs", name, len(text), most, answer.Truncated, len(answer.Runs))
		}
	}
}

func TestParseKeys(t *testing.T) {
	for keys, want := range map[string]string{
		"":                             "",
		"*2<1200>9b:*9":                "a*0 a2 200 a9 1500 b* 1700 b9 1900",
		"1<0>2b:<50>3":                 "a1 0 a2 100 b3 250",
		"b:1a:2":                       "b1 0 a2 200",
		"1<5>":                         "a1 0",
		"ABCD":                         "aA 0 aB 200 aC 400 aD 600",
		"x":                            "character 1: 'x' is no key",
		"12é":                          "character 3: 'é' is no key",
		"a1":                           "character 1: 'a' is no key",
		"1<x>2":                        "character 2: a silence is written",
		"1<-5>2":                       "character 2: a silence is written",
		"1<60001>2":                    "character 2: a silence is written",
		"1<5":                          "character 2: a silence is written",
		"<5>1":                         "character 1: a silence stands once between two keys",
		"1<5><5>2":                     "character 5: a silence stands once between two keys",
		"1<5>b:<5>2":                   "character 7: a silence stands once between two keys",
		strings.Repeat("1", MaxKeys+1): fmt.Sprintf("character %d: more than 256 keys", MaxKeys+1),
	} {
		presses, err := ParseKeys(keys)
		if err != nil {
			if !strings.HasPrefix(err.Error(), want) || want == "" {
				t.Errorf("%.20s: %v, want %s", keys, err, want)
			}
			continue
		}
		var got []string
		for _, p := range presses {
			got = append(got, fmt.Sprintf("%s%c %d", p.Leg, p.Key, p.At.Milliseconds()))
		}
		if s := strings.Join(got, " "); s != strings.Replace(want, "a*0", "a* 0", 1) {
			t.Errorf("%s: %s, want %s", keys, s, want)
		}
	}
}

// FuzzRun presses anything on anything: it ends in its bounds, and every digit is accounted for: what a party presses the
// other hears, at once or relayed, or it was part of a code, or the second binding digit.
func FuzzRun(f *testing.F) {
	for _, keys := range []string{"*9", "*21234", "**55", "*5<1200>5b:*9a:1", "*2<0>1<10>5", "1b:2a:3b:4<30>*#ABCD"} {
		f.Add(keys, codes, byte(0))
		f.Add(keys, `{"listen_on":"both","binding_digit":"#","digit_timeout":100,"patterns":{".*":{"module":"none"},"(.)(.)":{"module":"hangup"}}}`, byte(255))
	}
	f.Fuzz(func(t *testing.T, keys, doc string, choice byte) {
		parties := Request{Keys: keys, A: &Documents{Account: json.RawMessage(doc)}}
		if choice&1 != 0 {
			parties.B = parties.A
		}
		if choice&2 != 0 {
			parties.Settings.PatternSearch = "anywhere"
		}
		if choice&4 != 0 {
			parties.Settings.Absorb = "off"
		}
		began := time.Now()
		answer, err := simulator().Run(parties)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
		if err != nil {
			return
		}
		presses, _ := ParseKeys(keys)
		if answer.Truncated {
			return
		}
		for leg, heard := range map[string][]Heard{"a": answer.Hears.B, "b": answer.Hears.A} {
			accounted(t, answer, leg, presses, heard)
		}
	})
}

// accounted checks one presser's digits.
func accounted(t *testing.T, a *Answer, leg string, presses []Press, heard []Heard) {
	pressed, other := map[byte]int{}, map[byte]int{}
	total := 0
	for _, p := range presses {
		if p.Leg == leg {
			pressed[p.Key]++
			total++
		}
	}
	for _, h := range heard {
		other[h.Digits[0]]++
		total--
	}
	for key, n := range other {
		if n > pressed[key] {
			t.Errorf("%c was pressed %d times and heard %d times", key, pressed[key], n)
		}
	}
	swallowed := 0
	for _, r := range a.Runs {
		if r.Leg == leg {
			swallowed += len(r.Collected) + 2 // the binding digit, and # at the end
		}
	}
	for _, h := range a.Timeline {
		if h.Leg == leg && h.Event == "code.armed" {
			swallowed++ // the second binding digit
		}
	}
	if total > swallowed {
		t.Errorf("%s: %d digits were not heard, and at most %d part of codes: %s", leg, total, swallowed, told(a))
	}
}

// BenchmarkRun is a simulation of a short code, as the REST API asks for it, and of the longest that is allowed.
func BenchmarkRun(b *testing.B) {
	for _, keys := range []string{"*21234", strings.Repeat("*5", MaxKeys/2)} {
		b.Run(fmt.Sprintf("%d keys", len(keys)), func(b *testing.B) {
			req, err := ParseRequest([]byte(request(keys, "")))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := simulator().Run(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
