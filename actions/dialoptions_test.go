package actions

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Options are cut as Dial() cuts them (main/app.c, parse_options).
func TestCutOption(t *testing.T) {
	for _, tt := range []struct {
		text   string
		letter byte
		value  string
		rest   string
	}{
		{"g", 'g', "", ""},
		{"gr", 'g', "", "r"},
		{"m(default)r", 'm', "default", "r"},
		{"m()r", 'm', "", "r"},
		{"b(context^s^1(one^two))g", 'b', "context^s^1(one^two)", "g"},
		{"b(a(b(c)d)e)", 'b', "a(b(c)d)e", ""},
		{`m(a\)b)r`, 'm', "a)b", "r"},
		{`m(a\\)r`, 'm', `a\`, "r"},
		{`m("a)b")r`, 'm', "a)b", "r"},
		{`m("a\"b)")r`, 'm', `a"b)`, "r"},
		{`m("a\b")r`, 'm', `a\b`, "r"},
		{`m(a"b)"r`, 'm', `a"b`, `"r`},
	} {
		letter, value, rest, err := cutOption(tt.text)
		if err != nil || letter != tt.letter || value != tt.value || rest != tt.rest {
			t.Errorf("%s: %c, %q, %q, %v, want %c, %q, %q", tt.text, letter, value, rest, err, tt.letter, tt.value, tt.rest)
		}
	}
	for _, text := range []string{"m(", "m(a", "b(a(b)", `m(a\)`, `m("a)`} {
		if _, _, _, err := cutOption(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		text string
		want dialOptions
	}{
		{"g", dialOptions{goOn: true}},
		{"rm(lab)", dialOptions{ringing: true, music: true, class: "lab"}},
		{" g", dialOptions{goOn: true}},
		{"i", dialOptions{ignoreForwards: true}},
		{"A(welcome)", dialOptions{calledSound: "welcome"}},
		{"A(welcome:wait)", dialOptions{calledSound: "welcome", callingSound: "wait"}},
		{"A(:wait)", dialOptions{callingSound: "wait"}},
		{"b(sip^s^1(one^two))", dialOptions{calleePredial: "sip,s,1(one,two)"}},
		{"B(1)", dialOptions{callerPredial: "1"}},
		{"bB()", dialOptions{}},
		{"c", dialOptions{elsewhere: true}},
		{"f(4711)", dialOptions{callerID: &callerID{number: "4711"}}},
		{"f((555) 123-45)", dialOptions{callerID: &callerID{number: "55512345"}}},
		{`f("Sales (day)" <4711>)`, dialOptions{callerID: &callerID{name: "Sales (day)", number: "4711"}}},
		{"f(Sales <4711>)", dialOptions{callerID: &callerID{name: "Sales", number: "4711"}}},
		{"f(Sales)", dialOptions{callerID: &callerID{name: "Sales"}}},
		{"D(12w#)", dialOptions{calledDigits: "12w#"}},
		{"D(:34)", dialOptions{callingDigits: "34"}},
		{"D(1:2)", dialOptions{calledDigits: "1", callingDigits: "2"}},
		{"D", dialOptions{}},
		{"Q(NO_ANSWER)", dialOptions{others: 19}},
		{"Q(user_busy)", dialOptions{others: 17}},
		{"Q(34)", dialOptions{others: 34}},
		{"Q(none)", dialOptions{others: causeNormal}},
		{"S(60)", dialOptions{limit: limit{lasts: time.Minute}}},
		{"L(60000)", dialOptions{limit: limit{lasts: time.Minute, audible: true}}},
		{"L(60000:30000:10000)", dialOptions{limit: limit{lasts: time.Minute, warn: 30 * time.Second, again: 10 * time.Second, audible: true}}},
		{"L(60000:90000)", dialOptions{limit: limit{lasts: time.Minute, audible: true}}},
		{"L(60000:90000:20000)", dialOptions{limit: limit{lasts: time.Minute, warn: 50 * time.Second, again: 20 * time.Second, audible: true}}},
		{"L(60000::10000)", dialOptions{limit: limit{lasts: time.Minute, audible: true}}},
		{"S(5)L(60000)", dialOptions{limit: limit{lasts: time.Minute, audible: true}}},
		{"L(60000)S(5)", dialOptions{limit: limit{lasts: time.Minute, audible: true}}},
	} {
		if got := read(t, tt.text); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.text, got, tt.want)
		}
	}
}

// What other dialplans have is taken, and said to have no effect.
func TestOptionsWithoutEffect(t *testing.T) {
	const letters = "tTkKwWxXhHI"
	got := read(t, letters+"g")
	if !got.goOn || len(got.warnings) != len(letters) {
		t.Fatalf("%+v", got)
	}
	for n, letter := range letters {
		if !strings.HasPrefix(got.warnings[n], "option "+string(letter)+" has no effect: ") {
			t.Errorf("%c: %s", letter, got.warnings[n])
		}
	}
	for _, text := range []string{"r(tone)", "f"} {
		if got := read(t, text); len(got.warnings) != 1 {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, tt := range []struct{ text, says string }{
		{"Z", `option "Z" is not known: accepted are A(sound), b(subroutine), B(subroutine), c, D(digits), f, g, `},
		{"gZ", `option "Z"`},
		{"G(a^b^1)", `option "G" is not known`},
		{"m(a", `option "m" has no closing parenthesis`},
		{"A(a,b)", `option "A" has a comma: accepted are`},
		{"g)", `option ")" is not known`},
		{"S", `option "S" has no limit: accepted are whole seconds`},
		{"S(0)", `option "S" has no limit`},
		{"S(1.5)", `option "S" has no limit`},
		{"S(99999999999)", `option "S" has no limit`},
		{"L", `option "L" has no limit: accepted are whole milliseconds`},
		{"L(0)", `option "L" has no limit`},
		{"L(1:x)", `option "L" has no limit`},
		{"L(1:2:3:4)", `option "L" has no limit`},
		{"Q(x)", `option "Q" has no cause: accepted are`},
		{"Q", `option "Q" has no cause`},
		{"Q(128)", `option "Q" has no cause`},
		{"f(<4711)", `option "f" has no caller: accepted is`},
	} {
		var o dialOptions
		if err := o.options(tt.text); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.says)
		}
	}
}

// What D holds may be a secret.
func TestDigitsAreNotTold(t *testing.T) {
	for _, text := range []string{"D(4711x)", "D(1:4711:2)"} {
		var o dialOptions
		if err := o.options(text); err == nil || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// How much time is left is said as Dial() says it.
func TestTimeLeft(t *testing.T) {
	for left, want := range map[time.Duration]string{
		30 * time.Second:  "sound:vm-youhave&number:30&sound:queue-seconds",
		119 * time.Second: "sound:vm-youhave&number:119&sound:queue-seconds",
		2 * time.Minute:   "sound:vm-youhave&number:2&sound:queue-minutes",
		125 * time.Second: "sound:vm-youhave&number:2&sound:queue-minutes&number:5&sound:queue-seconds",
	} {
		if got := timeLeft(left); got != want {
			t.Errorf("%v: %s, want %s", left, got, want)
		}
	}
}

func read(t *testing.T, text string) (o dialOptions) {
	t.Helper()
	if err := o.options(text); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return o
}
