package ari

import (
	"slices"
	"testing"

	"metaflows/flows/calls"
)

// TestSplitArgs: as AST_STANDARD_APP_ARGS.
func TestSplitArgs(t *testing.T) {
	for _, tt := range []struct {
		data string
		want []string
	}{
		{"metaflows", []string{"metaflows"}},
		{"metaflows,dial,PJSIP/bob,30", []string{"metaflows", "dial", "PJSIP/bob", "30"}},
		{"metaflows,dial,PJSIP/bob&PJSIP/carol,,m(a,b)g", []string{"metaflows", "dial", "PJSIP/bob&PJSIP/carol", "", "m(a,b)g"}},
		{`metaflows,"a,b",c\,d`, []string{"metaflows", "a,b", "c,d"}},
		{"", []string{""}},
		{")),(", []string{"))", "("}},
	} {
		if got := splitArgs(tt.data, ','); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.data, got, tt.want)
		}
	}
}

// TestArgs: what the dialplan gave for us, as a channel that is found says it.
func TestArgs(t *testing.T) {
	c, err := New(Config{URL: "http://127.0.0.1:8088/ari", Username: "u", Password: "p", Application: "metaflows", Handler: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id, app, data string
		want          []string
	}{
		{"1.1", "Stasis", "metaflows,dial,PJSIP/bob,30", []string{"dial", "PJSIP/bob", "30"}},
		{"1.1", "Stasis", "other,dial,PJSIP/bob,30", nil},
		{"1.1", "Stasis", "metaflows", []string{}},
		{"1.1", "StasisBroadcast", "500,^metaflows$,dial:PJSIP/bob:30:m(a)g", []string{"dial", "PJSIP/bob", "30", "m(a)g"}},
		{"1.1", "StasisBroadcast", "500,^metaflows$,dial:PJSIP/bob:30,no", []string{"dial", "PJSIP/bob", "30"}},
		{"1.1", "StasisBroadcast", "500,^metaflows$", []string{}},
		{"1.1", "Dial", "PJSIP/bob", nil},
		{"leg-1.1-1", "Stasis", "metaflows,leg,1.1", nil},
	} {
		if got := c.args(ChannelEntry{Channel: calls.Channel{ID: tt.id, AppData: tt.data}, DialplanApp: tt.app}); !slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%s %s(%s): %q, want %q", tt.id, tt.app, tt.data, got, tt.want)
		}
	}
}
