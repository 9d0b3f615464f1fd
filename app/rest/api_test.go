package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

const adminToken = "an-admin-token-for-tests"

// memory is Documents without NATS.
type memory struct {
	mu       sync.Mutex
	docs     map[store.Place]store.Document
	revision uint64
	away     bool
}

func (m *memory) Get(p store.Place) (store.Document, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return store.Document{}, false, store.ErrUnavailable
	}
	d, ok := m.docs[p]
	return d, ok, nil
}

func (m *memory) Put(_ context.Context, p store.Place, raw []byte, _ store.Expect) (uint64, error) {
	if _, err := flows.ParseDocument(raw); err != nil {
		return 0, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return m.set(p, raw)
}

func (m *memory) Delete(_ context.Context, p store.Place, _ store.Expect) (uint64, error) {
	return m.set(p, nil)
}

func (m *memory) set(p store.Place, raw []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return 0, store.ErrUnavailable
	}
	m.revision++
	if delete(m.docs, p); raw != nil {
		m.docs[p] = store.Document{Raw: raw, Revision: m.revision}
	}
	return m.revision, nil
}

func (m *memory) Effective(o flows.Owner) *flows.Effective {
	doc := func(p store.Place) *flows.Document {
		d, ok, err := m.Get(p)
		if !ok || err != nil {
			return nil
		}
		parsed, _ := flows.ParseDocument(d.Raw)
		return parsed
	}
	return flows.Merge(flows.Settings{}, doc(store.Place{Account: o.Account, Scope: flows.ScopeAccount}),
		doc(store.Place{Account: o.Account, Scope: flows.ScopeUser, ID: o.User}),
		doc(store.Place{Account: o.Account, Scope: flows.ScopeDevice, ID: o.Device}))
}

type lab struct {
	*testing.T
	api   *API
	docs  *memory
	parts []Part
	log   *strings.Builder
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{T: t, docs: &memory{docs: map[store.Place]store.Document{}}, log: &strings.Builder{}}
	blocked, err := egress.Parse(egress.Default)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.Load(blocked)
	if err != nil {
		t.Fatal(err)
	}
	api, err := New(Config{
		Documents: l.docs, Schemas: schemas, Authenticator: AdminToken(adminToken), Node: "n1", Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(l.log, nil)), Parts: func() []Part { return l.parts },
	})
	if err != nil {
		t.Fatal(err)
	}
	l.api = api
	return l
}

// do makes a request as the administrator; header lines are key: value.
func (l *lab) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	l.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Auth-Token", adminToken)
	for _, h := range header {
		key, v, _ := strings.Cut(h, ": ")
		r.Header.Set(key, v)
	}
	w := httptest.NewRecorder()
	l.api.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), adminToken) {
		l.Errorf("%s %s echoes the token", method, path)
	}
	return w
}

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
		{"GET", "/v2/accounts/acme/metaflows/", 404, "not_found"},
		{"GET", "/", 404, "not_found"},
		{"GET", "/v2/accounts//metaflows", 404, "not_found"},
		{"POST", "/v2/accounts/acme//metaflows", 404, "not_found"},
		{"GET", "//v2/accounts/acme/metaflows", 404, "not_found"},
		{"GET", "/v2/accounts/./metaflows", 404, "not_found"},
		{"GET", "/v2/accounts/x/../acme/metaflows", 404, "not_found"},
		{"GET", "/v2/accounts/acme/metaflows//", 404, "not_found"},
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

func TestAuthentication(t *testing.T) {
	l := newLab(t)
	_, _ = l.docs.set(store.Place{Account: "acme", Scope: flows.ScopeAccount}, []byte(`{}`))
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

func TestUnavailable(t *testing.T) {
	l := newLab(t)
	l.docs.away = true
	for _, method := range []string{"GET", "POST", "DELETE"} {
		w := l.do(method, "/v2/accounts/acme/metaflows", "")
		if w.Code != 503 || !strings.Contains(w.Body.String(), `"message":"datastore_unreachable"`) {
			t.Error(method, w.Code, w.Body)
		}
	}
}

func TestHealth(t *testing.T) {
	l := newLab(t)
	l.parts = []Part{{"asterisk", nil}, {"nats", nil}}
	check := func(path string, status int, body string) {
		t.Helper()
		if w := l.do("GET", path, "", "X-Auth-Token: "); w.Code != status || strings.TrimSpace(w.Body.String()) != body {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	check("/readyz", 200, `{"ok":true,"parts":{"asterisk":{"ok":true},"nats":{"ok":true}}}`)
	l.parts[0].Err = errors.New("connection refused")
	check("/readyz", 503, `{"ok":false,"parts":{"asterisk":{"ok":false,"problem":"connection refused"},"nats":{"ok":true}}}`)
	check("/healthz", 200, `{"ok":true}`)
	if w := l.do("POST", "/readyz", ""); w.Code != http.StatusMethodNotAllowed {
		t.Error(w.Code)
	}
}
