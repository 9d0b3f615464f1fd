package rest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest sends any request to the whole API: it is answered in JSON or with nothing, never by a 5xx that says that we
// are at fault, and what is not allowed changes nothing.
func FuzzRequest(f *testing.F) {
	for _, s := range [][5]string{
		{"POST", "/v2/accounts/acme/metaflows", "", "X-Auth-Token: " + adminToken, seedPost},
		{"GET", "/v2/account/users/alice/metaflows", "pretty_print=1&auth_token=alice-token", "If-None-Match: \"1\", W/\"x", ""},
		{"POST", "/v2/accounts/acme/devices/desk/metaflows", "verb=delete", "Authorization: Bearer alice-token", `{"verb":"get"}`},
		{"POST", "/v2/accounts/acme/devices/bobs/metaflows", "", "If-Match: 1", `{"data":{"auth_token":"alice-token"},"auth-token":7}`},
		{"OPTIONS", "/v2/schemas/metaflows", "", "Origin: null", ""},
		{"GET", "/v2/schemas/metaflows.tts", "verb=%00", "X-Pretty-Print: 1", "{"},
		{"POST", "/v2/accounts/acme/metaflows/simulate", "", "X-Auth-Token: acme-token", `{"data":{"keys":"*21<700>b:*9","documents":{"a":{"account":` + seedPost[8:len(seedPost)-1] + `},"b":{}},"settings":{"digit_timeout":500},"outcomes":{"patterns.2(\\d+)":"stop"}}}`},
		{"GET", "/v2/accounts/acme/devices/desk/metaflows/effective/", "user=bob", "X-Auth-Token: alice-token", ""},
		{"PUT", "/v2/api_auth", "", "X-Pretty-Print: 1", `{"data":{"api_key":"` + strings.Repeat("k", 64) + `"}}`},
		{"PUT", "/v2/accounts/acme/api_keys", "", "X-Auth-Token: acme-token", `{"data":{"owner_id":"alice"}}`},
		{"BREW", "//v1/../x%2F", "a;b", "X-Request-ID: a b", "\xff"},
	} {
		f.Add(s[0], s[1], s[2], s[3], []byte(s[4]))
	}
	f.Fuzz(func(t *testing.T, method, path, query, header string, body []byte) {
		l := newLab(t)
		r, err := http.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(string(body)))
		if err != nil {
			return // net/http would not let it through either
		}
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(path, "/"))
		if err != nil {
			return
		}
		u.RawQuery = query
		r.URL, r.RemoteAddr = u, "192.0.2.1:1"
		if key, v, ok := strings.Cut(header, ": "); ok {
			r.Header.Set(key, v)
		}
		w := httptest.NewRecorder()
		l.api.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented && !strings.HasPrefix(u.Path, "/readyz") && !strings.Contains(header+query+string(body), "early-token") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Body.Len() > 0 && u.Path != "/metrics" && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s", w.Body)
		}
		if w.Code >= 400 && len(l.docs.docs) != 0 || w.Code == 200 && len(l.docs.docs) != 0 && !strings.Contains(header+query+string(body), "-token") {
			t.Fatalf("%d, and something is stored", w.Code)
		}
	})
}
