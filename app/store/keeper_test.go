package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
	"metaflows/flows"
)

func keptIn(path string) func(*Config) { return func(c *Config) { c.File = path } }

func own(c *Config) { c.Own = true }

// away is a store whose NATS is not there.
func away(t *testing.T, path string) (*lab, *brokertest.Server) {
	t.Helper()
	s := brokertest.Start(t)
	s.Stop()
	return open(t, broker.Config{URL: s.URL()}, keptIn(path)), s
}

func pathOf(key string) string {
	p, _ := placeOf(key)
	return p.Path()[len("/v2/accounts/"):]
}

func holds(path string, want ...string) bool {
	s, err := readSaved(path, places)
	s.values = slices.DeleteFunc(s.values, func(v savedValue) bool { return v.raw == nil })
	if err != nil || len(s.values) != len(want) {
		return false
	}
	for i, d := range s.values {
		if want[i] != pathOf(d.key)+" "+string(d.raw) {
			return false
		}
	}
	return true
}

func TestEveryChangeIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	s := brokertest.Start(t)
	l := open(t, broker.Config{URL: s.URL()}, keptIn(path))
	<-l.Ready()
	eventually(t, "an empty file", func() bool { return holds(path) })
	if _, err := l.Put(t.Context(), acme, []byte(`{"z":1, "a":2}`), Any); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was put", func() bool { return holds(path, `acme/metaflows {"z":1, "a":2}`) })
	other := open(t, broker.Config{URL: s.URL()})
	<-other.Ready()
	if _, err := other.Put(t.Context(), desk, []byte(`{}`), Any); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what another has put", func() bool { return holds(path, `acme/metaflows {"z":1, "a":2}`, "acme/devices/desk/metaflows {}") })
	if _, err := other.Delete(t.Context(), acme, Any); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what another has deleted", func() bool { return holds(path, "acme/devices/desk/metaflows {}") })
	// What has no effect is not kept: it could not be read again.
	js, _ := jetstream.New(l.broker.Documents())
	kv, err := js.KeyValue(t.Context(), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(t.Context(), desk.key(), `{"numbers":`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "without the one that is not valid", func() bool { return holds(path) })
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// A burst is written a few times, not once for each change, and its end is always there, also when the store stops at once.
func TestABurstIsWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	l := open(t, broker.Config{Dir: t.TempDir()}, keptIn(path))
	<-l.Ready()
	eventually(t, "the first file", func() bool { return holds(path) })
	began, files := time.Now(), map[string]bool{}
	for i := range 200 {
		if _, err := l.Put(t.Context(), acme, fmt.Appendf(nil, `{"x":%d}`, i), Any); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err == nil {
			files[string(text)] = true
		}
	}
	if limit := 2 + int(time.Since(began)/burst); len(files) > limit {
		t.Errorf("200 changes in %v were written %d times", time.Since(began), len(files))
	}
	l.stop()
	if !holds(path, `acme/metaflows {"x":199}`) {
		t.Error("the last state is not in the file")
	}
}

func TestStartWithoutNATSFromTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	raw := `{ "binding_digit":"#", "numbers":{"9":{"module":"record_call"}}}`
	if _, err := writeSaved(path, savedAt(march, document(acme, raw), document(alice, `{"numbers":{"1":{}}}`), document(desk, `{"binding_digit":"5"}`))); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	l, s := away(t, path)
	if d := l.Effective(acme.Owner()).BindingDigit; d != '#' {
		t.Errorf("%c", d)
	}
	if err := l.Err(); err == nil || !strings.HasPrefix(err.Error(), "documents are as of 2026-03-04T05:06:07Z from documents.json; ") {
		t.Error(err)
	}
	eventually(t, "why", func() bool { return strings.HasSuffix(l.Err().Error(), "; NATS is not connected") })
	if doc, ok, err := l.Get(acme); err != nil || !ok || string(doc.Raw) != raw {
		t.Error(doc, ok, err)
	}
	if _, ok, err := l.Get(alice); err != nil || ok {
		t.Error(ok, err)
	}
	if !strings.Contains(l.log.String(), "/v2/accounts/acme/users/alice/metaflows") {
		t.Error("a document without effect is not told:", l.log)
	}
	if _, err := l.Put(t.Context(), acme, []byte(`{}`), Any); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if _, err := l.Delete(t.Context(), acme, Any); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(before, now) {
		t.Error("the file was written before NATS was there")
	}

	// NATS comes, and knows another truth: one document changed, one gone, one new.
	s.Again()
	other := open(t, broker.Config{URL: s.URL()})
	<-other.Ready()
	for _, p := range []Place{acme, desk} {
		if _, err := other.Put(t.Context(), p, []byte(`{"binding_digit":"1"}`), Any); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.Delete(t.Context(), desk, Any); err != nil {
		t.Fatal(err)
	}
	<-l.Ready()
	eventually(t, "the bucket's truth", func() bool {
		_, ok, _ := l.Get(desk)
		return l.Effective(acme.Owner()).BindingDigit == '1' && !ok && l.Err() == nil
	})
	eventually(t, "and the file's", func() bool { return holds(path, `acme/metaflows {"binding_digit":"1"}`) })
}

// What was changed and removed while nobody was here is not asked about: the bucket says so by later revisions.
func TestChangedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	s := brokertest.Start(t)
	l := open(t, broker.Config{URL: s.URL()}, keptIn(path))
	<-l.Ready()
	for _, p := range []Place{acme, desk} {
		if _, err := l.Put(t.Context(), p, []byte(`{"binding_digit":"5"}`), Any); err != nil {
			t.Fatal(err)
		}
	}
	l.stop()
	other := open(t, broker.Config{URL: s.URL()})
	<-other.Ready()
	if _, err := other.Put(t.Context(), acme, []byte(`{"binding_digit":"1"}`), Any); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Delete(t.Context(), desk, Any); err != nil {
		t.Fatal(err)
	}
	l = open(t, broker.Config{URL: s.URL()}, keptIn(path))
	<-l.Ready()
	if _, ok, err := l.Get(desk); ok || err != nil || l.Err() != nil || l.Effective(desk.Owner()).BindingDigit != '1' {
		t.Error("a removed document is back", ok, err, l.Err())
	}
	eventually(t, "the file", func() bool { return holds(path, `acme/metaflows {"binding_digit":"1"}`) })
	if _, err := os.Stat(path + ".aside"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a good file was put aside", err)
	}
}

func TestNoFileNoCodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	l, _ := away(t, path)
	if err := l.Err(); err == nil || !strings.HasPrefix(err.Error(), "there are no codes: documents.json does not exist; ") {
		t.Error(err)
	}
	if _, _, err := l.Get(acme); !errors.Is(err, ErrUnavailable) || !l.Effective(acme.Owner()).Empty() {
		t.Error(err)
	}
	l.stop()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file was made of nothing", err)
	}
}

// A file that cannot be understood stays as it is until NATS is there, and then beside the new one.
func TestBrokenFileIsKeptAside(t *testing.T) {
	for _, text := range []string{"", "hello", `{"version":2,"documents":[]}`, `{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[{"key":"metaflows.acme","document":{"a"`} {
		path := filepath.Join(t.TempDir(), "documents.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, s := away(t, path)
		if err := l.Err(); err == nil || !strings.HasPrefix(err.Error(), "there are no codes: documents.json cannot be used: ") {
			t.Error(err)
		}
		if log := l.log.String(); strings.Count(log, "cannot be read") != 1 || !l.Effective(acme.Owner()).Empty() {
			t.Error(log)
		}
		l.stop()
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("%q became %q %v", text, now, err)
		}
		s.Again()
		l = open(t, broker.Config{URL: s.URL()}, keptIn(path))
		<-l.Ready()
		eventually(t, "a good file", func() bool { return holds(path) })
		if aside, err := os.ReadFile(path + ".aside"); err != nil || string(aside) != text || l.Err() != nil {
			t.Errorf("%q aside %q %v %v", text, aside, err, l.Err())
		}
		l.stop()
		s.Stop()
	}
}

// The embedded NATS cannot read its own files any more: codes are as in the file, and stored again.
func TestOwnBucketWasLost(t *testing.T) {
	for name, broken := range map[string]func(path string) bool{
		"messages":   func(path string) bool { return strings.HasSuffix(path, ".blk") || strings.HasSuffix(path, "index.db") },
		"everything": func(path string) bool { return true },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "documents.json")
		nats := filepath.Join(dir, "nats")
		l := open(t, broker.Config{Dir: nats}, keptIn(path), own)
		<-l.Ready()
		for _, p := range []Place{acme, alice} {
			if _, err := l.Put(t.Context(), p, []byte(`{"binding_digit":"#"}`), Any); err != nil {
				t.Fatal(err)
			}
		}
		l.stop()
		if err := filepath.WalkDir(nats, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(path, "KV_") || !broken(path) {
				return err
			}
			return os.WriteFile(path, []byte("garbage garbage garbage"), 0o600)
		}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			l = open(t, broker.Config{Dir: nats}, keptIn(path), own)
			<-l.Ready()
			for _, p := range []Place{acme, alice} {
				if doc, ok, err := l.Get(p); err != nil || !ok || doc.Revision == 0 || l.Effective(p.Owner()).BindingDigit != '#' {
					t.Error(name, doc, ok, err, l.log)
				}
			}
			l.stop()
		}
		if strings.Contains(l.log.String(), "NATS has lost") || !holds(path, `acme/metaflows {"binding_digit":"#"}`, `acme/users/alice/metaflows {"binding_digit":"#"}`) {
			t.Error(name, "they were not stored again")
		}
	}
}

// A file that cannot be written is told, and written when it can be.
func TestWriteIsTriedAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "later", "documents.json")
	l := open(t, broker.Config{URL: brokertest.Start(t).URL()}, keptIn(file))
	<-l.Ready()
	eventually(t, "the problem", func() bool { return l.Err() != nil })
	if err := l.Err(); !strings.HasPrefix(err.Error(), "documents cannot be kept in documents.json: no such file") {
		t.Error(err)
	}
	if _, err := l.Put(t.Context(), acme, []byte(`{}`), Any); err != nil {
		t.Error("a change needs the file:", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file", func() bool { return holds(file, "acme/metaflows {}") && l.Err() == nil })
	if log := l.log.String(); strings.Count(log, "trying again") != 1 || !strings.Contains(log, "kept again") {
		t.Error(log)
	}
}

// Readers of the file see the old one or the new one, whole.
func TestFileIsNeverHalf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	if _, err := writeSaved(path, savedAt(march)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := readSaved(path, places); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	big := strings.Repeat("x", 1<<20)
	for i := range 20 {
		p := Place{Account: fmt.Sprint("a", i), Scope: flows.ScopeAccount}
		if _, err := writeSaved(path, savedAt(march, document(p, `{"x":"`+big+`"}`))); err != nil {
			t.Error(err)
		}
	}
	stop()
	<-done
}

// A refill that is cut off between any two documents is taken up by the next start, which keeps the file until then. What
// was changed or deleted meanwhile is the truth.
func TestRefillIsCutOff(t *testing.T) {
	var last saved
	last.at = march
	lost := []Place{acme, desk, alice}
	for i := range 4 {
		lost = append(lost, Place{Account: "other", Scope: flows.ScopeUser, ID: fmt.Sprint("u", i)})
	}
	for _, p := range lost {
		last.values = append(last.values, document(p, `{"binding_digit":"#"}`))
	}
	for cut := 1; cut <= len(lost); cut++ {
		dir := t.TempDir()
		path, nats := filepath.Join(dir, "documents.json"), filepath.Join(dir, "nats")
		if _, err := writeSaved(path, last); err != nil {
			t.Fatal(err)
		}
		first := cutOff(t, nats, path, cut)
		if now, err := readSaved(path, places); err != nil || !same(now, last) {
			t.Error(cut, "the file has changed", err)
		}
		if strings.Contains(first, "loaded from NATS") {
			t.Error(cut, "half of it counts as loaded")
		}

		// The next start: NATS is not asked for documents before somebody has changed two of them.
		b, err := broker.Open(broker.Config{Dir: nats, Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		js, _ := jetstream.New(b.Documents())
		kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: Bucket, Description: "metaflows documents"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.PutString(t.Context(), acme.key(), `{"binding_digit":"1"}`); err != nil {
			t.Fatal(err)
		}
		if err := kv.Delete(t.Context(), lost[len(lost)-1].key()); err != nil {
			t.Fatal(err)
		}
		b.Close()

		l := open(t, broker.Config{Dir: nats}, keptIn(path), own, func(c *Config) { c.Folder = nats })
		<-l.Ready()
		for i, p := range lost {
			want, there := byte('#'), true
			switch i {
			case 0:
				want = '1'
			case len(lost) - 1:
				there = false
			}
			doc, ok, err := l.Get(p)
			if err != nil || ok != there || there && (doc.Revision == 0 || l.Effective(p.Owner()).BindingDigit != want) {
				t.Errorf("cut after %d: %s: %s %v %v", cut, p.Path(), doc.Raw, ok, err)
			}
		}
		l.stop()

		// Refilled is refilled: what is deleted later does not come back, though a file says so.
		l = open(t, broker.Config{Dir: nats}, own)
		<-l.Ready()
		if _, err := l.Delete(t.Context(), desk, Any); err != nil {
			t.Fatal(err)
		}
		l.stop()
		if _, err := writeSaved(path, last); err != nil {
			t.Fatal(err)
		}
		l = open(t, broker.Config{Dir: nats}, keptIn(path), own)
		<-l.Ready()
		if _, ok, _ := l.Get(desk); ok || strings.Contains(l.log.String(), "has lost") {
			t.Error(cut, "a deleted document is back")
		}
		l.stop()
	}
}

// cutOff begins to run a store over a bucket of its own and stops it when so many documents are stored; it gives the log.
func cutOff(t *testing.T, nats, path string, after int) string {
	t.Helper()
	b, err := broker.Open(broker.Config{Dir: nats, Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	log := &logtest.Log{}
	s, err := New(Config{Conn: b.Documents(), Log: slog.New(slog.NewTextHandler(log, nil)), File: path, Own: true, Folder: nats})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.restoring = func(n int) {
		if n == after {
			stop()
		}
	}
	s.Run(ctx)
	return log.String()
}
