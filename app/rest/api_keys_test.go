package rest

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"metaflows/app/auth"
	"metaflows/app/broker/brokertest"
)

// TestRolesOfKeys: what an administrator and a user of an account may, and only there.
func TestRolesOfKeys(t *testing.T) {
	l := newKeyLab(t)
	token := func(account, owner string) string {
		_, secret, err := l.keys.CreateKey(t.Context(), account, owner, "")
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := l.keys.Login(secret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for name, c := range map[string]struct {
		token         string
		account, keys int // statuses: the account's document, its keys
		alice, desk   int // her document, her device's
		bob, other    int // another user's, another device's
		self          int
	}{
		"super-admin":        {adminToken, 200, 200, 200, 200, 200, 200, 200},
		"administrator":      {token("acme", ""), 200, 200, 200, 200, 200, 200, 200},
		"alice":              {token("acme", "alice"), 403, 403, 200, 200, 403, 403, 200},
		"bob":                {token("acme", "bob"), 403, 403, 403, 403, 200, 403, 200},
		"other's":            {token("other", ""), 403, 403, 403, 403, 403, 403, 200},
		"other's user alice": {token("other", "alice"), 403, 403, 403, 403, 403, 403, 200},
	} {
		for path, want := range map[string]int{
			"/v2/accounts/acme/metaflows": c.account, "/v2/accounts/acme/api_keys": c.keys,
			"/v2/accounts/acme/users/alice/metaflows": c.alice, "/v2/accounts/acme/devices/desk/metaflows": c.desk,
			"/v2/accounts/acme/users/bob/metaflows": c.bob, "/v2/accounts/acme/devices/hall/metaflows": c.other,
			"/v2/token_auth": c.self,
		} {
			if w := l.as(c.token, "GET", path, ""); w.Code != want {
				t.Errorf("%s: GET %s: %d, want %d: %s", name, path, w.Code, want, w.Body)
			}
		}
	}
}

func TestAPIKeys(t *testing.T) {
	l := newKeyLab(t)
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{``, 201, `"api_key"`},
		{`{"data":{"name":"desk","owner_id":"alice"}}`, 201, `"owner_id":"alice"`},
		{`{"data":{"owner_id":"a b"}}`, 400, `"owner_id":{"pattern"`},
		{`{"data":{"owner_id":""}}`, 400, `"owner_id":{"pattern"`},
		{`{"data":{"name":7}}`, 400, `"name":{"type"`},
		{`{"data":{"name":"` + strings.Repeat("é", 129) + `"}}`, 400, `"name":{"maxLength"`},
		{`{"data":{"api_key":"mine"}}`, 400, `"api_key":{"additionalProperties"`},
		{`{"data":[]}`, 400, `"validation error"`},
	} {
		if w := l.do("PUT", "/v2/accounts/acme/api_keys", c.body); w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/v2/accounts/acme/api_keys/none", "/v2/accounts/acme/api_keys/a.b"} {
		for _, method := range []string{"GET", "DELETE"} {
			if w := l.do(method, path, ""); w.Code != 404 || !strings.Contains(w.Body.String(), `"bad_identifier"`) {
				t.Error(method, path, w.Code, w.Body)
			}
		}
	}
	if w := l.do("POST", "/v2/accounts/acme/api_keys", ""); w.Code != 405 || w.Header().Get("Allow") != "GET, PUT" {
		t.Error(w.Code, w.Header())
	}
}

// TestListing: pages of API keys, one after the other, are all of them.
func TestListing(t *testing.T) {
	l := newKeyLab(t)
	for range 57 {
		if _, _, err := l.keys.CreateKey(t.Context(), "acme", "", ""); err != nil {
			t.Fatal(err)
		}
	}
	type listed []struct{ ID string }
	for _, c := range []struct {
		query string
		size  int
		pages int
	}{{"", 50, 2}, {"page_size=20", 20, 3}, {"page_size=57", 57, 1}, {"page_size=9223372036854775807", 57, 1}, {"paginate=false", 57, 1}, {"page_size=1", 1, 57}} {
		var all []string
		start, pages := "", 0
		for {
			var page listed
			whole := answerOf(t, l.do("GET", "/v2/accounts/acme/api_keys?"+c.query+"&start_key="+start, ""), &page)
			pages++
			if len(page) > c.size || whole.PageSize == nil || *whole.PageSize != len(page) || whole.StartKey != start {
				t.Fatalf("%s: %d entries, %+v", c.query, len(page), whole)
			}
			for _, k := range page {
				all = append(all, k.ID)
			}
			if start = whole.NextStartKey; start == "" {
				break
			}
		}
		for i := range all {
			if i > 0 && all[i-1] >= all[i] {
				t.Errorf("%s: not in order, or twice", c.query)
			}
		}
		if len(all) != 57 || pages != c.pages {
			t.Errorf("%s: %d entries in %d pages", c.query, len(all), pages)
		}
	}
	for _, size := range []string{"0", "-1", "many", "1.5"} {
		if w := l.do("GET", "/v2/accounts/acme/api_keys?page_size="+size, ""); w.Code != 400 || !strings.Contains(w.Body.String(), `"page_size"`) {
			t.Error(size, w.Code, w.Body)
		}
	}
	var none listed
	if w := l.do("GET", "/v2/accounts/nobody/api_keys", ""); w.Code != 200 {
		t.Error(w.Code, w.Body)
	} else if whole := answerOf(t, w, &none); string(whole.Data) != "[]" || *whole.PageSize != 0 {
		t.Error(w.Body)
	}
}

// TestKeysAndDirectory: in a strict directory a key's account and owner must be there, a login tells the account's name, and
// who is deleted leaves no key.
func TestKeysAndDirectory(t *testing.T) {
	l := directoryLab(t, brokertest.Start(t), true)
	const keys = "/v2/accounts/acme/api_keys"
	expect := func(method, path, body string, status int, want string) *httptest.ResponseRecorder {
		t.Helper()
		w := l.do(method, path, body)
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return w
	}
	expect("PUT", keys, "", 404, `"bad_identifier"`)
	expect("GET", keys, "", 404, `"bad_identifier"`)
	expect("PUT", "/v2/accounts", `{"data":{"id":"acme","name":"Acme Ltd"}}`, 201, "")
	expect("PUT", keys, `{"data":{"owner_id":"alice"}}`, 400, `"owner_id":{"not_found"`)
	expect("PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice","name":"Alice"}}`, 201, "")
	var of [2]struct {
		APIKey string `json:"api_key"`
	}
	answerOf(t, expect("PUT", keys, `{"data":{"owner_id":"alice"}}`, 201, ""), &of[0])
	answerOf(t, expect("PUT", keys, "", 201, ""), &of[1])
	login := func(i, status int) {
		t.Helper()
		want := `"account_name":"Acme Ltd"`
		if status != 201 {
			want = `"bad identifier"`
		}
		expect("PUT", "/v2/api_auth", `{"data":{"api_key":"`+of[i].APIKey+`"}}`, status, want)
	}
	login(0, 201)
	login(1, 201)
	expect("DELETE", "/v2/accounts/acme/users/alice", "", 200, "")
	login(0, 404)
	login(1, 201)
	expect("DELETE", "/v2/accounts/acme", "", 200, "")
	login(1, 404)
}

// TestOwnersOfKeys: an API key's owner is checked as a device's, also against who is deleted while it is made.
func TestOwnersOfKeys(t *testing.T) {
	l := directoryLab(t, brokertest.Start(t), false)
	const keys = "/v2/accounts/acme/api_keys"
	owned := func(owner string, status int) {
		t.Helper()
		w := l.do("PUT", keys, `{"data":{"owner_id":"`+owner+`"}}`)
		if refusal := `"data":{"owner_id":{"not_found":{"cause":"` + owner + `",`; w.Code != status || strings.Contains(w.Body.String(), refusal) != (status == 400) {
			t.Errorf("%s: %d %s", owner, w.Code, w.Body)
		}
	}
	owned("anybody", 201) // the account has no users: ids are free
	for _, user := range []string{"alice", "bob"} {
		if w := l.do("PUT", "/v2/accounts/acme/users", `{"data":{"id":"`+user+`"}}`); w.Code != 201 {
			t.Fatal(w.Code, w.Body)
		}
	}
	owned("alice", 201)
	owned("alcie", 400)
	before := dataOf(t, l.do("GET", keys, ""))
	l.api.cfg.APIKeys = keysMeanwhile{l.api.cfg.APIKeys, func() {
		if w := l.do("DELETE", "/v2/accounts/acme/users/bob", ""); w.Code != 200 {
			t.Error(w.Code, w.Body)
		}
	}}
	owned("bob", 400)
	if after := dataOf(t, l.do("GET", keys, "")); after != before {
		t.Errorf("a key of somebody who is gone is left:\n%s\n%s", after, before)
	}
}

// keysMeanwhile let something happen just before a key is stored.
type keysMeanwhile struct {
	APIKeys
	meanwhile func()
}

func (k keysMeanwhile) CreateKey(ctx context.Context, account, owner, name string) (auth.Key, string, error) {
	k.meanwhile()
	return k.APIKeys.CreateKey(ctx, account, owner, name)
}
