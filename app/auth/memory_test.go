package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"metaflows/app/store"
)

// shared is a bucket without NATS, for several instances.
type shared struct {
	mu        sync.Mutex
	records   map[string]store.Record
	revision  uint64
	instances []*memory
	away      bool
}

// memory is one instance's Records on it.
type memory struct {
	*shared
	ready   chan struct{}
	changed func(string)
}

func (s *shared) instance() *memory {
	m := &memory{shared: s, ready: make(chan struct{})}
	s.instances = append(s.instances, m)
	return m
}

func (m *memory) Changed(f func(string)) { m.changed = f }
func (m *memory) Ready() <-chan struct{} { return m.ready }

func (m *memory) loaded() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// load is what *store.Records does first.
func (m *memory) load() {
	m.mu.Lock()
	var keys []string
	for key := range m.records {
		keys = append(keys, key)
	}
	m.mu.Unlock()
	for _, key := range keys {
		m.changed(key) // as *store.Records tells, before it answers
	}
	close(m.ready)
}

func (m *memory) Get(key string) (store.Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loaded() {
		return store.Record{}, false, store.ErrUnavailable
	}
	r, ok := m.records[key]
	return r, ok, nil
}

func (m *memory) List(prefix string) ([]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loaded() {
		return nil, store.ErrUnavailable
	}
	var list []store.Record
	for key, r := range m.records {
		if strings.HasPrefix(key, prefix) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b store.Record) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

func (m *memory) Put(_ context.Context, key string, raw []byte, expect store.Expect) (uint64, error) {
	return m.change(key, expect, func(revision uint64) {
		m.records[key] = store.Record{Key: key, Raw: bytes.Clone(raw), Revision: revision}
	})
}

func (m *memory) Delete(_ context.Context, key string, expect store.Expect) (uint64, error) {
	return m.change(key, expect, func(uint64) { delete(m.records, key) })
}

func (m *memory) change(key string, expect store.Expect, do func(uint64)) (uint64, error) {
	m.mu.Lock()
	old, ok := m.records[key]
	switch {
	case m.away:
		m.mu.Unlock()
		return 0, store.ErrUnavailable
	case expect != store.Any && (ok && expect != store.Revision(old.Revision) || !ok && expect != store.Absent):
		m.mu.Unlock()
		return 0, store.ErrConflict
	}
	m.revision++
	revision := m.revision
	do(revision)
	instances := slices.Clone(m.instances)
	m.mu.Unlock()
	for _, other := range instances {
		if other.loaded() {
			other.changed(key)
		}
	}
	return revision, nil
}

const adminToken = "an-admin-token-for-tests"

// safeLog is a log that is read while it is written.
type safeLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lab is one or more instances on one bucket.
type lab struct {
	testing.TB
	*Auth   // the first instance
	others  []*Auth
	records *shared
	log     *safeLog
}

// newLab starts instances. They run until the test's context ends.
func newLab(t testing.TB, instances int) *lab {
	t.Helper()
	l := &lab{TB: t, records: &shared{records: map[string]store.Record{}}, log: &safeLog{}}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); running.Wait() })
	var started []*memory
	for i := range instances {
		m := l.records.instance()
		a, err := New(Config{Records: m, AdminToken: adminToken, Log: slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			l.Auth = a
		} else {
			l.others = append(l.others, a)
		}
		started = append(started, m)
		running.Go(func() { a.Run(ctx) })
	}
	for _, m := range started {
		m.load()
	}
	waitFor(t, func() bool { return l.Err() == nil })
	return l
}

// key makes an API key.
func (l *lab) key(account, owner string) (Key, string) {
	l.Helper()
	k, secret, err := l.CreateKey(l.Context(), account, owner, "for tests")
	if err != nil {
		l.Fatal(err)
	}
	return k, secret
}

// login exchanges an API key for a token.
func (l *lab) login(secret string) (string, Identity) {
	l.Helper()
	token, id, err := l.Login(secret)
	if err != nil {
		l.Fatal(err)
	}
	return token, id
}

// secretKey is the signing key as it is stored.
func (l *lab) secretKey() []byte {
	l.Helper()
	l.records.mu.Lock()
	defer l.records.mu.Unlock()
	var kept keptSigningKey
	if err := json.Unmarshal(l.records.records[signingRecord].Raw, &kept); err != nil {
		l.Fatal(err)
	}
	return kept.HS256
}
