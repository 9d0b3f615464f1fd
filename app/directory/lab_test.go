package directory

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

var (
	acme  = store.Place{Account: "acme", Scope: flows.ScopeAccount}
	users = store.Place{Account: "acme", Scope: flows.ScopeUser}
	alice = store.Place{Account: "acme", Scope: flows.ScopeUser, ID: "alice"}
	bob   = store.Place{Account: "acme", Scope: flows.ScopeUser, ID: "bob"}
	desks = store.Place{Account: "acme", Scope: flows.ScopeDevice}
	desk  = store.Place{Account: "acme", Scope: flows.ScopeDevice, ID: "desk"}
)

// keyring is Keys; it notes what was revoked.
type keyring struct {
	mu      sync.Mutex
	revoked []string
	fails   error
}

func (k *keyring) Forget(_ context.Context, account, owner string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.revoked = append(k.revoked, account+"/"+owner)
	return k.fails
}

// lab is one instance.
type lab struct {
	*testing.T
	*Directory
	records   *store.Records
	documents *store.Store
	keys      *keyring
	js        jetstream.JetStream
}

type config func(*Config)

// bounded is an instance whose accounts may have so much.
func bounded(t *testing.T, limits map[store.Kind]int64) (*lab, *store.Quota) {
	t.Helper()
	quota := store.NewQuota(limits)
	return openBounded(t, brokertest.Start(t), quota), quota
}

func strict(c *Config) { c.Strict = true }

// open is an instance on a server; two of them see each other's changes.
func open(t *testing.T, s *brokertest.Server, more ...config) *lab {
	t.Helper()
	return openBounded(t, s, nil, more...)
}

func openBounded(t *testing.T, s *brokertest.Server, quota *store.Quota, more ...config) *lab {
	t.Helper()
	conn, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, keys: &keyring{}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	if l.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	if l.records, err = store.NewRecords(store.RecordsConfig{Conn: conn, Bucket: store.Bucket, Prefix: Prefix, Log: log, Quota: quota, Counts: Counts}); err != nil {
		t.Fatal(err)
	}
	if l.documents, err = store.New(store.Config{Conn: conn, Log: log, Quota: quota}); err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.Load(egress.Blocked{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Records: l.records, Documents: l.documents, Keys: l.keys, Schemas: schemas, Log: log}
	for _, set := range more {
		set(&cfg)
	}
	l.Directory = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.records.Run(ctx) })
	running.Go(func() { l.documents.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); conn.Close() })
	<-l.records.Ready()
	<-l.documents.Ready()
	return l
}

func single(t *testing.T, more ...config) *lab {
	t.Helper()
	return open(t, brokertest.Start(t), more...)
}

func object(t *testing.T, text string) *schema.Value {
	t.Helper()
	v, err := schema.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (l *lab) create(p store.Place, text string) Entry {
	l.Helper()
	e, err := l.Create(l.Context(), p, object(l.T, text))
	if err != nil {
		l.Fatal(text, said(err))
	}
	return e
}

func (l *lab) document(p store.Place) {
	l.Helper()
	if _, err := l.documents.Put(l.Context(), p, []byte(`{}`), store.Any); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) stored(p store.Place) string {
	l.Helper()
	record, ok, err := l.records.Get(key(p))
	switch {
	case err != nil:
		l.Fatal(err)
	case !ok:
		return "nothing"
	}
	return string(record.Raw)
}

// bucket is every key in the bucket that holds a value, read from NATS, without the hashes of usernames.
func (l *lab) bucket() string {
	l.Helper()
	kv, err := l.js.KeyValue(l.Context(), store.Bucket)
	if err != nil {
		l.Fatal(err)
	}
	keys, err := kv.Keys(l.Context())
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		l.Fatal(err)
	}
	slices.Sort(keys)
	for i, k := range keys {
		if before, _, found := strings.Cut(k, ".username."); found {
			keys[i] = before + ".username"
		}
	}
	return strings.Join(keys, " ")
}

// said is an error with what a client would be told.
func said(err error) string {
	if invalid, ok := errors.AsType[*InvalidError](err); ok {
		raw, _ := json.Marshal(invalid.Problems)
		return string(raw)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}
