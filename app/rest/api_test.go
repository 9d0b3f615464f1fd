package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/app/auth"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/simulate"
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
	loading  bool
	race     bool // somebody else is always faster
	large    bool // NATS takes nothing of such a size
}

func (m *memory) Get(p store.Place) (store.Document, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.away:
		return store.Document{}, false, store.ErrUnavailable
	case m.loading:
		return store.Document{}, false, store.ErrLoading
	}
	d, ok := m.docs[p]
	return d, ok, nil
}

func (m *memory) Put(_ context.Context, p store.Place, raw []byte, expect store.Expect) (uint64, error) {
	if _, err := flows.ParseDocument(raw); err != nil {
		return 0, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return m.set(p, raw, expect)
}

func (m *memory) Delete(_ context.Context, p store.Place, expect store.Expect) (uint64, error) {
	return m.set(p, nil, expect)
}

func (m *memory) set(p store.Place, raw []byte, expect store.Expect) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.large {
		return 0, store.ErrTooLarge
	}
	if m.away {
		return 0, store.ErrUnavailable
	}
	if m.race {
		return 0, fmt.Errorf("store: %w", store.ErrConflict)
	}
	if d, ok := m.docs[p]; expect == store.Absent && ok || expect != store.Any && expect != store.Absent && expect != store.Revision(d.Revision) {
		return 0, store.ErrConflict
	}
	m.revision++
	if delete(m.docs, p); raw != nil {
		m.docs[p] = store.Document{Raw: raw, Revision: m.revision}
	}
	return m.revision, nil
}

func (m *memory) Accounts() (accounts []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, store.ErrUnavailable
	}
	for p := range m.docs {
		accounts = append(accounts, p.Account)
	}
	slices.Sort(accounts)
	return slices.Compact(accounts), nil
}

func (m *memory) Places(account string) (places []store.Place, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, store.ErrUnavailable
	}
	for p := range m.docs {
		if p.Account == account {
			places = append(places, p)
		}
	}
	return places, nil
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

// people are whose tokens there are.
var people = logins{
	adminToken:    {Role: auth.SuperAdmin, Method: auth.MethodAdmin},
	"acme-token":  {Role: auth.AccountAdmin, Account: "acme", KeyID: "k1", Method: auth.MethodAPIKey},
	"other-token": {Role: auth.AccountAdmin, Account: "other", KeyID: "k2", Method: auth.MethodAPIKey},
	"alice-token": {Role: auth.User, Account: "acme", Owner: "alice", KeyID: "k3", Method: auth.MethodAPIKey},
	"lost-token":  {Role: auth.User, Account: "acme", KeyID: "k4", Method: auth.MethodAPIKey},
	"zero-token":  {Account: "acme"},
}

// logins are an Authenticator; it counts what it is asked.
type logins map[string]auth.Identity

func (l logins) Authenticate(token string) (auth.Identity, error) {
	switch token {
	case "expired-token":
		return auth.Identity{}, auth.ErrExpired
	case "early-token":
		return auth.Identity{}, auth.ErrUnavailable
	case "unknown-token":
		return auth.Identity{}, auth.ErrUnknown
	}
	if who, ok := l[token]; ok {
		return who, nil
	}
	return auth.Identity{Role: auth.SuperAdmin}, auth.ErrInvalid // the error counts, not what comes with it
}

// devices are Owners.
type devices map[string]string

func (d devices) OwnerOf(account, device string) (user string, ok bool) {
	user, ok = d[account+"/"+device]
	return user, ok
}

type lab struct {
	testing.TB
	api   *API
	docs  *memory
	calls *liveCalls
	parts []Part
	log   *strings.Builder
	spent []string      // what the limiter was asked
	wait  time.Duration // what it says; 0: everything is allowed
}

// limiter is the lab's Limiter.
type limiter struct{ lab *lab }

func (l limiter) Allow(client, account string, cost int) (time.Duration, bool) {
	l.lab.spent = append(l.lab.spent, fmt.Sprintf("%s/%s %d", client, account, cost))
	return l.lab.wait, l.lab.wait == 0
}

func (l limiter) GiveBack(client, account string, cost int) {
	l.lab.spent = append(l.lab.spent, fmt.Sprintf("%s/%s %d", client, account, -cost))
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{TB: t, docs: &memory{docs: map[store.Place]store.Document{}}, calls: &liveCalls{}, log: &strings.Builder{}}
	blocked, err := egress.Parse(egress.Default)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.Load(blocked, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := newKeys(t)
	api, err := New(Config{
		Documents: l.docs, Schemas: schemas, Modules: actions.Declared(), Authenticator: people, APIKeys: keys, Node: "n1", Version: "1.2.3",
		Simulator: simulate.Simulator{Absorb: true, Modules: actions.New(actions.Config{}).Modules()},
		Owners:    devices{"acme/desk": "alice", "acme/bobs": "bob", "other/desk": "alice"}, Strangers: limiter{l}, Known: limiter{l}, Live: l.calls, Log: slog.New(slog.NewTextHandler(l.log, nil)), Parts: func() []Part { return l.parts },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "metaflows_calls 1") }),
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
	w := l.send(method, path, body, header...)
	if strings.Contains(w.Body.String(), adminToken) {
		l.Errorf("%s %s echoes the token", method, path)
	}
	return w
}

func (l *lab) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Auth-Token", adminToken)
	for _, h := range header {
		key, v, _ := strings.Cut(h, ": ")
		r.Header.Set(key, v)
	}
	w := httptest.NewRecorder()
	l.api.ServeHTTP(w, r)
	asDescribed(l.TB, l.api, r, body, w)
	return w
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
	check("/metrics", 200, "metaflows_calls 1")
	for _, path := range []string{"/readyz", "/metrics"} {
		if w := l.do("POST", path, ""); w.Code != http.StatusMethodNotAllowed {
			t.Error(path, w.Code)
		}
	}
}

func sorted(m map[string]any) []string {
	keys := slices.Collect(maps.Keys(m))
	slices.Sort(keys)
	return keys
}
