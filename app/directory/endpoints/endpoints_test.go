package endpoints

import "testing"

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		list, endpoint string
		ok             bool
	}{
		{"", "PJSIP/desk", true},
		{"", "PJSIP/a.b_c-d+1", true},
		{"", "PJSIP/0172@trunk", false},
		{"", "PJSIP/desk/sip:x@example.com", false},
		{"", "Local/1@admin/n", false},
		{"", "pjsip/desk", false},
		{"", "PJSIP/desk\n", false},
		{`PJSIP/\d{4,15}@trunk, IAX2/office/\d+`, "PJSIP/0172555@trunk", true},
		{`PJSIP/\d{4,15}@trunk, IAX2/office/\d+`, "PJSIP/0172555@trunk2", false},
		{`PJSIP/\d{4,15}@trunk, IAX2/office/\d+`, "IAX2/office/12", true},
		{`PJSIP/\d{4,15}@trunk, IAX2/office/\d+`, "xIAX2/office/12", false},
		{`a|PJSIP/1@t`, "PJSIP/1@t/evil", false},
		{`(?m)PJSIP/1@t`, "PJSIP/1@t\nPJSIP/2@t", false},
	} {
		e, err := Parse(c.list)
		if err != nil || e.Allow(c.endpoint) != c.ok {
			t.Errorf("%q, %q: %v %v", c.list, c.endpoint, !c.ok, err)
		}
	}
	for _, bad := range []string{"PJSIP/(x", "PJSIP/a PJSIP/b", `PJSIP/1@t)|(?:PJSIP/2@t`} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
