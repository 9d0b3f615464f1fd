package rest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"metaflows/app/store"
	"metaflows/flows"
)

// TestStoredDocuments: all of them, as they were stored, page by page, each once; of an account for its administrators, of all
// for the super-admin.
func TestStoredDocuments(t *testing.T) {
	l := newLab(t)
	for _, p := range []store.Place{
		{Account: "acme", Scope: flows.ScopeAccount}, {Account: "acme", Scope: flows.ScopeUser, ID: "alice"}, {Account: "acme", Scope: flows.ScopeDevice, ID: "desk"},
		{Account: "acme-2", Scope: flows.ScopeAccount}, {Account: "Zoo", Scope: flows.ScopeUser, ID: "-"}, {Account: "acme_", Scope: flows.ScopeDevice, ID: "_"},
	} {
		if _, err := l.docs.set(p, []byte(`{"patterns":{"2":{"module":"none","<&>":1},"1":{"module":"none"}}}`), store.Any); err != nil {
			t.Fatal(err)
		}
	}
	l.docs.docs[store.Place{Account: "acme-2", Scope: flows.ScopeUser, ID: "torn"}] = store.Document{Raw: []byte(`{"numbers":`), Revision: 9}
	read := func(path, size string) (all []string) {
		t.Helper()
		for start := ""; ; {
			w := l.do("GET", path+"?"+size+"&start_key="+url.QueryEscape(start), "")
			var answer struct {
				Data []struct {
					Account   string `json:"account_id"`
					User      string `json:"user_id"`
					Device    string `json:"device_id"`
					Revision  string
					Metaflows json.RawMessage
				}
				Next string `json:"next_start_key"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
				t.Fatal(err, w.Code, w.Body)
			}
			for _, d := range answer.Data {
				all = append(all, d.Account+"/"+d.User+"/"+d.Device)
				if torn := d.User == "torn"; d.Revision == "" || torn != (d.Metaflows == nil) || !torn && string(d.Metaflows) != `{"patterns":{"2":{"module":"none","<&>":1},"1":{"module":"none"}}}` {
					t.Errorf("%+v %s", d, d.Metaflows)
				}
			}
			if start = answer.Next; start == "" {
				return all
			}
		}
	}
	const everything = "Zoo/-/ acme// acme//desk acme/alice/ acme-2// acme-2/torn/ acme_//_"
	for _, size := range []string{"page_size=1", "page_size=2", "page_size=6", "", "paginate=false"} {
		if got := strings.Join(read("/v2/documents", size), " "); got != everything {
			t.Errorf("%s: %s", size, got)
		}
		if got := strings.Join(read("/v2/accounts/acme/documents", size), " "); got != "acme// acme//desk acme/alice/" {
			t.Errorf("%s: %s", size, got)
		}
	}
	if got := read("/v2/accounts/nobody/documents", ""); len(got) != 0 {
		t.Error(got)
	}
	for token, status := range map[string][2]int{"acme-token": {403, 200}, "other-token": {403, 403}, "alice-token": {403, 403}, "": {401, 401}} {
		for i, path := range []string{"/v2/documents", "/v2/accounts/acme/documents"} {
			if w := l.do("GET", path, "", "X-Auth-Token: "+token); w.Code != status[i] {
				t.Errorf("%s of %q: %d %s", path, token, w.Code, w.Body)
			}
		}
	}
	l.docs.away = true
	for _, path := range []string{"/v2/documents", "/v2/accounts/acme/documents"} {
		if w := l.do("GET", path, ""); w.Code != 503 {
			t.Error(path, w.Code, w.Body)
		}
	}
	l.docs.away = false
	if w := l.do("GET", "/v2/documents?page_size=0", ""); w.Code != 400 {
		t.Error(w.Code, w.Body)
	}
}
