package ari

import (
	"slices"
	"testing"
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
		if got := splitArgs(tt.data); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.data, got, tt.want)
		}
	}
}
