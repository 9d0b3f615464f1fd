package actions

import (
	"errors"
	"slices"
	"strings"
	"testing"
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
