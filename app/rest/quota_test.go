package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"metaflows/app/auth"
	"metaflows/app/broker/brokertest"
	"metaflows/app/store"
)

// boundedKeys are API keys in NATS, with a quota.
func boundedKeys(t *testing.T, s *brokertest.Server, quota *store.Quota) *auth.Auth {
	t.Helper()
	conn, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	records, err := store.NewRecords(store.RecordsConfig{Conn: conn, Bucket: auth.Bucket, Prefix: auth.Prefix, Quota: quota, Counts: auth.Counts})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.New(auth.Config{Records: records, AdminToken: adminToken})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { records.Run(ctx) })
	running.Go(func() { keys.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); conn.Close() })
	<-keys.Ready()
	return keys
}

// filled is an API whose accounts may have little.
func filled(t *testing.T) (*lab, *store.Quota) {
	t.Helper()
	quota := store.NewQuota(map[store.Kind]int64{store.Documents: 5, store.Bytes: 1000, store.APIKeys: 3, store.Users: 4, store.Devices: 2})
	s := brokertest.Start(t)
	return boundedLab(t, s, false, boundedKeys(t, s, quota), quota), quota
}

// beyond says whether an answer refuses a change by a limit, and names it and the use.
func beyond(t testing.TB, w *httptest.ResponseRecorder, kind string, use, limit int64) bool {
	t.Helper()
	var answer struct {
		Error, Message, Status string
		Data                   map[string]map[string]struct {
			Message       string
			Target, Value int64
		}
	}
	if w.Code != http.StatusBadRequest || json.Unmarshal(w.Body.Bytes(), &answer) != nil {
		return false
	}
	said := answer.Data[kind]["maximum"]
	return answer.Message == "validation error" && answer.Error == "400" && answer.Status == "error" && len(answer.Data) == 1 &&
		said.Target == limit && said.Value == use && strings.Contains(said.Message, fmt.Sprintf("The account has %d ", use)) &&
		strings.HasSuffix(said.Message, fmt.Sprintf("METAFLOWS_ACCOUNT_MAX_%s allows %d", strings.ToUpper(kind), limit))
}

const (
	asAcme  = "X-Auth-Token: acme-token"
	asOther = "X-Auth-Token: other-token"
)

// document is the body of a request whose document has so many bytes.
func document(size int) string { return `{"data":{"x":"` + strings.Repeat("y", size-8) + `"}}` }

// An account's administrator stores until nothing more is taken: each kind by itself, all that makes nothing more goes on, and
// another account notices nothing.
func TestAnAccountIsFilled(t *testing.T) {
	l, quota := filled(t)
	const a, o = "/v2/accounts/acme", "/v2/accounts/other"
	ids := map[string]string{} // of API keys, by their names
	for i, c := range []struct {
		method, path, body, as string
		kind                   string // of the limit that refuses it; "" for none
		use, limit             int64  // use: -1 for what acme has, which is the most of both
	}{
		// Documents: of the account, users, devices together.
		{"POST", a + "/metaflows", document(20), asAcme, "", 0, 0},
		{"POST", a + "/users/u1/metaflows", document(20), asAcme, "", 0, 0},
		{"POST", a + "/users/u2/metaflows", document(20), asAcme, "", 0, 0},
		{"POST", a + "/devices/d1/metaflows", document(20), asAcme, "", 0, 0},
		{"POST", a + "/devices/d2/metaflows", document(20), asAcme, "", 0, 0},
		{"POST", a + "/devices/d3/metaflows", document(20), asAcme, "documents", 5, 5},
		{"POST", a + "/users/u3/metaflows", document(20), "", "documents", 5, 5}, // also for the super-admin
		{"POST", o + "/users/u3/metaflows", document(20), asOther, "", 0, 0},
		{"POST", a + "/devices/d2/metaflows", document(30), asAcme, "", 0, 0}, // what is there is replaced
		{"DELETE", a + "/devices/d2/metaflows", "", asAcme, "", 0, 0},
		{"POST", a + "/devices/d3/metaflows", document(20), asAcme, "", 0, 0}, // there is room again
		{"POST", a + "/devices/d2/metaflows", document(20), asAcme, "documents", 5, 5},
		// Bytes: of documents and entries.
		{"POST", a + "/metaflows", document(921), asAcme, "bytes", 100, 1000},
		{"POST", a + "/metaflows", document(920), asAcme, "", 0, 0},
		{"POST", a + "/users/u1/metaflows", document(21), asAcme, "bytes", 1000, 1000},
		{"PUT", a + "/devices", `{"data":{"id":"d1","name":"d1"}}`, asAcme, "bytes", 1000, 1000},
		{"POST", o + "/metaflows", document(900), asOther, "", 0, 0},
		{"DELETE", o + "/metaflows", "", asOther, "", 0, 0},
		{"POST", a + "/metaflows", document(100), asAcme, "", 0, 0}, // shorter
		// Users and devices. PATCH and POST make no more of them, but may make them longer.
		{"PUT", a + "/users", `{"data":{"id":"u1","username":"one"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/users", `{"data":{"id":"u2","username":"two"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/users", `{"data":{"id":"u3"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/users", `{"data":{"username":"four"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/users", `{"data":{"username":"five"}}`, asAcme, "users", 4, 4},
		{"PUT", a + "/devices", `{"data":{"id":"d1","name":"d1"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/devices", `{"data":{"name":"d2"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/devices", `{"data":{"name":"d3"}}`, asAcme, "devices", 2, 2},
		{"PUT", o + "/devices", `{"data":{"name":"d3"}}`, asOther, "", 0, 0},
		{"PATCH", a + "/devices/d1", `{"data":{"name":"longer"}}`, asAcme, "", 0, 0},
		{"PATCH", a + "/devices/d1", `{"data":{"x":"` + strings.Repeat("y", 900) + `"}}`, asAcme, "bytes", -1, 1000},
		{"POST", a + "/users/u1", `{"data":{"username":"five","x":"` + strings.Repeat("y", 900) + `"}}`, asAcme, "bytes", -1, 1000},
		{"POST", a + "/users/u1", `{"data":{"username":"five"}}`, asAcme, "", 0, 0}, // the username was not taken by who was refused
		{"DELETE", a + "/users/u2", "", asAcme, "", 0, 0},                           // and its document
		{"PUT", a + "/users", `{"data":{"username":"six"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/users", `{"data":{"username":"seven"}}`, asAcme, "users", 4, 4},
		{"POST", a + "/users/u9/metaflows", document(20), asAcme, "", 0, 0},
		// API keys, and what they do: they log in and out also when there is no room for anything.
		{"PUT", a + "/api_keys", `{"data":{"name":"one"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/api_keys", `{"data":{"name":"two"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/api_keys", `{"data":{"name":"three","owner_id":"u1"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/api_keys", `{"data":{"name":"four"}}`, asAcme, "api_keys", 3, 3},
		{"PUT", o + "/api_keys", `{"data":{"name":"four"}}`, asOther, "", 0, 0},
		{"DELETE", a + "/api_keys/{two}", "", asAcme, "", 0, 0},
		{"PUT", a + "/api_keys", `{"data":{"name":"four"}}`, asAcme, "", 0, 0},
		{"PUT", a + "/api_keys", `{"data":{"name":"five"}}`, asAcme, "api_keys", 3, 3},
	} {
		path := c.path
		for name, id := range ids {
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		var header []string
		if c.as != "" {
			header = []string{c.as}
		}
		w := l.send(c.method, path, c.body, header...)
		if c.use < 0 {
			c.use = quota.Highest()[c.kind]
		}
		switch {
		case c.kind == "" && w.Code/100 != 2:
			t.Errorf("step %d, %s %s: %d %s", i, c.method, path, w.Code, w.Body)
		case c.kind != "" && !beyond(t, w, c.kind, c.use, c.limit):
			t.Errorf("step %d, %s %s: %d %s, not a refusal by %s, %d of %d", i, c.method, path, w.Code, w.Body, c.kind, c.use, c.limit)
		}
		var made struct{ Data struct{ ID, Name string } }
		if c.method == "PUT" && json.Unmarshal(w.Body.Bytes(), &made) == nil && made.Data.Name != "" {
			ids[made.Data.Name] = made.Data.ID
		}
	}
	// The super-admin ends it, and nothing is left.
	if w := l.send("PUT", "/v2/accounts", `{"data":{"id":"acme","name":"acme"}}`); w.Code != 201 {
		t.Fatal(w.Body)
	}
	if w := l.send("DELETE", a, ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if high := quota.Highest(); high["users"] != 0 || high["documents"] != 1 || high["api_keys"] != 1 || high["devices"] != 1 {
		t.Error("only the other account's is left, but there is", high)
	}
}

// However many requests come at once, in whatever mixture, the limits hold; and all that was not refused is there.
func TestManyFillAnAccountAtOnce(t *testing.T) {
	l, quota := filled(t)
	var let [4]atomic.Int64
	var all sync.WaitGroup
	for n := range 30 {
		for kind, c := range []struct{ method, path, body, name string }{
			{"POST", fmt.Sprintf("/v2/accounts/acme/users/x%d/metaflows", n), document(20), "documents"},
			{"PUT", "/v2/accounts/acme/users", fmt.Sprintf(`{"data":{"username":"x%d"}}`, n), "users"},
			{"PUT", "/v2/accounts/acme/devices", `{"data":{"name":"x"}}`, "devices"},
			{"PUT", "/v2/accounts/acme/api_keys", `{"data":{}}`, "api_keys"},
		} {
			all.Go(func() {
				r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
				r.Header.Set("X-Auth-Token", "acme-token")
				w := httptest.NewRecorder()
				l.api.ServeHTTP(w, r)
				switch {
				case w.Code/100 == 2:
					let[kind].Add(1)
				case w.Code != 400 || !strings.Contains(w.Body.String(), `{"`+c.name+`":{"maximum":`):
					t.Error(c.path, w.Code, w.Body)
				}
			})
		}
	}
	all.Wait()
	high := quota.Highest()
	for kind, want := range []struct {
		name string
		n    int64
	}{{"documents", 5}, {"users", 4}, {"devices", 2}, {"api_keys", 3}} {
		if let[kind].Load() != want.n || high[want.name] != want.n {
			t.Errorf("%s: %d let through, %d there, at most %d", want.name, let[kind].Load(), high[want.name], want.n)
		}
	}
	for _, c := range []struct {
		path string
		n    int
	}{{"/users", 4}, {"/devices", 2}, {"/api_keys", 3}} {
		w := l.send("GET", "/v2/accounts/acme"+c.path, "")
		var list struct{ Data []any }
		if json.Unmarshal(w.Body.Bytes(), &list) != nil || len(list.Data) != c.n {
			t.Error(c.path, w.Body)
		}
	}
}
