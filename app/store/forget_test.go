package store

import (
	"path/filepath"
	"testing"

	"metaflows/app/broker"
)

// An account that stores and deletes one document after another, within its quota, leaves neither the process nor NATS more
// than so many marks of that; what is stored stays, and what was deleted is deleted, also after a restart, and nothing is asked.
func TestDeletionsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	file := keptIn(filepath.Join(dir, "documents.json"))
	start := func() *lab {
		l := open(t, broker.Config{Dir: filepath.Join(dir, "nats")}, own, file, bounded(NewQuota(most(3, 1000))))
		<-l.Ready()
		l.mu.Lock()
		l.maxMarks = 100
		l.mu.Unlock()
		return l
	}
	l := start()
	if _, err := l.Put(t.Context(), acme, sized(100), Any); err != nil {
		t.Fatal(err)
	}
	const deleted = 1000
	for n := range deleted {
		if _, err := l.Put(t.Context(), userOf("acme", n), sized(20), Any); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Delete(t.Context(), userOf("acme", n), Any); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "few marks are left", func() bool {
		reach, err := l.extent(t.Context())
		l.mu.Lock()
		defer l.mu.Unlock()
		return err == nil && len(l.revisions) <= 101 && reach.messages <= 101
	})
	holds := func() {
		t.Helper()
		if _, there, err := l.Get(acme); err != nil || !there {
			t.Error("what was stored is gone", err)
		}
		if places, err := l.Places("acme"); err != nil || len(places) != 1 {
			t.Error("there is", places, err)
		}
		if err := l.Err(); err != nil {
			t.Error(err)
		}
	}
	holds()
	for _, again := range []Expect{Any, Absent} { // one that is forgotten, and one that is not
		p := userOf("acme", map[Expect]int{Any: 0, Absent: 1}[again])
		if _, err := l.Put(t.Context(), p, sized(20), again); err != nil {
			t.Error(again, err)
		}
		if _, err := l.Delete(t.Context(), p, Any); err != nil {
			t.Error(again, err)
		}
	}
	l.stop()
	l = start()
	holds()
	if questions, err := Questions(dir); err != nil || len(questions) != 0 {
		t.Error("it is asked:", questions, err)
	}
}
