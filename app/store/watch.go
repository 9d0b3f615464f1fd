package store

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

// Run loads everything and keeps it fresh, and the file too, until ctx ends. It tries for ever; Err says how it stands.
func (m *mirror) Run(ctx context.Context) {
	var keeping sync.WaitGroup
	if m.file != "" {
		keeping.Go(func() { m.keep(ctx) })
	}
	defer keeping.Wait()
	watch := broker.Watch{
		Conn: m.conn, Deleted: m.deleted, Keys: m.prefix + ".>", Anew: m.again, Begin: m.look, Lost: m.setProblem,
		Bucket: jetstream.KeyValueConfig{Bucket: m.bucket, Description: strings.ReplaceAll(m.bucket, "_", " ")},
	}
	watch.Run(ctx)
}

// look is one watch of the bucket (broker.Look), and what it held when that began: this is taken into memory at once, when all
// of it has come.
type look struct {
	*mirror
	start    knowledge // what memory knew when it began
	bucket   *broker.Bucket
	has      map[string]held
	to       uint64 // highest revision
	messages uint64 // in the bucket when it was looked at last
	complete bool   // all that it held has come
	touched  bool   // something has changed since
	seconds  int    // since it began
}

func (m *mirror) look(bucket *broker.Bucket) broker.Look {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &look{mirror: m, start: m.memory(), bucket: bucket, has: map[string]held{}}
}

// Holds takes what the bucket holds before the watch has come to the end of it.
func (l *look) Holds(entry jetstream.KeyValueEntry) {
	l.to = max(l.to, entry.Revision())
	switch key := entry.Key(); {
	case key == l.mark():
	case !l.values.valid(key):
		l.strange(key)
	case entry.Operation() == jetstream.KeyValuePut:
		value := valueOf(entry)
		if known := l.start.values[key].raw; known != nil && bytes.Equal(known, value) {
			value = known // most of them: they are in memory once
		}
		l.has[key] = held{value, entry.Revision()}
	default:
		l.has[key] = held{nil, entry.Revision()}
	}
}

// Loaded holds what has come against what is known.
func (l *look) Loaded(ctx context.Context) error {
	again, err := l.settle(ctx, l)
	switch {
	case err != nil:
		return err
	case again:
		return broker.ErrAnew
	}
	l.complete = true
	l.start, l.has = knowledge{}, nil // it has served, and the watch goes on
	l.setProblem(nil)
	return nil
}

func (l *look) Changed(entry jetstream.KeyValueEntry) {
	if l.touched = true; entry.Key() != l.mark() {
		l.take(entry)
	}
	l.tell(entry.Revision())
}

// Second looks whether it was decided what is right, and every fifth time whether somebody has taken something away.
func (l *look) Second(ctx context.Context) error {
	l.seconds++
	if l.complete && l.waits() || l.seconds%5 == 0 && l.fewer(ctx) {
		return broker.ErrAnew
	}
	return nil
}

// fewer says whether the bucket has fewer messages than before, or than there are keys: somebody has taken some away, of which a
// watch tells nothing.
func (l *look) fewer(ctx context.Context) bool {
	l.mu.Lock()
	keys := uint64(len(l.revisions)) // each has one message, if only the mark of its deletion
	if l.doubt != nil {
		keys = 0
	}
	l.mu.Unlock()
	reach, err := l.extent(ctx)
	if err != nil {
		return false
	}
	keys, l.messages = max(keys, l.messages), reach.messages
	return reach.messages < keys
}

// waits says whether there is something to be done for a doubt: it was decided, or the bucket has changed.
func (l *look) waits() bool {
	l.mu.Lock()
	d := l.doubt
	l.mu.Unlock()
	return d != nil && (l.touched || l.answer(d) != "")
}

// take is a change as the watch tells it.
func (m *mirror) take(entry jetstream.KeyValueEntry) {
	key := entry.Key()
	switch {
	case !m.values.valid(key):
		m.strange(key)
	case entry.Operation() == jetstream.KeyValuePut:
		m.apply(key, valueOf(entry), entry.Revision())
	default:
		m.apply(key, nil, entry.Revision())
	}
}

// valueOf is what was put, never nil.
func valueOf(entry jetstream.KeyValueEntry) []byte {
	if value := entry.Value(); value != nil {
		return value
	}
	return []byte{}
}

func (m *mirror) strange(key string) {
	m.log.Warn("a key of the bucket is not one of ours and is ignored", "bucket", m.bucket, "key", key)
}

func (m *mirror) setProblem(err error) {
	m.mu.Lock()
	was := m.problem
	m.problem = err
	first := err == nil && !m.loaded
	if m.loaded = m.loaded || first; first {
		m.dirtied() // the file says as of when it is
	}
	count := len(m.revisions)
	m.mu.Unlock()
	switch {
	case first:
		m.log.Info("loaded from NATS", "bucket", m.bucket, "count", count)
		close(m.ready)
	case err == nil:
		m.log.Info("watched again", "bucket", m.bucket)
	case was == nil || was.Error() != err.Error():
		m.log.Warn("not kept fresh", "error", err)
	}
}
