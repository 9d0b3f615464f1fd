package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

const (
	firstRetry   = 100 * time.Millisecond
	lastRetry    = 2 * time.Second
	askInterval  = time.Second     // between looks whether it was decided what is right
	lookInterval = 5 * time.Second // between looks whether the bucket is still the one that is watched: a watch does not notice
)

// Run loads everything and keeps it fresh, and the file too, until ctx ends. It tries for ever; Err says how it stands.
func (m *mirror) Run(ctx context.Context) {
	var keeping sync.WaitGroup
	if m.file != "" {
		keeping.Go(func() { m.keep(ctx) })
	}
	defer keeping.Wait()
	retry := firstRetry
	for ctx.Err() == nil {
		if loaded := m.watch(ctx); loaded {
			retry = firstRetry
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
		retry = min(2*retry, lastRetry)
	}
}

// watch follows the bucket until the watch breaks or ctx ends, and says whether it has loaded everything. What the bucket
// holds when it begins is taken into memory at once, when all of it has come.
func (m *mirror) watch(ctx context.Context) (loaded bool) {
	m.mu.Lock()
	look := &look{start: m.memory(), has: map[string]held{}}
	m.mu.Unlock()
	back := m.conn.StatusChanged(nats.CONNECTED)
	defer m.conn.RemoveStatusListener(back)
	kv, watcher, err := m.open(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.setProblem(err)
		}
		return false
	}
	defer func() { _ = watcher.Stop() }()
	look.bucket = kv
	tick, second := time.NewTicker(lookInterval), time.NewTicker(askInterval)
	defer tick.Stop()
	defer second.Stop()
	news := false
	for {
		select {
		case <-ctx.Done():
			return loaded
		case <-m.again:
			return loaded
		case <-back: // what was missed meanwhile is told sooner by a new watch than by an old one that recovers
			return true
		case <-second.C:
			if loaded && m.waits(news) {
				return loaded
			}
		case <-tick.C:
			if !kv.Same(ctx) || m.fewer(ctx, look) {
				return loaded
			}
		case entry, open := <-watcher.Updates():
			switch {
			case !open:
				m.setProblem(fmt.Errorf("the watch of %s has ended", m.what))
				return loaded
			case entry == nil: // everything that was stored when the watch began has come
				again, err := m.settle(ctx, look)
				if err != nil && ctx.Err() == nil {
					m.setProblem(err)
				}
				if again || err != nil {
					return again
				}
				loaded = true
				m.setProblem(nil)
			case !loaded:
				m.collect(look, entry)
			default:
				if news = true; entry.Key() != m.mark() {
					m.take(entry)
				}
				m.tell(entry.Revision())
			}
		}
	}
}

// look is one look at all that a bucket holds.
type look struct {
	start    knowledge // what memory knew when it began
	bucket   *broker.Bucket
	has      map[string]held
	to       uint64 // highest revision
	messages uint64 // in the bucket when it was looked at last
}

// collect takes what the bucket holds before the watch has come to the end of it.
func (m *mirror) collect(look *look, entry jetstream.KeyValueEntry) {
	look.to = max(look.to, entry.Revision())
	switch key := entry.Key(); {
	case key == m.mark():
	case !m.values.valid(key):
		m.strange(key)
	case entry.Operation() == jetstream.KeyValuePut:
		look.has[key] = held{append([]byte{}, entry.Value()...), entry.Revision()} // never nil
	default:
		look.has[key] = held{nil, entry.Revision()}
	}
}

// fewer says whether the bucket has fewer messages than before, or than there are keys: somebody has taken some away, of which a
// watch tells nothing.
func (m *mirror) fewer(ctx context.Context, look *look) bool {
	m.mu.Lock()
	keys := uint64(len(m.revisions)) // each has one message, if only the mark of its deletion
	if m.doubt != nil {
		keys = 0
	}
	m.mu.Unlock()
	reach, err := m.extent(ctx)
	if err != nil {
		return false
	}
	keys, look.messages = max(keys, look.messages), reach.messages
	return reach.messages < keys
}

// waits says whether there is something to be done for a doubt: it was decided, or the bucket has changed.
func (m *mirror) waits(news bool) bool {
	m.mu.Lock()
	d := m.doubt
	m.mu.Unlock()
	return d != nil && (news || m.answer(d) != "")
}

// open finds the bucket, or makes it, and starts the watch.
func (m *mirror) open(ctx context.Context) (*broker.Bucket, jetstream.KeyWatcher, error) {
	if !m.conn.IsConnected() {
		return nil, nil, errors.New("NATS is not connected")
	}
	kv, err := broker.OpenBucket(ctx, m.js, jetstream.KeyValueConfig{Bucket: m.bucket, Description: strings.ReplaceAll(m.bucket, "_", " ")}, m.deleted)
	if err != nil {
		return nil, nil, err
	}
	watcher, err := kv.Watch(ctx, m.prefix+".>")
	if err != nil {
		return nil, nil, fmt.Errorf("watch bucket %s: %w", m.bucket, err)
	}
	return kv, watcher, nil
}

// take is a change as the watch tells it.
func (m *mirror) take(entry jetstream.KeyValueEntry) {
	key := entry.Key()
	switch {
	case !m.values.valid(key):
		m.strange(key)
	case entry.Operation() == jetstream.KeyValuePut:
		m.apply(key, append([]byte{}, entry.Value()...), entry.Revision()) // never nil
	default:
		m.apply(key, nil, entry.Revision())
	}
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
