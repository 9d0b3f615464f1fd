package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/app/auth"
)

// answerOf reads an answer; data goes into the data given.
func answerOf(t *testing.T, w *httptest.ResponseRecorder, data any) (whole struct {
	AuthToken    string `json:"auth_token"`
	Message      string
	Status       string
	Version      string
	PageSize     *int   `json:"page_size"`
	StartKey     string `json:"start_key"`
	NextStartKey string `json:"next_start_key"`
	Data         json.RawMessage
}) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &whole); err != nil {
		t.Fatal(err, w.Body)
	}
	if err := json.Unmarshal(whole.Data, data); err != nil {
		t.Fatal(err, w.Body)
	}
	return whole
}

// as makes a request with a token of its own; "" is none.
func (l *lab) as(token, method, path, body string, header ...string) *httptest.ResponseRecorder {
	l.Helper()
	return l.do(method, path, body, append([]string{"X-Auth-Token: " + token}, header...)...)
}

// TestLoginByKey is the whole story: a key is made, shown once, exchanged for a token, used, logged out, revoked.
func TestLoginByKey(t *testing.T) {
	l := newKeyLab(t)
	var made, shown map[string]any
	if w := l.do("PUT", "/v2/accounts/acme/api_keys", `{"data":{"name":"front desk"}}`); w.Code != 201 {
		t.Fatal(w.Code, w.Body)
	} else {
		answerOf(t, w, &made)
	}
	key, id := fmt.Sprint(made["api_key"]), fmt.Sprint(made["id"])
	if len(key) != 64 || made["prefix"] != key[:8] || made["name"] != "front desk" || len(made) != 5 {
		t.Error(made)
	}
	if w := l.do("GET", "/v2/accounts/acme/api_keys/"+id, ""); w.Code != 200 || strings.Contains(w.Body.String(), key) {
		t.Error(w.Code, w.Body)
	} else if answerOf(t, w, &shown); shown["prefix"] != key[:8] || shown["id"] != id || shown["api_key"] != nil || len(shown) != 4 {
		t.Error(shown)
	}

	var me map[string]any
	w := l.as("", "PUT", "/v2/api_auth", `{"data":{"api_key":"`+key+`"}}`)
	whole := answerOf(t, w, &me)
	if w.Code != 201 || whole.Status != "success" || strings.Count(whole.AuthToken, ".") != 2 || whole.Version != "1.2.3" ||
		me["account_id"] != "acme" || me["owner_id"] != nil || me["method"] != "cb_api_auth" || me["role"] != "account_admin" || me["api_key_id"] != id ||
		me["is_reseller"] != false || me["is_master_account"] != false || fmt.Sprint(me["apps"]) != "[]" {
		t.Error(w.Code, w.Body)
	}
	expires, err := time.Parse(time.RFC3339, fmt.Sprint(me["expires"]))
	if left := time.Until(expires); err != nil || left > time.Hour || left < time.Hour-time.Minute {
		t.Error(me["expires"], err)
	}
	token := whole.AuthToken
	for account, want := range map[string]int{"acme": 200, "other": 401, "": 200} {
		if w := l.as(token, "GET", "/v2/accounts/acme/metaflows", "", "X-Auth-Account-ID: "+account); w.Code != want {
			t.Error(account, w.Code, w.Body)
		}
		if w := l.do("GET", "/v2/accounts/acme/metaflows", "", "X-Auth-Account-ID: "+account); w.Code != 200 {
			t.Error(account, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/v2/accounts/acme/metaflows", "/v2/account/metaflows"} {
		w := l.as(token, "GET", path, "")
		if whole := answerOf(t, w, new(any)); w.Code != 200 || whole.AuthToken != token {
			t.Error(path, w.Code, w.Body)
		}
	}
	var still map[string]any
	if w := l.as(token, "GET", "/v2/token_auth", ""); w.Code != 200 {
		t.Error(w.Code, w.Body)
	} else if answerOf(t, w, &still); fmt.Sprint(still) != fmt.Sprint(me) {
		t.Error(still, me)
	}

	if w := l.as(token, "DELETE", "/v2/token_auth", ""); w.Code != 200 || strings.Contains(w.Body.String(), token) {
		t.Error(w.Code, w.Body)
	}
	for range 2 {
		w := l.as(token, "DELETE", "/v2/token_auth", "")
		if whole := answerOf(t, w, new(any)); w.Code != 401 || whole.Message != "invalid credentials" || string(whole.Data) != "{}" {
			t.Error(w.Code, w.Body)
		}
	}
	token = answerOf(t, l.as("", "PUT", "/v2/api_auth", `{"data":{"api_key":"`+key+`"}}`), new(any)).AuthToken
	if w := l.as(token, "DELETE", "/v2/accounts/acme/api_keys/"+id, ""); w.Code != 200 {
		t.Error("a key cannot revoke itself:", w.Code, w.Body)
	}
	if w := l.as(token, "GET", "/v2/token_auth", ""); w.Code != 401 {
		t.Error(w.Code, w.Body)
	}
	w = l.as("", "PUT", "/v2/api_auth", `{"data":{"api_key":"`+key+`"}}`)
	var unknown []string
	if whole := answerOf(t, w, &unknown); w.Code != 404 || whole.Message != "bad identifier" || len(unknown) != 1 || unknown[0] != key {
		t.Error(w.Code, w.Body)
	}
	log := l.log.String()
	if strings.Contains(log, key) || strings.Contains(log, token) || strings.Count(log, "login") < 2 || !strings.Contains(log, "msg=logout") {
		t.Error(log)
	}
}

// TestLoginRefused: the rows of app/rest/README.md, Errors, for logins.
func TestLoginRefused(t *testing.T) {
	l := newKeyLab(t)
	key := strings.Repeat("k", 64)
	for _, c := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"PUT", `{"data":{"api_key":"` + key + `"}}`, 404, `"message":"bad identifier"`},
		{"PUT", `{"data":{"api_key":"` + key[1:] + `"}}`, 400, `"minLength"`},
		{"PUT", `{"data":{"api_key":"` + key + `k"}}`, 400, `"maxLength"`},
		{"PUT", `{"data":{"api_key":7}}`, 400, `"type"`},
		{"PUT", `{"data":{"api_key":"` + key + `","account":"acme"}}`, 400, `"account":{"additionalProperties"`},
		{"PUT", `{"data":{}}`, 400, `"api_key":{"required"`},
		{"PUT", `{"data":["api_key"]}`, 400, `"validation error"`},
		{"PUT", ``, 400, `"api_key":{"required"`},
		{"PUT", `{}`, 400, `"data":{"required"`},
		{"PUT", `api_key=x`, 400, `"json":{"invalid"`},
		{"GET", ``, 405, `"invalid_method"`},
		{"POST", `{"data":{"api_key":"` + key + `"},"verb":"put"}`, 404, `"bad identifier"`},
	} {
		w := l.as("", c.method, "/v2/api_auth", c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "version") {
			t.Errorf("%s %s: %d %s", c.method, c.body, w.Code, w.Body)
		}
	}
	if w := l.do("DELETE", "/v2/token_auth", ""); w.Code != 403 || !strings.Contains(w.Body.String(), "configuration") {
		t.Error("the admin token can be ended:", w.Code, w.Body)
	}
	var me map[string]any
	if w := l.do("GET", "/v2/token_auth", ""); w.Code != 200 {
		t.Error(w.Code, w.Body)
	} else if answerOf(t, w, &me); me["role"] != "super_admin" || me["method"] != "admin" || me["account_id"] != nil || me["expires"] != nil {
		t.Error(me)
	}
}

// TestUnavailableLogins: NATS is away. Who has a token goes on; what must be stored is a 503.
func TestUnavailableLogins(t *testing.T) {
	l := newKeyLab(t)
	key, secret, err := l.keys.CreateKey(t.Context(), "acme", "", "")
	if err != nil {
		t.Fatal(err)
	}
	l.vault.SetAway(true)
	w := l.as("", "PUT", "/v2/api_auth", `{"data":{"api_key":"`+secret+`"}}`)
	token := answerOf(t, w, new(any)).AuthToken
	if w.Code != 201 {
		t.Error(w.Code, w.Body)
	}
	for _, c := range [][2]string{{"PUT", "/v2/accounts/acme/api_keys"}, {"DELETE", "/v2/accounts/acme/api_keys/" + key.ID}, {"DELETE", "/v2/token_auth"}} {
		if w := l.as(token, c[0], c[1], ""); w.Code != 503 || !strings.Contains(w.Body.String(), "datastore_unreachable") || w.Header().Get("Retry-After") == "" {
			t.Error(c, w.Code, w.Body)
		}
	}
	if w := l.as(token, "GET", "/v2/token_auth", ""); w.Code != 200 {
		t.Error("said to be unavailable, and ended:", w.Code, w.Body)
	}
}

// TestRateLimit: what requests cost, whose bucket pays, and what a client is told. Who has a token has a limit of his own, which
// nothing that strangers do from the same address touches.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeyLab(t)
		l.api.cfg.Strangers, l.api.cfg.Known = auth.NewLimiter(10), auth.NewLimiter(20)
		_, secret, err := l.keys.CreateKey(t.Context(), "acme", "", "")
		if err != nil {
			t.Fatal(err)
		}
		token, _, _ := l.keys.Login(secret)
		login, wrong := `{"data":{"api_key":"`+secret+`"}}`, `{"data":{"api_key":"`+strings.Repeat("x", 64)+`"}}`
		// until sends a request until it is refused, and says how often it was not.
		until := func(token, method, path, body string, header ...string) (n int, retryAfter string) {
			t.Helper()
			for ; n < 1000; n++ {
				w := l.as(token, method, path, body, header...)
				if w.Code == 429 {
					if !strings.Contains(w.Body.String(), `"message":"too_many_requests"`) || !strings.Contains(w.Body.String(), `{"message":"too many requests"}`) {
						t.Error(w.Body)
					}
					return n, w.Header().Get("Retry-After")
				}
			}
			t.Fatal("never refused")
			return
		}
		check := func(what string, want int, wantAfter string, token, method, path, body string, header ...string) {
			t.Helper()
			if n, after := until(token, method, path, body, header...); n != want || after != wantAfter {
				t.Errorf("%s: refused after %d, again in %s s; want %d, %s s", what, n, after, want, wantAfter)
			}
		}
		const document = "/v2/accounts/acme/metaflows"
		check("requests", 200, "1", token, "GET", document, "")
		check("the super-admin's for the same account", 0, "1", adminToken, "GET", document, "")
		check("the super-admin's for another account", 200, "1", adminToken, "GET", "/v2/accounts/other/metaflows", "")
		check("without a token", 100, "1", "", "GET", document, "")
		time.Sleep(time.Second)
		check("with a token", 20, "1", token, "GET", document, "")
		check("with a token in the body", 0, "1", "", "POST", document, `{"auth_token":"`+token+`","verb":"GET"}`)
		time.Sleep(time.Second)
		check("with a token in the body, which costs a stranger nothing", 20, "1", "", "POST", document, `{"auth_token":"`+token+`","verb":"GET"}`)
		check("without a token, again", 20, "1", "", "GET", document, "")
		check("without a token, as if for somebody else", 0, "1", "", "GET", document, "", "X-Forwarded-For: 192.0.2.7")
		time.Sleep(10 * time.Second)
		check("logins, of which each costs as little as a request", 66, "1", "", "PUT", "/v2/api_auth", login)
		time.Sleep(10 * time.Second)
		check("failed logins", 1, "1", "", "PUT", "/v2/api_auth", wrong)
		time.Sleep(10 * time.Second)
		check("wrong tokens", 2, "1", "not-the-admin-token", "GET", document, "")
		check("forged tokens", 0, "1", token+"x", "GET", document, "")
		if w := l.as(token, "GET", document, ""); w.Code != 200 {
			t.Error("wrong tokens keep out who has a right one:", w.Code)
		}
		time.Sleep(2 * time.Hour)
		check("expired tokens", 100, "1", token, "GET", document, "")
	})
}

// TestClient: a client's address is its own, or what a proxy on this machine says.
func TestClient(t *testing.T) {
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:4000", nil, "192.0.2.1"},
		{"192.0.2.1:4000", []string{"198.51.100.1"}, "192.0.2.1"},
		{"127.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"127.0.0.1:4000", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"127.0.0.1:4000", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"[::1]:4000", []string{"2001:db8::1"}, "2001:db8::1"},
		{"[::ffff:127.0.0.1]:4000", []string{" 198.51.100.1 "}, "198.51.100.1"},
		{"127.0.0.1:4000", []string{"unknown"}, "127.0.0.1"},
		{"127.0.0.1:4000", []string{""}, "127.0.0.1"},
		{"a pipe", []string{"198.51.100.1"}, "a pipe"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := (&exchange{Request: r}).client(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// BenchmarkGetByToken is one GET of metaflows in process with a real token, its API key and the limit looked up. Goal: 50 µs.
func BenchmarkGetByToken(b *testing.B) {
	l := newKeyLab(b)
	l.api.cfg.Known = auth.NewLimiter(1_000_000)
	l.do("POST", uri, seedPost)
	_, secret, err := l.keys.CreateKey(b.Context(), "acme", "", "")
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := l.keys.Login(secret)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", uri, nil)
	r.Header.Set("X-Auth-Token", token)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if l.api.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// crowded are API keys with which no more log-outs can be noted.
type crowded struct{ APIKeys }

func (crowded) Logout(context.Context, auth.Identity) error { return auth.ErrCrowded }

func TestLogoutCrowded(t *testing.T) {
	l := newKeyLab(t)
	_, secret, err := l.keys.CreateKey(t.Context(), "acme", "", "")
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := l.keys.Login(secret)
	l.api.cfg.APIKeys = crowded{l.keys}
	if w := l.as(token, "DELETE", "/v2/token_auth", ""); w.Code != 429 || w.Header().Get("Retry-After") != "60" || !strings.Contains(w.Body.String(), "deleting the key") {
		t.Error(w.Code, w.Header(), w.Body)
	}
}
