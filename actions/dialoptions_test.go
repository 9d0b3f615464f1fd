package actions

import (
	"reflect"
	"strings"
	"testing"
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
	if got := read(t, "r(tone)"); !got.ringing || len(got.warnings) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, tt := range []struct{ text, says string }{
		{"Z", `option "Z" is not known: accepted are g, `},
		{"gZ", `option "Z"`},
		{"G(a^b^1)", `option "G" is not known`},
		{"m(a", `option "m" has no closing parenthesis`},
		{"g)", `option ")" is not known`},
	} {
		var o dialOptions
		if err := o.options(tt.text); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.says)
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
