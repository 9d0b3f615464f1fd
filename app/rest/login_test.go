package rest

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/app/store"
	"metaflows/flows"
)

func TestAuthentication(t *testing.T) {
	l := newLab(t)
	_, _ = l.docs.set(store.Place{Account: "acme", Scope: flows.ScopeAccount}, []byte(`{}`), store.Any)
	var answers []string
	for _, header := range []string{
		"X-Auth-Token: ", "X-Auth-Token: wrong", "X-Auth-Token: " + adminToken + "x", "X-Auth-Token: " + adminToken[1:], "X-Auth-Token: admin",
	} {
		for _, path := range []string{"/v2/accounts/acme/metaflows", "/v2/accounts/nobody/metaflows", "/v2/accounts/a.b/metaflows", "/v2/accounts/acme/users/no/metaflows"} {
			for _, method := range []string{"GET", "POST", "DELETE", "PUT"} {
				w := l.do(method, path, "not json", header, "X-Request-ID: r1")
				if w.Code != 401 {
					t.Errorf("%s %s %q: %d", method, path, header, w.Code)
				}
				body, _, _ := strings.Cut(w.Body.String(), `"timestamp"`)
				answers = append(answers, body)
			}
		}
	}
	for _, a := range answers {
		if a != answers[0] || strings.Contains(a, "version") || strings.Contains(a, "auth_token") || strings.Contains(a, "wrong") {
			t.Fatalf("an answer tells more than another: %s", a)
		}
	}
	for _, header := range []string{"Authorization: Bearer " + adminToken, "Authorization: bearer  " + adminToken + " "} {
		if w := l.do("GET", "/v2/accounts/acme/metaflows", "", "X-Auth-Token: ", header); w.Code != 200 {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
	for _, header := range []string{"Authorization: " + adminToken, "Authorization: Basic " + adminToken, "Authorization: Bearer"} {
		if w := l.do("GET", "/v2/accounts/acme/metaflows", "", "X-Auth-Token: ", header); w.Code != 401 {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
	if strings.Contains(l.log.String(), adminToken) || strings.Contains(l.log.String(), "wrong") {
		t.Error("a token stands in the log")
	}
}

// Who may what: every role on every kind of route, with every method. What is not allowed changes nothing and tells nothing.
func TestRoles(t *testing.T) {
	const account, alice, bob, desk, bobs, nobodys, foreign, foreignDesk = "/v2/accounts/acme/metaflows", "/v2/accounts/acme/users/alice/metaflows",
		"/v2/accounts/acme/users/bob/metaflows", "/v2/accounts/acme/devices/desk/metaflows", "/v2/accounts/acme/devices/bobs/metaflows",
		"/v2/accounts/acme/devices/nobodys/metaflows", "/v2/accounts/other/metaflows", "/v2/accounts/other/devices/desk/metaflows"
	all := []string{account, alice, bob, desk, bobs, nobodys, foreign, foreignDesk, "/v2/accounts/a.b/metaflows", "/v2/accounts/other/users/alice/metaflows"}
	for token, allowed := range map[string][]string{
		adminToken:    {account, alice, bob, desk, bobs, nobodys, foreign, foreignDesk, "/v2/accounts/other/users/alice/metaflows"},
		"acme-token":  {account, alice, bob, desk, bobs, nobodys},
		"other-token": {foreign, foreignDesk, "/v2/accounts/other/users/alice/metaflows"},
		"alice-token": {alice, desk},
		"lost-token":  {},
		"zero-token":  {},
	} {
		for _, path := range all {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				l := newLab(t)
				w := l.do(method, path, seedPost, "X-Auth-Token: "+token)
				want := 403
				if slices.Contains(allowed, path) {
					want = 200
				} else if token == adminToken {
					want = 404
				}
				if w.Code != want {
					t.Errorf("%s %s %s: %d, want %d: %s", token, method, path, w.Code, want, w.Body)
				}
				if w.Code == 403 && (!strings.Contains(w.Body.String(), `"data":{"message":"forbidden"},"error":"403","message":"forbidden"`) || len(l.docs.docs) > 0) {
					t.Errorf("%s %s %s: %s", token, method, path, w.Body)
				}
			}
		}
	}
}

// Nil Owners: no device is a user's.
func TestWithoutDirectory(t *testing.T) {
	l := newLab(t)
	l.api.cfg.Owners = nil
	if w := l.do("GET", "/v2/accounts/acme/devices/desk/metaflows", "", "X-Auth-Token: alice-token"); w.Code != 403 {
		t.Error(w.Code)
	}
	if w := l.do("GET", "/v2/accounts/acme/users/alice/metaflows", "", "X-Auth-Token: alice-token"); w.Code != 200 {
		t.Error(w.Code)
	}
}

func TestOwnAccount(t *testing.T) {
	l := newLab(t)
	if w := l.do("POST", "/v2/account/users/alice/metaflows", seedPost, "X-Auth-Token: alice-token"); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if _, ok, _ := l.docs.Get(store.Place{Account: "acme", Scope: flows.ScopeUser, ID: "alice"}); !ok {
		t.Error("stored elsewhere")
	}
	if w := l.do("GET", "/v2/account/metaflows", "", "X-Auth-Token: other-token"); w.Code != 200 || !strings.Contains(w.Body.String(), `"data":{}`) {
		t.Error(w.Body)
	}
	if w := l.do("GET", "/v2/account/metaflows", "", "X-Auth-Token: alice-token"); w.Code != 403 {
		t.Error(w.Body)
	}
	if w := l.do("GET", "/v2/account/metaflows", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "bad identifier") {
		t.Error(w.Body)
	}
	if w := l.do("GET", "/v2/account/metaflows", "", "X-Auth-Token: nonsense"); w.Code != 401 {
		t.Error(w.Body)
	}
}

// A token may be in five places, and the body is read only when it is in none of the others.
func TestTokenPlaces(t *testing.T) {
	const uri = "/v2/accounts/acme/metaflows"
	for _, c := range []struct {
		method, uri, body, header string
		status                    int
	}{
		{"GET", uri, "", "X-Auth-Token: acme-token", 200},
		{"GET", uri, "", "Authorization: Bearer acme-token", 200},
		{"GET", uri, "", "Authorization: bEARER  acme-token ", 200},
		{"GET", uri + "?auth_token=acme-token", "", "", 200},
		{"POST", uri, `{"data":{},"auth_token":"acme-token"}`, "", 200},
		{"POST", uri, `{"data":{},"Auth-Token":"acme-token"}`, "", 200},
		{"POST", uri, `{"data":{"auth_token":"acme-token"}}`, "", 200},
		{"GET", uri, `{"auth_token":"acme-token"}`, "", 200},
		{"GET", uri + "?auth_token=acme-token", "", "Authorization: Basic YTpi", 200},
		{"GET", uri + "?auth_token=acme-token", "", "X-Auth-Token: nonsense", 401},
		{"GET", uri + "?auth_token=nonsense", `{"auth_token":"acme-token"}`, "", 401},
		{"GET", uri, "", "Authorization: acme-token", 401},
		{"GET", uri, "", "Authorization: Basic acme-token", 401},
		{"GET", uri, "", "Authorization: Bearer", 401},
		{"POST", uri, `{"data":{},"auth_token":7}`, "", 401},
		{"POST", uri, `{"data":{"x":{"auth_token":"acme-token"}}}`, "", 401},
		{"POST", uri, `{"data":[{"auth_token":"acme-token"}]}`, "", 401},
		{"POST", uri, `not json acme-token`, "", 401},
		{"POST", uri, strings.Repeat(" ", maxBody) + `{"data":{},"auth_token":"acme-token"}`, "", 401},
	} {
		l := newLab(t)
		w := l.do(c.method, c.uri, c.body, "X-Auth-Token: ", c.header)
		if w.Code != c.status {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
		if w.Code == 200 && !strings.Contains(w.Body.String(), `"auth_token":"acme-token"`) {
			t.Errorf("%+v: the token is not echoed: %s", c, w.Body)
		}
		if strings.Contains(l.log.String(), "acme-token") {
			t.Errorf("%+v: the log has the token", c)
		}
		for _, d := range l.docs.docs {
			if strings.Contains(string(d.Raw), "auth_token") {
				t.Errorf("%+v: stored %s", c, d.Raw)
			}
		}
	}
	for _, body := range []string{
		`{"auth_token":"` + adminToken + `"}`, `{"Auth-Token":"` + adminToken + `","data":null}`, `{"data":7,"auth_token":"` + adminToken + `"}`,
		`{"data":{"auth_token":"` + adminToken + `","numbers":{"x":1},"listen_on":7}}`,
	} {
		if w := newLab(t).do("POST", uri, body, "X-Auth-Token: "); w.Code != 400 || !strings.Contains(w.Body.String(), `"auth_token":"admin"`) { // do looks for the token
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	l := newLab(t)
	body := &counted{Reader: strings.NewReader(strings.Repeat("x", 1000))}
	r := httptest.NewRequest("POST", uri, body)
	r.Header.Set("X-Auth-Token", "nonsense")
	l.api.ServeHTTP(httptest.NewRecorder(), r)
	if body.n != 0 {
		t.Errorf("%d bytes of the body were read for a wrong token", body.n)
	}
}

func TestLimit(t *testing.T) {
	l := newLab(t)
	l.do("GET", uri, "", "X-Auth-Token: acme-token")
	l.do("PUT", uri, "", "X-Auth-Token: acme-token")
	l.do("GET", uri, "", "X-Auth-Token: nonsense")
	l.do("GET", "/v2/schemas", "", "X-Auth-Token: ")
	l.do("OPTIONS", uri, "")
	if got := strings.Join(l.spent, ", "); got != "192.0.2.1/acme 1, 192.0.2.1/acme 1, 192.0.2.1/ 36, 192.0.2.1/ 1" {
		t.Error(got)
	}
	l.spent = nil
	// To be refused is not free; whatever is done counts once.
	l.do("GET", "/v2/accounts/other/metaflows", "", "X-Auth-Token: acme-token")
	l.do("GET", uri, "", "X-Auth-Token: alice-token")
	l.do("POST", uri+"/simulate", `{"data":{"keys":""}}`, "X-Auth-Token: acme-token")
	l.do("GET", "/v2/account/metaflows", "")
	if got := strings.Join(l.spent, ", "); got != "192.0.2.1/acme 1, 192.0.2.1/acme 1, 192.0.2.1/acme 1, 192.0.2.1/~ 1" {
		t.Error(got)
	}
	l.spent = nil
	l.do("GET", uri, "", "X-Auth-Token: ")
	l.do("POST", uri, `{"auth_token":"acme-token","data":{}}`, "X-Auth-Token: ")
	l.do("POST", uri, `{"auth_token":"nonsense","data":{}}`, "X-Auth-Token: ")
	if got := strings.Join(l.spent, ", "); got != "192.0.2.1/ 1, 192.0.2.1/ 1, 192.0.2.1/ -1, 192.0.2.1/acme 1, 192.0.2.1/ 1, 192.0.2.1/ 35" {
		t.Error(got)
	}
	delete(l.docs.docs, store.Place{Account: "acme", Scope: flows.ScopeAccount})
	// What somebody sends who is over the limit is not read.
	l.wait = time.Second
	body := &counted{Reader: strings.NewReader(`{"auth_token":"acme-token","data":{}}`)}
	over := httptest.NewRecorder()
	if l.api.ServeHTTP(over, httptest.NewRequest("POST", uri, body)); over.Code != 429 || body.n != 0 {
		t.Errorf("%d, %d bytes of the body were read", over.Code, body.n)
	}
	over, foreign := httptest.NewRecorder(), httptest.NewRequest("POST", "/v2/accounts/other/metaflows", body)
	foreign.Header.Set("X-Auth-Token", "acme-token")
	if l.api.ServeHTTP(over, foreign); over.Code != 429 || body.n != 0 {
		t.Errorf("another account's: %d, %d bytes of the body were read", over.Code, body.n)
	}
	for wait, after := range map[time.Duration]string{time.Nanosecond: "1", 1500 * time.Millisecond: "2", 3 * time.Second: "3"} {
		l.wait = wait
		for _, token := range []string{adminToken, "nonsense"} {
			w := l.do("POST", uri, seedPost, "X-Auth-Token: "+token)
			if w.Code != 429 || w.Header().Get("Retry-After") != after || !strings.Contains(w.Body.String(), `"data":{"message":"too many requests"},"error":"429","message":"too_many_requests"`) {
				t.Error(w.Code, w.Header(), w.Body)
			}
		}
	}
	if len(l.docs.docs) != 0 {
		t.Error("stored")
	}
}
