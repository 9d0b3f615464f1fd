package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/flows"
)

func bounded(q *Quota) func(*Config) { return func(c *Config) { c.Quota = q } }

func most(documents, bytes int64) map[Kind]int64 {
	return map[Kind]int64{Documents: documents, Bytes: bytes}
}

// sized is a document of so many bytes.
func sized(n int) []byte { return []byte(`{"x":"` + strings.Repeat("y", n-8) + `"}`) }

func userOf(account string, n int) Place {
	return Place{Account: account, Scope: flows.ScopeUser, ID: "u" + strconv.Itoa(n)}
}

// refused says of a change what limit has refused it, and at what use; "" where none has.
func refused(t *testing.T, err error) string {
	t.Helper()
	limit, ok := errors.AsType[*LimitError](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return fmt.Sprint(limit.Kind, " ", limit.Use, "/", limit.Limit)
}

// Each step is a change, and what it is answered. What makes nothing more is never refused.
func TestLimitsOfDocuments(t *testing.T) {
	quota := NewQuota(most(3, 1000))
	l := open(t, broker.Config{Dir: t.TempDir()}, bounded(quota))
	<-l.Ready()
	zoo := Place{Account: "zoo", Scope: flows.ScopeAccount}
	for i, step := range []struct {
		p       Place
		size    int // 0: it is deleted
		refused string
	}{
		{acme, 100, ""}, {alice, 100, ""}, {desk, 100, ""},
		{userOf("acme", 1), 100, "documents 3/3"},
		{acme, 100, ""},                               // the same again
		{zoo, 900, ""}, {zoo, 1001, "bytes 900/1000"}, // of another account
		{alice, 801, "bytes 300/1000"}, {alice, 800, ""}, // up to the limit
		{desk, 101, "bytes 1000/1000"}, {desk, 10, ""}, // smaller
		{desk, 101, "bytes 910/1000"}, {desk, 100, ""}, // what has become free is not more than that
		{userOf("acme", 1), 10, "documents 3/3"}, //
		{desk, 0, ""}, {desk, 0, ""},             // twice
		{userOf("acme", 1), 101, "bytes 900/1000"},  //
		{userOf("acme", 1), 50, ""}, {alice, 0, ""}, //
		{userOf("acme", 2), 850, ""}, {acme, 0, ""}, //
		{userOf("acme", 2), 0, ""}, {userOf("acme", 1), 0, ""}, {zoo, 0, ""},
	} {
		before, there, _ := l.Get(step.p)
		var err error
		if step.size == 0 {
			_, err = l.Delete(t.Context(), step.p, Any)
		} else {
			_, err = l.Put(t.Context(), step.p, sized(step.size), Any)
		}
		if got := refused(t, err); got != step.refused {
			t.Errorf("step %d, %s %d: %q, not %q", i, step.p.key(), step.size, got, step.refused)
		}
		if after, still, _ := l.Get(step.p); step.refused != "" && (still != there || string(after.Raw) != string(before.Raw)) {
			t.Errorf("step %d: what was refused has changed something", i)
		}
	}
	if high := quota.Highest(); high["documents"] != 0 || high["bytes"] != 0 || len(quota.uses) != 0 || len(quota.moving) != 0 {
		t.Error("when nothing is stored there is", high, len(quota.uses), len(quota.moving))
	}
	err := &LimitError{Kind: APIKeys, Limit: 100, Use: 100, Would: 101}
	if err.Error() != "the account has 100 API keys and would have 101; METAFLOWS_ACCOUNT_MAX_API_KEYS allows 100" {
		t.Error(err)
	}
}

// What is stored already stays, is loaded from the file and from NATS, may be replaced by what is not longer, and deleted.
func TestMoreThanTheLimitStays(t *testing.T) {
	dir := t.TempDir()
	file := keptIn(filepath.Join(dir, "documents.json"))
	l := open(t, broker.Config{Dir: filepath.Join(dir, "nats")}, own, file)
	<-l.Ready()
	for n := range 5 {
		if _, err := l.Put(t.Context(), userOf("acme", n), sized(100), Any); err != nil {
			t.Fatal(err)
		}
	}
	l.stop()
	gone := brokertest.Start(t)
	gone.Stop()
	fromFile := NewQuota(most(3, 250))
	open(t, broker.Config{URL: gone.URL()}, file, bounded(fromFile))
	if high := fromFile.Highest(); high["documents"] != 5 || high["bytes"] != 500 {
		t.Error("from the file:", high)
	}
	quota := NewQuota(most(3, 250))
	l = open(t, broker.Config{Dir: filepath.Join(dir, "nats")}, own, file, bounded(quota))
	<-l.Ready()
	if high := quota.Highest(); high["documents"] != 5 || high["bytes"] != 500 {
		t.Error("from the file and NATS:", high)
	}
	for i, step := range []struct {
		n, size int
		refused string
	}{
		{0, 100, ""}, {0, 101, "bytes 500/250"}, {0, 50, ""}, {0, 51, "bytes 450/250"}, {9, 20, "documents 5/3"}, {1, 0, ""}, {2, 0, ""},
		{9, 20, "documents 3/3"}, {3, 0, ""}, {9, 101, "bytes 150/250"}, {9, 100, ""},
	} {
		var err error
		if step.size == 0 {
			_, err = l.Delete(t.Context(), userOf("acme", step.n), Any)
		} else {
			_, err = l.Put(t.Context(), userOf("acme", step.n), sized(step.size), Any)
		}
		if got := refused(t, err); got != step.refused {
			t.Errorf("step %d: %q, not %q", i, got, step.refused)
		}
	}
}

// What has been refused for another reason, or by NATS, leaves its room to others.
func TestRefusedChangesKeepNoRoom(t *testing.T) {
	quota := NewQuota(most(2, 0))
	l := open(t, broker.Config{Dir: t.TempDir()}, bounded(quota))
	<-l.Ready()
	if _, err := l.Put(t.Context(), acme, sized(10), Any); err != nil {
		t.Fatal(err)
	}
	stranger, err := jetstream.New(l.broker.Documents())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := l.Put(t.Context(), alice, sized(10), Revision(99)); !errors.Is(err, ErrConflict) {
			t.Fatal(err)
		}
		if _, err := l.Put(t.Context(), alice, []byte(`{"numbers":1}`), Any); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
		if _, err := l.Put(t.Context(), alice, sized(2<<20), Any); !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		// Whoever stores it first, NATS tells this one of it only when it has refused.
		if _, err := stranger.Publish(t.Context(), "$KV."+Bucket+"."+alice.key(), sized(10)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Put(t.Context(), alice, sized(10), Absent); !errors.Is(err, ErrConflict) {
			t.Fatal(err)
		}
		if _, err := l.Put(t.Context(), desk, sized(10), Any); refused(t, err) != "documents 2/2" {
			t.Fatal(err)
		}
		if _, err := l.Delete(t.Context(), alice, Any); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Put(t.Context(), desk, sized(10), Any); err != nil {
		t.Error(err)
	}
	if len(quota.moving) != 0 {
		t.Error(len(quota.moving), "changes are still under way")
	}
}

// watched counts by itself what an account has in the bucket, from NATS.
func watched(t *testing.T, l *lab, account string) (documents, bytes int64) {
	t.Helper()
	kv, err := l.js.KeyValue(t.Context(), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		t.Fatal(err)
	}
	for _, key := range keys {
		p, ok := placeOf(key)
		if !ok || p.Account != account {
			continue
		}
		entry, err := kv.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		documents, bytes = documents+1, bytes+int64(len(entry.Value()))
	}
	return documents, bytes
}

// However many store at once, no more than the limit is stored, and all of it is used.
func TestParallelWritersNeverExceed(t *testing.T) {
	quota := NewQuota(most(10, 2000))
	l := open(t, broker.Config{Dir: t.TempDir()}, bounded(quota))
	<-l.Ready()
	var all sync.WaitGroup
	var stored atomic.Int64
	for n := range 100 {
		all.Go(func() {
			_, err := l.Put(t.Context(), userOf("acme", n), sized(100), Any)
			if refused(t, err) == "" {
				stored.Add(1)
			}
		})
	}
	all.Wait()
	if documents, bytes := watched(t, l, "acme"); documents != 10 || bytes != 1000 || stored.Load() != 10 {
		t.Errorf("%d documents of %d bytes, %d were let through", documents, bytes, stored.Load())
	}
	// Few keys, replaced by all at once, longer and shorter, and deleted: what NATS takes last is not what was asked last.
	for w := range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for range 60 {
				p := userOf("zoo", random.IntN(12))
				var err error
				if random.IntN(4) == 0 {
					_, err = l.Delete(t.Context(), p, Any)
				} else {
					_, err = l.Put(t.Context(), p, sized(10+random.IntN(800)), Any)
				}
				_ = refused(t, err)
				if high := quota.Highest(); high["documents"] > 10 || high["bytes"] > 2000 {
					t.Error(high)
					return
				}
			}
		})
	}
	all.Wait()
	documents, bytes := watched(t, l, "zoo")
	quota.mu.Lock()
	defer quota.mu.Unlock()
	if u := quota.uses["zoo"]; u == nil || u.stored[Documents] != documents || u.stored[Bytes] != bytes || u.coming != (amounts{}) || len(quota.moving) != 0 {
		t.Errorf("%+v is counted, %d documents of %d bytes are there, %d are being changed", u, documents, bytes, len(quota.moving))
	}
}

// impatient is a context that ends as soon as somebody waits for it: what was to be sent has been.
type impatient struct {
	context.Context
	over atomic.Bool
}

func (c *impatient) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }

func (c *impatient) Done() <-chan struct{} {
	c.over.Store(true)
	over := make(chan struct{})
	close(over)
	return over
}

func (c *impatient) Err() error {
	if c.over.Load() {
		return context.Canceled
	}
	return nil
}

// Who does not wait for the answer gets no more: what has been sent may be stored all the same.
func TestGivenUpChangesNeverExceed(t *testing.T) {
	quota := NewQuota(most(10, 0))
	l := open(t, broker.Config{Dir: t.TempDir()}, bounded(quota))
	<-l.Ready()
	var all sync.WaitGroup
	for w := range 20 {
		all.Go(func() {
			for n := range 20 {
				_, err := l.Put(&impatient{Context: t.Context()}, userOf("acme", 20*w+n), sized(10), Any)
				if _, limit := errors.AsType[*LimitError](err); !limit && !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := l.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if documents, _ := watched(t, l, "acme"); documents == 0 || documents > 10 {
		t.Errorf("%d documents are stored", documents)
	}
}

// Records count by the second part of their keys, in the same quota as documents; of others nothing is counted.
func TestLimitsOfRecords(t *testing.T) {
	quota := NewQuota(map[Kind]int64{Users: 2, Devices: 1, Bytes: 100})
	s := brokertest.Start(t)
	l := openRecords(t, broker.Config{URL: s.URL()}, func(c *RecordsConfig) {
		c.Quota, c.Counts = quota, map[string][]Kind{"account": {Bytes}, "user": {Users, Bytes}, "device": {Devices, Bytes}}
	})
	docs := open(t, broker.Config{URL: s.URL()}, bounded(quota))
	<-l.Ready()
	<-docs.Ready()
	for i, step := range []struct {
		key     string
		size    int
		refused string
	}{
		{"acme.account", 20, ""}, {"acme.user.a", 20, ""}, {"acme.user.b", 20, ""},
		{"acme.user.c", 20, "users 2/2"}, {"acme.device.a", 20, ""}, {"acme.device.b", 20, "devices 1/1"},
		{"acme.account", 41, "bytes 80/100"}, {"acme.account", 30, ""}, {"acme.username.x", 500, ""}, {"signing_key", 500, ""},
		{"zoo.user.a", 90, ""}, {"acme.user.a", 0, ""}, {"acme.user.c", 25, ""}, {"acme.device.b", 20, "devices 1/1"},
	} {
		room := l.Room(step.key, make([]byte, step.size))
		var err error
		if step.size == 0 {
			_, err = l.Delete(t.Context(), step.key, Any)
		} else {
			_, err = l.Put(t.Context(), step.key, sized(step.size), Any)
		}
		if got := refused(t, err); got != step.refused || step.size > 0 && refused(t, room) != step.refused {
			t.Errorf("step %d, %s %d: %q (room: %v), not %q", i, step.key, step.size, got, room, step.refused)
		}
	}
	if _, err := docs.Put(t.Context(), acme, sized(11), Any); refused(t, err) != "bytes 95/100" {
		t.Error("documents and records have different bytes:", err)
	}
	want := map[string]int64{"documents": 0, "bytes": 95, "api_keys": 0, "users": 2, "devices": 1}
	if high := quota.Highest(); !maps.Equal(high, want) {
		t.Error(high)
	}
	for _, key := range []string{"acme.account", "acme.user.b", "acme.user.c", "acme.device.a"} {
		if _, err := l.Delete(t.Context(), key, Any); err != nil {
			t.Fatal(err)
		}
	}
	want = map[string]int64{"documents": 0, "bytes": 90, "api_keys": 0, "users": 1, "devices": 0}
	if high := quota.Highest(); !maps.Equal(high, want) {
		t.Error("when the account with the most of all is gone:", high)
	}
	// What another has stored is told by the watch, and counts.
	js, err := docs.broker.Documents().JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := js.Publish("$KV."+Bucket+".directory.acme.user.n"+strconv.Itoa(n), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the others' users are counted", func() bool { return quota.Highest()["users"] == 3 })
	if _, err := l.Put(t.Context(), "acme.user.z", []byte(`{}`), Any); refused(t, err) != "users 3/2" {
		t.Error(err)
	}
}

// A bucket that is gone, with a file of nothing, leaves nothing counted.
func TestALostBucketCountsNothing(t *testing.T) {
	quota := NewQuota(most(3, 0))
	s := brokertest.Start(t)
	l := open(t, broker.Config{URL: s.URL()}, bounded(quota))
	<-l.Ready()
	for n := range 3 {
		if _, err := l.Put(t.Context(), userOf("acme", n), sized(10), Any); err != nil {
			t.Fatal(err)
		}
	}
	js, err := jetstream.New(l.broker.Documents())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteKeyValue(t.Context(), Bucket); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is counted", func() bool { return quota.Highest()["documents"] == 0 })
	eventually(t, "there is room", func() bool {
		_, err := l.Put(t.Context(), acme, sized(10), Any)
		return err == nil
	})
}

// An account as large as it may be costs little more to change, and so to load, than a small one.
func TestALargeAccountIsChangedCheaply(t *testing.T) {
	changing := func(documents int) (bytes uint64) {
		s := newSnapshot(flows.Settings{})
		doc := &Document{Raw: []byte(`{}`)}
		for n := range documents {
			s.place(userOf("acme", n), doc)
		}
		if got := len(s.places("acme")); got != documents {
			t.Fatal(got, "documents of", documents)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const changes = 100
		for n := range changes {
			s.place(userOf("acme", n), nil)
			s.place(userOf("acme", documents+n), doc)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / (2 * changes)
	}
	if bytes := changing(5000); bytes > 32<<10 {
		t.Errorf("a change of one of 5000 documents allocates %d bytes", bytes)
	}
}
