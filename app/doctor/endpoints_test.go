package doctor

import (
	"strings"
	"testing"
)

const sets = "set_var=METAFLOWS_ACCOUNT=acme\nset_var = METAFLOWS_USER=u\n"

func TestEndpoints(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string
		wants      []string
	}{
		"all have it": {"pjsip.conf", "[alice]\ntype=endpoint\n" + sets + "[alice]\ntype=aor\n[bob]\ntype=endpoint\n" + sets, []string{"ok      all 2 endpoints have METAFLOWS_ACCOUNT"}},
		"one has not": {"pjsip.conf", "[alice]\ntype=endpoint\ncontext=acme\n" + sets + "[bob]\ntype=endpoint\n\n[trunk]\ntype=endpoint\nset_var=X=y\n", []string{
			"NOTE    2 of 3 endpoints have no METAFLOWS_ACCOUNT, so no codes, and cannot transfer: bob (pjsip.conf:6), trunk (pjsip.conf:9)\n",
			"in pjsip.conf, [bob], if its user shall have codes:\n          set_var = METAFLOWS_ACCOUNT=acme\n          set_var = METAFLOWS_USER=bob\n          set_var = METAFLOWS_DEVICE=bob\n          set_var = METAFLOWS_CONTEXT=acme\n",
		}},
		"from a template": {"pjsip.conf", "[phone](!)\ntype=endpoint\n" + sets + "[alice](phone)\n[bob](phone)\nset_var=METAFLOWS_DEVICE=desk\n", []string{
			"NOTE    1 of 2 endpoints with METAFLOWS_ACCOUNT have no METAFLOWS_DEVICE: alice (pjsip.conf:5)\n", "set_var = METAFLOWS_DEVICE=alice\n",
		}},
		"added later": {"pjsip.conf", "[alice]\ntype=aor\n[alice]\ntype=endpoint\n[bob]\ntype=endpoint\n" + sets + "[alice](+type=endpoint)\n" + sets, []string{"ok      all 2 endpoints have METAFLOWS_ACCOUNT"}},
		"none":        {"pjsip.conf", "[alice]\ntype=endpoint\ncontext=house\n", []string{"NOTE    no endpoint has METAFLOWS_ACCOUNT", "set_var = METAFLOWS_USER=alice\n", "set_var = METAFLOWS_CONTEXT=house\n"}},
		"wizard": {"pjsip_wizard.conf", "[alice]\ntype=wizard\nendpoint/set_var=METAFLOWS_ACCOUNT=acme\n[bob]\ntype=wizard\n", []string{
			"NOTE    1 of 2 endpoints have no METAFLOWS_ACCOUNT", "bob (pjsip_wizard.conf:4)", "endpoint/set_var = METAFLOWS_ACCOUNT=acme\n",
		}},
		"many": {"pjsip.conf", "[alice]\ntype=endpoint\n" + sets + strings.Repeat("[x]\ntype=endpoint\n", 12), []string{"x (pjsip.conf:23) and 2 more\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			healthy, text := says(t, map[string]string{tt.file: tt.text})
			if !healthy {
				t.Error("it may be meant so")
			}
			for _, want := range tt.wants {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q in\n%s", want, text)
				}
			}
		})
	}
}
