package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	l := newLab(t)
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		method, path string
		status       int
		message      string
	}{
		{"GET", "/v2/accounts/acme/metaflows", 200, ""},
		{"GET", "/v2/accounts/" + long[:64] + "/metaflows", 200, ""},
		{"GET", "/v2/accounts/" + long + "/metaflows", 404, "bad identifier"},
		{"GET", "/v2/accounts/a.b/metaflows", 404, "bad identifier"},
		{"GET", "/v2/accounts/a%2Fb/metaflows", 404, "bad identifier"},
		{"GET", "/v2/accounts/a%0Ab/metaflows", 404, "bad identifier"},
		{"GET", "/v2/accounts/acme/users/a%20b/metaflows", 404, "bad_identifier"},
		{"POST", "/v2/accounts/acme/devices/" + long + "/metaflows", 404, "bad_identifier"},
		{"GET", "/v2/accounts/acme/metaflows/foo", 404, "not_found"},
		{"GET", "/v2/accounts/acme/groups/g/metaflows", 404, "not_found"},
		{"GET", "/v2/accounts/acme/metaflows/", 200, ""},
		{"GET", "/v2/accounts/acme/metaflows//?pretty_print=true", 200, ""},
		{"PUT", "/v2/accounts/acme/metaflows/", 405, "invalid_method"},
		{"GET", "/v2/accounts/acme/users/alice/metaflows/", 200, ""},
		{"GET", "/v2/accounts/acme/metaflows/foo/", 404, "not_found"},
		{"GET", "/v2/accounts/acme/metaflows%2F", 404, "not_found"},
		{"GET", "/v2/schemas/", 200, ""},
		{"GET", "/", 404, "not_found"},
		{"GET", "/v2/accounts//metaflows", 404, "not_found"},
		{"POST", "/v2/accounts/acme//metaflows", 404, "not_found"},
		{"GET", "//v2/accounts/acme/metaflows", 404, "not_found"},
		{"GET", "/v2/accounts/./metaflows", 404, "not_found"},
		{"GET", "/v2/accounts/x/../acme/metaflows", 404, "not_found"},
		{"GET", "//", 404, "not_found"},
		{"GET", "/healthz", 200, ""},
		{"CONNECT", "/v2/accounts//metaflows", 501, "not_implemented"},
		{"GET", "/v1/accounts/acme/metaflows", 410, "gone"},
		{"PUT", "/v2/accounts/acme/metaflows", 405, "invalid_method"},
		{"PATCH", "/v2/accounts/acme/users/u/metaflows", 405, "invalid_method"},
		{"HEAD", "/v2/accounts/acme/metaflows", 405, "invalid_method"},
		{"BREW", "/v2/accounts/acme/devices/d/metaflows", 501, "not_implemented"},
	} {
		w := l.do(c.method, c.path, "")
		if w.Code != c.status || c.message != "" && !strings.Contains(w.Body.String(), `"message":"`+c.message+`"`) {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if c.status == 405 && w.Header().Get("Allow") != "GET, POST, DELETE" {
			t.Errorf("%s %s: Allow %q", c.method, c.path, w.Header().Get("Allow"))
		}
	}
}

func TestRequestID(t *testing.T) {
	l := newLab(t)
	if w := l.do("GET", "/v2/accounts/a/metaflows", "", "X-Request-ID: abc-1.2_3"); w.Header().Get("X-Request-ID") != "abc-1.2_3" || !strings.Contains(w.Body.String(), `"request_id":"abc-1.2_3"`) {
		t.Error(w.Body)
	}
	for _, id := range []string{"", "a b", "a\"b", strings.Repeat("x", 129), "é"} {
		w := l.do("GET", "/v2/accounts/a/metaflows", "", "X-Request-ID: "+id)
		if got := w.Header().Get("X-Request-ID"); len(got) != 32 {
			t.Errorf("%q: %q", id, got)
		}
	}
}

func TestTunnel(t *testing.T) {
	for _, c := range []struct {
		method, uri, body string
		status            int
		stored            bool
	}{
		{"POST", uri + "?verb=DELETE", "", 200, false},
		{"POST", uri + "?verb=delete", `{"data":{}}`, 200, false},
		{"POST", uri, `{"data":{},"verb":"delete"}`, 200, false},
		{"POST", uri, `{"verb":"Delete"}`, 200, false},
		{"POST", uri + "?verb=get", `{"data":{},"verb":"delete"}`, 200, true},
		{"POST", uri, `{"data":{"verb":"delete"}}`, 200, true},
		{"POST", uri, `{"data":{},"verb":"put"}`, 405, true},
		{"POST", uri + "?verb=OPTIONS", ``, 405, true},
		{"POST", uri + "?verb=brew", ``, 405, true},
		{"GET", uri + "?verb=DELETE", ``, 200, true},
		{"DELETE", uri + "?verb=GET", ``, 200, false},
	} {
		l := newLab(t)
		l.do("POST", uri, seedPost)
		if w := l.do(c.method, c.uri, c.body); w.Code != c.status {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
		if stored := len(l.docs.docs) == 1; stored != c.stored {
			t.Errorf("%+v: stored %v", c, stored)
		}
	}
	// The role counts for the method that is meant.
	l := newLab(t)
	if w := l.do("POST", uri+"?verb=GET", "", "X-Auth-Token: alice-token"); w.Code != 403 {
		t.Error(w.Body)
	}
}

func TestCORS(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		method, path, header string
		status               int
		methods              string // allowed; "" for no CORS headers
	}{
		{"OPTIONS", uri, "Origin: https://console.example.com", 200, "OPTIONS, GET, POST, DELETE"},
		{"OPTIONS", uri, "Access-Control-Request-Method: POST", 200, "OPTIONS, GET, POST, DELETE"},
		{"OPTIONS", "/v2/accounts/a.b/metaflows", "Access-Control-Request-Headers: x-auth-token", 200, "OPTIONS, GET, POST, DELETE"},
		{"OPTIONS", "/v2/schemas", "Origin: null", 200, "OPTIONS, GET"},
		{"OPTIONS", "/nowhere", "Origin: https://a", 200, "OPTIONS, GET, POST, PUT, PATCH, DELETE, HEAD"},
		{"OPTIONS", uri, "", 200, ""},
		{"GET", uri, "Origin: https://console.example.com", 200, "OPTIONS, GET, POST, DELETE"},
		{"GET", uri, "", 200, ""},
		{"PUT", uri, "", 405, "OPTIONS, GET, POST, DELETE"},
		{"GET", uri, "X-Auth-Token: nonsense", 401, "OPTIONS, GET, POST, DELETE"},
		{"GET", "/nowhere", "", 404, "OPTIONS, GET, POST, PUT, PATCH, DELETE, HEAD"},
	} {
		header := []string{c.header}
		if c.method == "OPTIONS" {
			header = append(header, "X-Auth-Token: ")
		}
		w := l.do(c.method, c.path, "", header...)
		h := w.Header()
		if w.Code != c.status || h.Get("Access-Control-Allow-Methods") != c.methods {
			t.Errorf("%+v: %d %v", c, w.Code, h)
		}
		if c.methods != "" && (h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Max-Age") != "86400" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "x-auth-token, x-kazoo-cluster-id, if-match") ||
			!strings.Contains(h.Get("Access-Control-Expose-Headers"), "x-request-id") || h.Get("Access-Control-Allow-Credentials") != "") {
			t.Errorf("%+v: %v", c, h)
		}
		if c.method == "OPTIONS" && (w.Body.Len() != 0 || h.Get("X-Request-ID") == "") {
			t.Errorf("%+v: %s", c, w.Body)
		}
	}
}

func TestPretty(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		uri, body, header string
		pretty            bool
	}{
		{uri, seedPost, "", false},
		{uri, seedPost, "X-Pretty-Print: true", true},
		{uri, seedPost, "X-Pretty-Print: false", false},
		{uri + "?pretty_print=true", seedPost, "", true},
		{uri + "?pretty_print=nonsense", seedPost, "", false},
		{uri, strings.Replace(seedPost, `{"data"`, `{"pretty_print":true,"data"`, 1), "", true},
		{uri + "?pretty_print=true", `{"data":7}`, "", true},
	} {
		w := l.do("POST", c.uri, c.body, c.header)
		if got := strings.Contains(w.Body.String(), "\n  \""); got != c.pretty || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%+v: %s", c, w.Body)
		}
	}
}

// A panic is a 500 that says nothing of it, and the process goes on.
func TestPanic(t *testing.T) {
	l := newLab(t)
	l.api.mount([]route{{"GET", "/v2/panic", open, func(*exchange) { panic("the secret") }}})
	w := l.do("GET", "/v2/panic", "")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"data":{"message":"unspecified fault"},"error":"500","message":"unspecified_fault"`) || strings.Contains(w.Body.String(), "secret") {
		t.Error(w.Code, w.Body)
	}
}

// Every route says who may; no pattern mixes routes that ask for a token with some that do not.
func TestRouteTable(t *testing.T) {
	l := newLab(t)
	isOpen := map[string]bool{}
	for _, r := range l.api.routes() {
		if was, ok := isOpen[r.pattern]; ok && was != (r.who == open) {
			t.Errorf("%s: some methods are open, some not", r.pattern)
		}
		isOpen[r.pattern] = r.who == open
		if r.handle == nil || r.methods == "" || !strings.HasPrefix(r.pattern, "/v2/") {
			t.Errorf("%+v", r.pattern)
		}
		for m := range strings.FieldsSeq(r.methods) {
			if !slices.Contains(knownMethods, m) || m == http.MethodOptions {
				t.Errorf("%s: %s", r.pattern, m)
			}
		}
	}
}

// A parameter is found in a body, whatever the method: in data, else beside it; the query comes between
// (app/rest/README.md, Requests).
func TestParametersInABody(t *testing.T) {
	l := newKeyLab(t)
	for range 3 {
		if _, _, err := l.keys.CreateKey(t.Context(), "acme", "", ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		method, query, body string
		shown               int
	}{
		{"GET", "", `{"data":{"page_size":1}}`, 1},
		{"GET", "", `{"page_size":2}`, 2},
		{"GET", "?page_size=2", `{"data":{"page_size":"1"},"page_size":3}`, 1},
		{"GET", "?page_size=2", `{"page_size":1}`, 2},
		{"POST", "?verb=GET", `{"data":{"page_size":1}}`, 1},
		{"POST", "", `{"verb":"GET","data":{"page_size":1}}`, 1},
		{"GET", "", `{"data":[{"page_size":1}]}`, 3},
		{"GET", "", `{"data":`, 3},
	} {
		w := l.do(c.method, "/v2/accounts/acme/api_keys"+c.query, c.body)
		if shown := strings.Count(w.Body.String(), `"created"`); w.Code != 200 || shown != c.shown {
			t.Errorf("%+v: %d, %d are shown: %.200s", c, w.Code, shown, w.Body)
		}
	}
}
