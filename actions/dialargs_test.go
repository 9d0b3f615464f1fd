package actions

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// The list of dialstrings is read as Dial() reads it.
func TestDialstrings(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []string
	}{
		{"PJSIP/bob", []string{"PJSIP/bob"}},
		{"PJSIP/bob&PJSIP/carol", []string{"PJSIP/bob", "PJSIP/carol"}},
		{"PJSIP/bob&", []string{"PJSIP/bob"}},
		{"&PJSIP/carol/sip:carol@192.0.2.1:5060", []string{"PJSIP/carol/sip:carol@192.0.2.1:5060"}},
		{"PJSIP/carol&&PJSIP/bob", []string{"PJSIP/carol", "PJSIP/bob"}},
		{" & PJSIP/bob & ", []string{"PJSIP/bob"}},
	} {
		args, err := parseDial([]string{"dial", tt.list})
		if err != nil || !slices.Equal(args.targets, tt.want) {
			t.Errorf("%q: %q, %v, want %q", tt.list, args.targets, err, tt.want)
		}
	}
	for _, list := range []string{"", "&", "&&", " & "} {
		if _, err := parseDial([]string{"dial", list}); !errors.Is(err, errNobody) {
			t.Errorf("%q: %v, want %v", list, err, errNobody)
		}
	}
	for _, list := range []string{"bob", "PJSIP/", "/bob", "PJSIP/bob&carol", "&bob"} {
		if _, err := parseDial([]string{"dial", list}); err == nil || errors.Is(err, errNobody) || !strings.Contains(err.Error(), "TECHNOLOGY/resource") {
			t.Errorf("%q: %v, want an error that says what is accepted", list, err)
		}
	}
}

// The dial times are read as Dial() reads them, but for an absent one.
func TestDialTimes(t *testing.T) {
	const none = time.Duration(0)
	for _, tt := range []struct {
		text         string
		answer, sign time.Duration
	}{
		{"", defaultDial, none},
		{"^", defaultDial, none},
		{"5", 5 * time.Second, none},
		{"1.5", 1500 * time.Millisecond, none},
		{" 5 ", 5 * time.Second, none},
		{"0", none, none},
		{"-1", none, none},
		{"99999999999", none, none},
		{"100000", 100000 * time.Second, none},
		{"20^10", 20 * time.Second, 10 * time.Second},
		{"0^2.5", none, 2500 * time.Millisecond},
		{"20^", 20 * time.Second, none},
		{"20^0", 20 * time.Second, none},
		{"^10", defaultDial, 10 * time.Second},
	} {
		args, err := parseDial([]string{"dial", "PJSIP/bob", tt.text})
		if err != nil || args.answer != tt.answer || args.sign != tt.sign {
			t.Errorf("%q: %v and %v, %v, want %v and %v", tt.text, args.answer, args.sign, err, tt.answer, tt.sign)
		}
	}
	for _, text := range []string{"x", "5s", "NaN", "inf", "-inf", "20^x", "x^10", "1^2^3", "20,5"} {
		if _, err := parseDial([]string{"dial", "PJSIP/bob", text}); err == nil || !strings.Contains(err.Error(), "30^5") {
			t.Errorf("%q: %v, want an error that says what is accepted", text, err)
		}
	}
}
