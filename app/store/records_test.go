package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
)

type recordsLab struct {
	*Records
	broker *broker.Broker
	log    *logtest.Log
	stop   func()

	mu   sync.Mutex
	told []string
}

func (l *recordsLab) changes(key string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.told {
		if k == key {
			n++
		}
	}
	return n
}

func (l *recordsLab) put(t *testing.T, key, raw string, expect Expect) uint64 {
	t.Helper()
	revision, err := l.Put(t.Context(), key, []byte(raw), expect)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func (l *recordsLab) keys(prefix string) string {
	list, err := l.List(prefix)
	if err != nil {
		return err.Error()
	}
	var keys []string
	for _, r := range list {
		keys = append(keys, r.Key)
	}
	return strings.Join(keys, " ")
}

func openRecords(t *testing.T, cfg broker.Config, more ...func(*RecordsConfig)) *recordsLab {
	t.Helper()
	cfg.Listen, cfg.AuditPassword, cfg.Node, cfg.MaxStore = "off", "x", "n1", 1<<30
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &recordsLab{broker: b, log: &logtest.Log{}}
	c := RecordsConfig{Conn: b.Documents(), Bucket: Bucket, Prefix: "directory", Log: slog.New(slog.NewTextHandler(l.log, nil))}
	for _, set := range more {
		set(&c)
	}
	if l.Records, err = NewRecords(c); err != nil {
		t.Fatal(err)
	}
	l.Changed(func(key string) {
		if _, _, err := l.Get(key); err != nil && l.Known() {
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, key)
	})
	var once sync.Once
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.stop = func() { once.Do(func() { cancel(); <-done; b.Close() }) }
	t.Cleanup(l.stop)
	go func() { defer close(done); l.Run(ctx) }()
	return l
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	l := openRecords(t, broker.Config{Dir: dir})
	<-l.Ready()
	raw := `{ "z":1,"a":2 }`
	r1 := l.put(t, "acme.user.alice", raw, Absent)
	if got, ok, err := l.Get("acme.user.alice"); err != nil || !ok || string(got.Raw) != raw || got.Revision != r1 || got.Key != "acme.user.alice" {
		t.Error(got, ok, err)
	}
	for _, key := range []string{"acme.device.desk", "acme.account", "acme-2.account", "acme.user.al", "acme.userx.y", "zoo.account"} {
		l.put(t, key, `{}`, Any)
	}
	for prefix, want := range map[string]string{
		"acme.":           "acme.account acme.device.desk acme.user.al acme.user.alice acme.userx.y",
		"acme.user.":      "acme.user.al acme.user.alice",
		"acme.user.ali":   "acme.user.alice",
		"acme":            "acme.account acme.device.desk acme.user.al acme.user.alice acme.userx.y acme-2.account",
		"":                "acme.account acme.device.desk acme.user.al acme.user.alice acme.userx.y acme-2.account zoo.account",
		"nobody.":         "",
		"acme.user.alicf": "",
	} {
		if got := l.keys(prefix); got != want {
			t.Errorf("%q: %s", prefix, got)
		}
	}
	if groups, err := l.Groups(); err != nil || !slices.Equal(groups, []string{"acme", "acme-2", "zoo"}) {
		t.Error(groups, err)
	}
	if _, err := l.Delete(t.Context(), "zoo.account", Any); err != nil {
		t.Fatal(err)
	}
	if groups, _ := l.Groups(); !slices.Equal(groups, []string{"acme", "acme-2"}) || l.keys("zoo.") != "" {
		t.Error(groups)
	}
	if n := l.changes("zoo.account"); n != 2 {
		t.Error(n, "changes told")
	}
	if _, err := l.Delete(t.Context(), "zoo.account", Any); err != nil {
		t.Error("deleting what is not there:", err)
	}
	for _, key := range []string{"", ".", "a.", ".a", "a b", "a.*", "a.>", strings.Repeat("a", 65), "a..b", "a=2E"} {
		if _, err := l.Put(t.Context(), key, []byte(`{}`), Any); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", key, err)
		}
		if _, err := l.Delete(t.Context(), key, Any); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := l.Put(t.Context(), "a", []byte(`{"a"`), Any); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	l.stop()
	l = openRecords(t, broker.Config{Dir: dir})
	<-l.Ready()
	if got, ok, err := l.Get("acme.user.alice"); err != nil || !ok || string(got.Raw) != raw || got.Revision != r1 {
		t.Error(got, ok, err)
	}
	if l.Err() != nil || l.keys("zoo.") != "" || l.changes("acme.user.alice") != 1 {
		t.Error(l.Err(), l.keys("zoo."), l.told)
	}
}

// What is expected, what is there, and what then happens: the same with fresh memory as with one that does not know it yet.
func TestExpect(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(l *recordsLab, put, remove func() uint64) Expect // gives what is expected
		ok     bool
	}{
		{"any, never there", func(_ *recordsLab, _, _ func() uint64) Expect { return Any }, true},
		{"any, there", func(_ *recordsLab, put, _ func() uint64) Expect { put(); return Any }, true},
		{"absent, never there", func(_ *recordsLab, _, _ func() uint64) Expect { return Absent }, true},
		{"absent, there", func(_ *recordsLab, put, _ func() uint64) Expect { put(); return Absent }, false},
		{"absent, deleted", func(_ *recordsLab, put, remove func() uint64) Expect { put(); remove(); return Absent }, true},
		{"absent, deleted and there again", func(_ *recordsLab, put, remove func() uint64) Expect { put(); remove(); put(); return Absent }, false},
		{"its revision", func(_ *recordsLab, put, _ func() uint64) Expect { return Revision(put()) }, true},
		{"an older revision", func(_ *recordsLab, put, _ func() uint64) Expect { r := put(); put(); return Revision(r) }, false},
		{"a later revision", func(_ *recordsLab, put, _ func() uint64) Expect { return Revision(put() + 1) }, false},
		{"a revision, never there", func(_ *recordsLab, _, _ func() uint64) Expect { return Revision(3) }, false},
		{"revision 0, never there", func(_ *recordsLab, _, _ func() uint64) Expect { return Revision(0) }, false},
		{"revision 0, there", func(_ *recordsLab, put, _ func() uint64) Expect { put(); return Revision(0) }, false},
		{"the revision before its deletion", func(_ *recordsLab, put, remove func() uint64) Expect { r := put(); remove(); return Revision(r) }, false},
		{"the deletion's revision", func(_ *recordsLab, put, remove func() uint64) Expect { put(); return Revision(remove()) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := openRecords(t, broker.Config{Dir: t.TempDir()})
			<-l.Ready()
			put := func() uint64 { return l.put(t, "acme.x", `{"before":1}`, Any) }
			remove := func() uint64 {
				r, err := l.Delete(t.Context(), "acme.x", Any)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			expect := c.before(l, put, remove)
			before, had, _ := l.Get("acme.x")
			_, err := l.Put(t.Context(), "acme.x", []byte(`{"after":1}`), expect)
			after, _, _ := l.Get("acme.x")
			switch {
			case c.ok && (err != nil || string(after.Raw) != `{"after":1}`):
				t.Error(err)
			case !c.ok && (!errors.Is(err, ErrConflict) || had && !bytes.Equal(after.Raw, before.Raw)):
				t.Error(err, string(after.Raw))
			}
		})
	}
}

// An instance whose memory is behind decides as NATS does.
func TestExpectWithStaleMemory(t *testing.T) {
	s := brokertest.Start(t)
	l := openRecords(t, broker.Config{URL: s.URL()})
	<-l.Ready()
	js, _ := jetstream.New(l.broker.Documents())
	// Deaf: it has loaded nothing, and no watch runs.
	deaf, err := NewRecords(RecordsConfig{Conn: l.broker.Documents(), Bucket: Bucket, Prefix: "directory"})
	if err != nil {
		t.Fatal(err)
	}
	r := l.put(t, "acme.x", `{}`, Absent)
	if _, err := deaf.Put(t.Context(), "acme.x", []byte(`1`), Absent); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if _, err := deaf.Put(t.Context(), "acme.x", []byte(`1`), Revision(r+1)); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if _, err := deaf.Put(t.Context(), "acme.x", []byte(`1`), Revision(r)); err != nil {
		t.Error(err)
	}
	if _, err := l.Delete(t.Context(), "acme.x", Any); err != nil {
		t.Error(err)
	}
	deaf, err = NewRecords(RecordsConfig{Conn: l.broker.Documents(), Bucket: Bucket, Prefix: "directory"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deaf.Put(t.Context(), "acme.x", []byte(`2`), Absent); err != nil {
		t.Error("a deletion that it does not know of:", err)
	}
	// The mark of a deletion that it knows is gone.
	if _, err := deaf.Delete(t.Context(), "acme.x", Any); err != nil {
		t.Error(err)
	}
	stream, err := js.Stream(t.Context(), "KV_"+Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := deaf.Put(t.Context(), "acme.x", []byte(`3`), Absent); err != nil {
		t.Error("a deletion whose mark is gone:", err)
	}
}

// Of those that expect the same, one succeeds; nothing that was stored is lost.
func TestWritersAtOnce(t *testing.T) {
	s := brokertest.Start(t)
	var labs []*recordsLab
	for range 2 {
		l := openRecords(t, broker.Config{URL: s.URL()})
		<-l.Ready()
		labs = append(labs, l)
	}
	labs[0].put(t, "acme.counter", `0`, Absent)
	var wg sync.WaitGroup
	var mu sync.Mutex
	conflicts, created := 0, 0
	for i := range 4 {
		l := labs[i%2]
		wg.Go(func() {
			for n := 0; n < 25; {
				now, ok, err := l.Get("acme.counter")
				if err != nil || !ok {
					continue // the other instance's first value is on its way
				}
				count, _ := strconv.Atoi(string(now.Raw))
				_, err = l.Put(t.Context(), "acme.counter", []byte(strconv.Itoa(count+1)), Revision(now.Revision))
				switch {
				case err == nil:
					n++
				case errors.Is(err, ErrConflict):
					mu.Lock()
					conflicts++
					mu.Unlock()
				default:
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			if _, err := l.Put(t.Context(), "acme.once", []byte(strconv.Itoa(i)), Absent); err == nil {
				mu.Lock()
				created++
				mu.Unlock()
			} else if !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, l := range labs {
		eventually(t, "100", func() bool { r, _, _ := l.Get("acme.counter"); return string(r.Raw) == "100" })
	}
	if created != 1 {
		t.Error(created, "have made the same record")
	}
	t.Log(conflicts, "conflicts")
}

func TestRecordsOutage(t *testing.T) {
	s := brokertest.Start(t)
	s.Stop()
	l := openRecords(t, broker.Config{URL: s.URL()})
	if _, _, err := l.Get("acme.x"); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if _, err := l.List("acme."); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if _, err := l.Put(t.Context(), "acme.x", []byte(`1`), Any); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if err := l.Err(); err == nil || !strings.HasPrefix(err.Error(), "records of directory are not known; ") {
		t.Error(err)
	}
	s.Again()
	<-l.Ready()
	l.put(t, "acme.x", `1`, Absent)
	l.put(t, "acme.y", `1`, Absent)
	s.Stop()
	eventually(t, "it is noticed", func() bool { return l.Err() != nil })
	if r, ok, err := l.Get("acme.x"); err != nil || !ok || string(r.Raw) != "1" {
		t.Error(r, ok, err)
	}
	s.Again()
	other := openRecords(t, broker.Config{URL: s.URL()})
	<-other.Ready()
	other.put(t, "acme.x", `2`, Any)
	if _, err := other.Delete(t.Context(), "acme.y", Any); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was changed meanwhile", func() bool {
		r, _, _ := l.Get("acme.x")
		return string(r.Raw) == "2" && l.keys("acme.") == "acme.x" && l.Err() == nil
	})
	if n := l.changes("acme.y"); n != 2 {
		t.Error(n, "changes of acme.y told")
	}
}

// A bucket is deleted, or deleted and made anew by somebody else, and nobody here wants to change anything.
func TestRecordsOfABucketThatIsMadeAnew(t *testing.T) {
	for name, anew := range map[string]bool{"lost": false, "made anew": true} {
		t.Run(name, func(t *testing.T) {
			s := brokertest.Start(t)
			l := openRecords(t, broker.Config{URL: s.URL()})
			<-l.Ready()
			for i := range 5 {
				l.put(t, fmt.Sprint("acme.", i), `"old"`, Absent)
			}
			js, _ := jetstream.New(l.broker.Documents())
			if err := js.DeleteKeyValue(t.Context(), Bucket); err != nil {
				t.Fatal(err)
			}
			want := ""
			if anew {
				kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: Bucket})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := kv.PutString(t.Context(), "directory.acme.4", `"new"`); err != nil {
					t.Fatal(err)
				}
				want = "acme.4"
			}
			began := time.Now()
			for l.keys("acme.") != want {
				if time.Since(began) > time.Minute {
					t.Fatal(l.keys("acme."), l.Err())
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Log(name, "noticed after", time.Since(began))
			if l.changes("acme.0") != 2 {
				t.Error(l.told)
			}
			if r, _, _ := l.Get("acme.4"); anew && string(r.Raw) != `"new"` {
				t.Error(string(r.Raw))
			}
			l.put(t, "acme.0", `"next"`, Absent)
		})
	}
}

// What is put into a bucket that was made anew, before that was noticed, is seen at once.
func TestPutIntoABucketThatIsMadeAnew(t *testing.T) {
	l := openRecords(t, broker.Config{URL: brokertest.Start(t).URL()})
	<-l.Ready()
	for i := range 5 {
		l.put(t, "acme.x", strconv.Itoa(i), Any)
	}
	js, _ := jetstream.New(l.broker.Documents())
	if err := js.DeleteKeyValue(t.Context(), Bucket); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: Bucket}); err != nil {
		t.Fatal(err)
	}
	r := l.put(t, "acme.x", `"new"`, Any)
	if got, _, _ := l.Get("acme.x"); string(got.Raw) != `"new"` || got.Revision != r {
		t.Error(got)
	}
	eventually(t, "the new bucket is watched", func() bool { return strings.Contains(l.log.String(), "watched again") })
	l.put(t, "acme.x", `"next"`, Revision(r))
}

// After a conflict memory has what was in the way; Settle waits for what another has done before.
func TestConflictTeaches(t *testing.T) {
	s := brokertest.Start(t)
	one, two := openRecords(t, broker.Config{URL: s.URL()}), openRecords(t, broker.Config{URL: s.URL()})
	<-one.Ready()
	<-two.Ready()
	r := one.put(t, "acme.x", `0`, Absent)
	if err := two.Settle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		before, _, _ := two.Get("acme.x")
		one.put(t, "acme.x", strconv.Itoa(i+1), Any)
		_, err := two.Put(t.Context(), "acme.x", []byte(`"two"`), Revision(before.Revision))
		if now, _, _ := two.Get("acme.x"); !errors.Is(err, ErrConflict) || string(now.Raw) != strconv.Itoa(i+1) {
			t.Fatal(err, string(now.Raw))
		}
	}
	for i := range 50 {
		one.put(t, fmt.Sprint("acme.n", i), `1`, Absent)
		mine := two.put(t, "acme.mine", `1`, Any)
		if err := two.Settle(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := two.Get(fmt.Sprint("acme.n", i)); !ok {
			t.Fatal("settled without", i)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := two.Settle(ctx, 1<<40); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// Whoever has refreshed knows what another instance has stored before, under whatever key, and sees no trace of it.
func TestRefresh(t *testing.T) {
	s := brokertest.Start(t)
	one, two := openRecords(t, broker.Config{URL: s.URL()}), openRecords(t, broker.Config{URL: s.URL()})
	<-one.Ready()
	<-two.Ready()
	for i := range 50 {
		key := fmt.Sprint("acme.n", i)
		one.put(t, key, `1`, Absent)
		if err := two.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := two.Get(key); !ok {
			t.Fatal("refreshed without", key)
		}
	}
	if groups, err := two.Groups(); err != nil || !slices.Equal(groups, []string{"acme"}) {
		t.Error(groups, err)
	}
	s.Stop()
	if err := two.Refresh(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// To delete what never was leaves nothing behind; what only another instance knows of is deleted.
func TestDeleteOfTheUnknown(t *testing.T) {
	s := brokertest.Start(t)
	one, two := openRecords(t, broker.Config{URL: s.URL()}), openRecords(t, broker.Config{URL: s.URL()})
	<-one.Ready()
	<-two.Ready()
	before := one.put(t, "acme.x", `1`, Absent)
	for i := range 10 {
		if r, err := one.Delete(t.Context(), fmt.Sprint("acme.n", i), Any); r != 0 || err != nil {
			t.Error(r, err)
		}
	}
	if after := one.put(t, "acme.x", `2`, Any); after != before+1 {
		t.Errorf("%d marks are in the bucket", after-before-1)
	}
	for i := range 20 {
		key := fmt.Sprint("acme.n", i)
		one.put(t, key, `1`, Absent)
		r, err := two.Delete(t.Context(), key, Any)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := one.Get(key); ok {
			t.Fatal(key, "is still there")
		}
	}
}

func TestTooLarge(t *testing.T) {
	l := openRecords(t, broker.Config{URL: brokertest.Start(t).URL()})
	<-l.Ready()
	if _, err := l.Put(t.Context(), "acme.x", []byte(`"`+strings.Repeat("x", 1<<20)+`"`), Any); !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// Records that come and go between two lists leave nothing behind.
func TestListsForgetWhatHasGone(t *testing.T) {
	r := filledRecords(10)
	all, _ := r.List("")
	group := groupOf(all[0].Key)
	for n := range 1000 {
		key := r.shelf.prefix + fmt.Sprintf("%s.user.gone%d", group, n)
		_ = r.shelf.set(key, []byte("1"), uint64(n+1))
		_ = r.shelf.set(key, nil, uint64(n+2))
	}
	if stale := len(r.shelf.groups[group].stale); stale > 0 {
		t.Errorf("%d that have gone are kept for the next list", stale)
	}
}

// Whatever is put, changed and deleted between two lists: they are all there, sorted, as they are now.
func TestListsFollowChanges(t *testing.T) {
	r := filledRecords(0)
	want := map[string]string{}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 5000 {
		key := fmt.Sprintf("acme.device.d%03d", random.IntN(300))
		raw := []byte(strconv.Itoa(n))
		if random.IntN(3) == 0 {
			raw = nil
			delete(want, key)
		} else {
			want[key] = string(raw)
		}
		if err := r.shelf.set("directory."+key, raw, uint64(n)); err != nil {
			t.Fatal(err)
		}
		if random.IntN(10) > 0 {
			continue
		}
		list, err := r.List("acme.device.")
		if err != nil || len(list) != len(want) || !slices.IsSortedFunc(list, func(a, b Record) int { return strings.Compare(a.Key, b.Key) }) {
			t.Fatal(n, len(list), len(want), err)
		}
		for _, record := range list {
			if want[record.Key] != string(record.Raw) {
				t.Fatal(n, record.Key, string(record.Raw), want[record.Key])
			}
		}
	}
}

func filledRecords(devices int) *Records {
	s := &shelf{prefix: "directory.", groups: map[string]*group{}}
	for i := range devices {
		_ = s.set(fmt.Sprintf("directory.acme.device.d%05d", i), []byte(`{"name":"desk","owner_id":"alice"}`), uint64(i+1))
		_ = s.set(fmt.Sprintf("directory.a%d.account", i), []byte(`{}`), uint64(i+1))
	}
	return &Records{mirror: &mirror{loaded: true}, shelf: s}
}

func BenchmarkRecords(b *testing.B) {
	r := filledRecords(10_000)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = r.Get("acme.device.d05000")
		}
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if list, _ := r.List("acme.device."); len(list) != 10_000 {
				b.Fatal(len(list))
			}
		}
	})
	b.Run("list after a change", func(b *testing.B) {
		for b.Loop() {
			_ = r.shelf.set("directory.acme.device.d05000", []byte(`{}`), 1)
			if list, _ := r.List("acme.device."); len(list) != 10_000 {
				b.Fatal(len(list))
			}
		}
	})
}
