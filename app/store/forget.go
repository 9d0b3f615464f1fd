package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// maxMarks is how many marks of deletions a bucket of our own keeps: whoever stores and deletes one value after another, each
// under a key of its own, never has more than its quota, and would fill disk and memory with them all the same.
const maxMarks = 20000

// A mark tells whoever was away that a value was deleted, and not lost. Of our own bucket nobody is away but the file, so a
// mark that the file knows of is not needed: the file says itself how far it knows the bucket. A bucket of an external NATS
// keeps all marks.

// forget takes the oldest marks out of our own bucket, down to half of what is kept, where there are more. It is keep's, so
// that no write of the file is under way.
func (m *mirror) forget(ctx context.Context) {
	old := m.outdated()
	if len(old) == 0 {
		return
	}
	stream, err := m.js.Stream(ctx, "KV_"+m.bucket)
	for n := 0; err == nil && n < len(old); n++ {
		// Up to the mark alone: a value may have come into its place.
		err = stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+m.bucket+"."+old[n].key), jetstream.WithPurgeSequence(old[n].revision+1))
		if err == nil {
			m.forgotten(old[n])
		}
	}
	if err != nil && ctx.Err() == nil {
		m.log.Debug("marks of old deletions stay for now", "bucket", m.bucket, "error", err)
	}
}

// outdated are the marks to be forgotten, the oldest first: the watch has told of them, or what was there before could still
// come, and the file knows of them.
func (m *mirror) outdated() (old []savedValue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.own || m.file == "" || !m.loaded || m.doubt != nil || m.kept.rewrite || m.kept.err != nil || len(m.marks) <= m.maxMarks {
		return nil
	}
	for key := range m.marks {
		_, changed := m.kept.changes[key]
		if revision := m.revisions[key]; revision > 0 && revision <= m.told && !changed {
			old = append(old, savedValue{key: key, revision: revision})
		}
	}
	slices.SortFunc(old, func(a, b savedValue) int { return cmp.Compare(a.revision, b.revision) })
	return old[:min(len(old), len(m.marks)-m.maxMarks/2)]
}

// forgotten takes a mark from memory, unless there is a later change.
func (m *mirror) forgotten(mark savedValue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revisions[mark.key] == mark.revision {
		delete(m.revisions, mark.key)
		delete(m.marks, mark.key)
	}
}

// marked notes whether there is a mark under a key. The caller holds the lock.
func (m *mirror) marked(key string, is bool) {
	if is {
		m.marks[key] = struct{}{}
	} else {
		delete(m.marks, key)
	}
}
