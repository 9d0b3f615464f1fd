package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

const (
	refillTimeout = 5 * time.Second
	firstRetry    = 100 * time.Millisecond
	lastRetry     = 2 * time.Second
	lookInterval  = 5 * time.Second // between looks whether the bucket is still the one that is watched: a watch does not notice
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

// watch follows the bucket until the watch breaks or ctx ends, and says whether it has loaded everything.
func (m *mirror) watch(ctx context.Context) (loaded bool) {
	before := m.seenLast()
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
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	seen := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return loaded
		case <-m.again:
			return loaded
		case <-back: // what was missed meanwhile is told sooner by a new watch than by an old one that recovers
			return true
		case <-look.C:
			if !kv.Same(ctx) {
				return loaded
			}
		case entry, open := <-watcher.Updates():
			switch {
			case !open:
				m.setProblem(fmt.Errorf("the watch of %s has ended", m.what))
				return loaded
			case entry == nil: // everything that was stored when the watch began has come
				m.forgetOthers(before, seen)
				seen, loaded = nil, true
				m.setProblem(nil)
			default:
				if entry.Key() == m.mark() {
					m.tell(entry.Revision())
					continue
				}
				if seen != nil {
					seen[entry.Key()] = true
				}
				m.take(entry)
				m.tell(entry.Revision())
			}
		}
	}
}

// open finds the bucket, or makes it, and starts the watch.
func (m *mirror) open(ctx context.Context) (*broker.Bucket, jetstream.KeyWatcher, error) {
	if !m.conn.IsConnected() {
		return nil, nil, errors.New("NATS is not connected")
	}
	kv, err := broker.OpenBucket(ctx, m.js, jetstream.KeyValueConfig{Bucket: m.bucket, Description: strings.ReplaceAll(m.bucket, "_", " ")})
	if err != nil {
		return nil, nil, err
	}
	m.renounce(kv.Made)
	if m.own {
		short, cancel := context.WithTimeout(ctx, refillTimeout)
		defer cancel()
		if err := m.refill(short, kv); err != nil {
			return nil, nil, fmt.Errorf("refill bucket %s: %w", m.bucket, broker.Explain(err))
		}
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
		m.log.Warn("a key of the bucket is not one of ours and is ignored", "bucket", m.bucket, "key", key)
	case entry.Operation() == jetstream.KeyValuePut:
		m.apply(key, append([]byte{}, entry.Value()...), entry.Revision()) // never nil
	default:
		m.apply(key, nil, entry.Revision())
	}
}

// seenLast is the revisions in memory now.
func (m *mirror) seenLast() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.revisions)
}

// forgetOthers removes from memory what was there before a fresh look at the bucket and was not seen in it: it was
// deleted during a gap so long that its mark is gone, or the bucket is a new one. What was put meanwhile stays.
func (m *mirror) forgetOthers(before map[string]uint64, seen map[string]bool) {
	var forgotten []string
	m.mu.Lock()
	if len(seen) == 0 && !m.own {
		if count := len(m.values.all()); count > 0 {
			m.aside = m.file != ""
			m.log.Error("the bucket has never held anything: what was known last holds no longer", "bucket", m.bucket, "count", count)
		}
	}
	for key, revision := range m.revisions {
		if was, had := before[key]; !had || seen[key] || revision != was && revision != 0 {
			continue
		}
		delete(m.revisions, key)
		if m.values.has(key) {
			_ = m.values.set(key, nil, 0)
			m.touch()
			forgotten = append(forgotten, key)
		}
	}
	m.mu.Unlock()
	for _, key := range forgotten {
		if m.changed != nil {
			m.changed(key)
		}
	}
}

func (m *mirror) setProblem(err error) {
	m.mu.Lock()
	was := m.problem
	m.problem = err
	first := err == nil && !m.loaded
	if m.loaded = m.loaded || first; first {
		m.touch() // the file says as of when it is
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
