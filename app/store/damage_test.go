package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
	"metaflows/flows"
)

// site is a data folder: the files of an embedded server, and documents.json beside them.
type site struct{ dir string }

func newSite(t *testing.T) site { return site{t.TempDir()} }

func (s site) nats() string { return filepath.Join(s.dir, "nats") }

func (s site) file() string { return filepath.Join(s.dir, "documents.json") }

func (s site) open(t *testing.T) *lab {
	t.Helper()
	l := open(t, broker.Config{Dir: s.nats()}, keptIn(s.file()), own, func(c *Config) { c.Folder = s.nats() })
	select {
	case <-l.Ready():
	case <-time.After(time.Minute):
		t.Fatal("not loaded: ", l.Err(), l.log)
	}
	return l
}

// copied is the folder as a kill leaves it: copied while it is used.
func (s site) copied(t *testing.T) site {
	t.Helper()
	to := newSite(t)
	if err := os.CopyFS(to.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func person(n int) Place {
	return Place{Account: "acme", Scope: flows.ScopeUser, ID: fmt.Sprintf("u%02d", n)}
}

const people = 20

func (l *lab) fill(t *testing.T) {
	t.Helper()
	for n := range people {
		for range 2 { // each is changed once
			if _, err := l.Put(t.Context(), person(n), fmt.Appendf(nil, `{"binding_digit":"#","x":"%s"}`, strings.Repeat("x", 200)), Any); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := l.Put(t.Context(), desk, []byte(`{}`), Any); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Delete(t.Context(), desk, Any); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) all() bool {
	for n := range people {
		if _, ok, err := l.Get(person(n)); !ok || err != nil || l.Effective(person(n).Owner()).BindingDigit != '#' {
			return false
		}
	}
	_, ok, _ := l.Get(desk)
	return !ok
}

func (s site) keeps(n int) bool {
	kept, err := readSaved(s.file(), places)
	return err == nil && len(kept.values) == n
}

// blocks are the files in which the bucket's messages stand.
func (s site) blocks(t *testing.T) (blocks []string) {
	t.Helper()
	_ = filepath.WalkDir(s.nats(), func(path string, d fs.DirEntry, err error) error {
		if strings.Contains(path, "KV_"+Bucket) && strings.HasSuffix(path, ".blk") {
			blocks = append(blocks, path)
		}
		return err
	})
	if len(blocks) == 0 {
		t.Fatal("there are no blocks")
	}
	return blocks
}

func change(t *testing.T, path string, how func(text []byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(at float64) func([]byte) []byte {
	return func(text []byte) []byte {
		text[int(at*float64(len(text)-1))] ^= 0x10
		return text
	}
}

func zero(from, to float64) func([]byte) []byte {
	return func(text []byte) []byte {
		clear(text[int(from*float64(len(text))):int(to*float64(len(text)))])
		return text
	}
}

var damages = map[string]func([]byte) []byte{
	"a byte in the middle":    flip(0.5),
	"a byte near the start":   flip(0.02),
	"the first byte":          flip(0),
	"a byte near the end":     flip(0.98),
	"the last byte":           flip(1),
	"a third is zero":         zero(1./3, 2./3),
	"the last third is zero":  zero(2./3, 1),
	"all of it is zero":       zero(0, 1),
	"cut in the middle":       func(text []byte) []byte { return text[:len(text)/2] },
	"nothing is left":         func([]byte) []byte { return nil },
	"another file's contents": func([]byte) []byte { return []byte("garbage garbage garbage") },
}

// Whatever is damaged of what NATS keeps, after a kill or an orderly stop: documents are as they were, are stored again, and
// that is told. What was known is kept aside.
func TestDamagedBlock(t *testing.T) {
	whole := newSite(t)
	l := whole.open(t)
	l.fill(t)
	eventually(t, "the file has all", func() bool { return whole.keeps(people) })
	killed := whole.copied(t)
	l.stop()
	for how, from := range map[string]site{"killed": killed, "stopped": whole} {
		for name, damage := range damages {
			t.Run(how+", "+name, func(t *testing.T) {
				s := from.copied(t)
				for _, block := range s.blocks(t) {
					change(t, block, damage)
				}
				l := s.open(t)
				if !l.all() || l.Err() != nil {
					t.Error("documents are lost:", l.Err(), l.log)
				}
				if _, err := l.Put(t.Context(), desk, []byte(`{"binding_digit":"1"}`), Any); err != nil {
					t.Error(err)
				}
				eventually(t, "the file has all", func() bool { return s.keeps(people + 1) })
				refilled := strings.Contains(l.log.String(), "level=ERROR")
				if n := l.told.of("documents.damaged"); (n == 1) != refilled || !refilled && name != "the last byte" && name != "a byte near the end" {
					t.Error(n, "were told of it; log:", l.log)
				}
				if _, err := os.Stat(s.file() + ".aside"); (err == nil) != refilled {
					t.Error("kept aside:", err)
				}
				l.stop()
				l = s.open(t)
				if _, ok, _ := l.Get(desk); !ok || strings.Contains(l.log.String(), "level=ERROR") {
					t.Error("again: ", l.log)
				}
				l.stop()
			})
		}
	}
}

// of is how often something was told.
func (t *told) of(kind string) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, notice := range t.notices {
		if notice.Type == kind {
			n++
		}
	}
	return n
}

// undecided checks what holds while nobody has said which copy is right.
func (l *lab) undecided(t *testing.T, file, reason string, told int) {
	t.Helper()
	eventually(t, "it is asked about", func() bool {
		err := l.Err()
		return err != nil && strings.Contains(err.Error(), "metaflows documents recover --from file|bucket")
	})
	if err := l.Err(); !strings.Contains(err.Error(), reason) {
		t.Error(err)
	}
	if !l.all() {
		t.Error("codes are lost meanwhile", l.log)
	}
	if _, err := l.Put(t.Context(), desk, []byte(`{}`), Any); !errors.Is(err, ErrUnavailable) {
		t.Error("a change was made meanwhile:", err)
	}
	if _, err := l.Delete(t.Context(), person(1), Any); !errors.Is(err, ErrUnavailable) {
		t.Error("a change was made meanwhile:", err)
	}
	if kept, err := readSaved(file, places); err != nil || len(kept.values) != people {
		t.Error("the file has changed:", len(kept.values), err)
	}
	eventually(t, "it is told", func() bool { // which comes right behind Err
		return l.told.of("documents.damaged") >= told && strings.Contains(l.log.String(), "level=ERROR")
	})
	if n := l.told.of("documents.damaged"); n != told {
		t.Error(n, "were told of it; log:", l.log)
	}
}

// decides answers all questions, and sees that the file says who was right.
func (l *lab) decides(t *testing.T, file, from string, left int) {
	t.Helper()
	questions, err := Questions(filepath.Dir(file))
	if err != nil || len(questions) != 1 {
		t.Fatal(questions, err)
	}
	if err := questions[0].Decide(from); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is decided", func() bool { return l.Err() == nil && !questions[0].Open() })
	if from == "file" && !l.all() {
		t.Error("documents are lost:", l.log)
	}
	eventually(t, "the file has what was decided", func() bool {
		kept, err := readSaved(file, places)
		return err == nil && len(kept.values) == left
	})
	if aside, err := readSaved(file+".aside", places); err != nil || len(aside.values) != people {
		t.Error("what was known is not kept aside", len(aside.values), err)
	}
	if _, err := l.Put(t.Context(), desk, []byte(`{}`), Any); err != nil {
		t.Error(err)
	}
}

// A folder of NATS that was put back from a backup is older than what is known, and nobody has said that it shall be.
func TestOlderFolderIsAskedAbout(t *testing.T) {
	for from, left := range map[string]int{"file": people, "bucket": 1} {
		t.Run(from, func(t *testing.T) {
			s := newSite(t)
			l := s.open(t)
			if _, err := l.Put(t.Context(), person(0), []byte(`{"binding_digit":"1"}`), Any); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the file has it", func() bool { return s.keeps(1) })
			backup := s.copied(t)
			l.fill(t)
			eventually(t, "the file has all", func() bool { return s.keeps(people) })
			l.stop()
			if err := os.RemoveAll(s.nats()); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(s.nats(), os.DirFS(backup.nats())); err != nil {
				t.Fatal(err)
			}
			for told := 1; told >= 0; told-- { // a restart does not decide it
				l = s.open(t)
				l.undecided(t, s.file(), "older", told)
				l.stop()
			}
			l = s.open(t)
			l.decides(t, s.file(), from, left)
			l.stop()
			if l = s.open(t); l.Err() != nil || l.told.of("documents.damaged") != 0 {
				t.Error("asked again:", l.Err())
			}
		})
	}
}

// An operator has emptied the bucket, while we run or while we do not: the stream is purged, deleted, or some subjects are.
func TestEmptiedBucketIsAskedAbout(t *testing.T) {
	for name, empty := range map[string]func(context.Context, jetstream.JetStream, func()) error{
		"purged": func(ctx context.Context, js jetstream.JetStream, _ func()) error {
			stream, err := js.Stream(ctx, "KV_"+Bucket)
			if err != nil {
				return err
			}
			return stream.Purge(ctx)
		},
		"some purged": func(ctx context.Context, js jetstream.JetStream, _ func()) error {
			stream, err := js.Stream(ctx, "KV_"+Bucket)
			if err != nil {
				return err
			}
			return stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+Bucket+".metaflows.acme.user.*"))
		},
		"deleted": func(ctx context.Context, js jetstream.JetStream, _ func()) error {
			return js.DeleteKeyValue(ctx, Bucket)
		},
		"made anew": func(ctx context.Context, js jetstream.JetStream, removed func()) error {
			kv, err := js.KeyValue(ctx, Bucket)
			if err != nil {
				return err
			}
			if err := js.DeleteKeyValue(ctx, kv.Bucket()); err != nil {
				return err
			}
			removed()
			kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: Bucket})
			if errors.Is(err, jetstream.ErrBucketExists) { // the process that runs was faster
				kv, err = js.KeyValue(ctx, Bucket)
			}
			if err != nil {
				return err
			}
			_, err = kv.PutString(ctx, person(3).key(), `{"binding_digit":"7"}`)
			return err
		},
	} {
		for _, running := range []bool{true, false} {
			for from, left := range map[string]int{"file": people, "bucket": 0} {
				t.Run(fmt.Sprintf("%s, running %v, from %s", name, running, from), func(t *testing.T) {
					t.Parallel()
					server, file := brokertest.Start(t), filepath.Join(t.TempDir(), "documents.json")
					start := func() *lab { return open(t, broker.Config{URL: server.URL()}, keptIn(file)) }
					l := start()
					<-l.Ready()
					l.fill(t)
					eventually(t, "the file has all", func() bool { kept, err := readSaved(file, places); return err == nil && len(kept.values) == people })
					if !running {
						l.stop()
					}
					other := open(t, broker.Config{URL: server.URL()})
					js, _ := jetstream.New(other.broker.Documents())
					<-other.Ready() // it makes the bucket where there is none: not while that is being deleted
					removed := func() {
						eventually(t, "its files are removed", func() bool { return server.Removed("KV_" + Bucket) })
					}
					if err := empty(t.Context(), js, removed); err != nil {
						t.Fatal(err)
					}
					if !running {
						l = start()
						<-l.Ready()
					}
					l.undecided(t, file, "", 1)
					if name == "made anew" && from == "bucket" {
						left = 1
					}
					l.decides(t, file, from, left)
				})
			}
		}
	}
}

// What was purged at our own server is asked about, too: whoever can do that has meant it, or not.
func TestOwnBucketIsPurged(t *testing.T) {
	s := newSite(t)
	l := s.open(t)
	l.fill(t)
	eventually(t, "the file has all", func() bool { return s.keeps(people) })
	js, _ := jetstream.New(l.broker.Documents())
	stream, err := js.Stream(t.Context(), "KV_"+Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.undecided(t, s.file(), "purged", 1)
	l.stop()
	l = s.open(t)
	l.undecided(t, s.file(), "purged", 0)
	l.decides(t, s.file(), "bucket", 0)
}

// The file itself is damaged: what of it is whole counts, and NATS has the rest.
func TestDamagedFile(t *testing.T) {
	whole := newSite(t)
	l := whole.open(t)
	l.fill(t)
	eventually(t, "the file has all", func() bool { return whole.keeps(people) })
	l.stop()
	whole.open(t).stop() // it is written whole: what is damaged of changes behind it may as well have been cut off as it was written
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := whole.copied(t)
			change(t, s.file(), damage)
			l := s.open(t)
			if !l.all() || l.Err() != nil {
				t.Error(l.Err(), l.log)
			}
			eventually(t, "the damaged file is kept aside, and the file has all", func() bool {
				_, err := os.Stat(s.file() + ".aside")
				return (err == nil || name == "the last byte") && s.keeps(people)
			})
			if !strings.Contains(l.log.String(), "level=ERROR") && name != "the last byte" {
				t.Error(l.log)
			}
			l.stop()
		})
	}
}

// Both copies are damaged at different places: together they are whole.
func TestDamagedFileAndBlock(t *testing.T) {
	whole := newSite(t)
	l := whole.open(t)
	l.fill(t)
	eventually(t, "the file has all", func() bool { return whole.keeps(people) })
	l.stop()
	s := whole.copied(t)
	change(t, s.file(), flip(0.1))
	for _, block := range s.blocks(t) {
		change(t, block, flip(0.9))
	}
	l = s.open(t)
	if !l.all() || l.Err() != nil {
		t.Error(l.Err(), l.log)
	}
}

// Records that are hashes of secrets: what NATS has lost is known from the file, and what was revoked does not come back.
// Without NATS the file opens nothing.
func TestSecretRecords(t *testing.T) {
	s := newSite(t)
	file := filepath.Join(s.dir, "logins.json")
	start := func(cfg broker.Config) (*Records, *logtest.Log, func()) {
		cfg.Listen, cfg.AuditPassword, cfg.Node, cfg.MaxStore = "off", "x", "n1", 1<<30
		b, err := broker.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		log := &logtest.Log{}
		r, err := NewRecords(RecordsConfig{
			Conn: b.Documents(), Bucket: "metaflows_auth", Prefix: "auth", What: "API keys", File: file, Own: cfg.URL == "", Folder: cfg.Dir, Secret: true,
			Log: slog.New(slog.NewTextHandler(log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		return r, log, func() { cancel(); <-done; b.Close() }
	}
	r, _, stop := start(broker.Config{Dir: s.nats()})
	<-r.Ready()
	for n := range 10 {
		if _, err := r.Put(t.Context(), fmt.Sprint("acme.api_key.", n), []byte(`{"hash":"aa"}`), Any); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Delete(t.Context(), "acme.api_key.3", Any); err != nil {
		t.Fatal(err)
	}
	stop()

	nowhere := brokertest.Start(t)
	nowhere.Stop()
	r, _, stop = start(broker.Config{URL: nowhere.URL()})
	if _, _, err := r.Get("acme.api_key.1"); !errors.Is(err, ErrUnavailable) {
		t.Error("the file opens something:", err)
	}
	stop()

	for _, at := range []float64{0.1, 0.3, 0.5, 0.9, 0.98} {
		_ = filepath.WalkDir(s.nats(), func(path string, d fs.DirEntry, err error) error {
			if strings.Contains(path, "KV_metaflows_auth") && strings.HasSuffix(path, ".blk") {
				change(t, path, flip(at))
			}
			return err
		})
		r, log, stop := start(broker.Config{Dir: s.nats()})
		select {
		case <-r.Ready():
		case <-time.After(10 * time.Second):
			t.Fatal(r.Err(), log)
		}
		for n := range 10 {
			if _, ok, err := r.Get(fmt.Sprint("acme.api_key.", n)); ok != (n != 3) || err != nil {
				t.Error(at, n, ok, err, log)
			}
		}
		stop()
	}
}
