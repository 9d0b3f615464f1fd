package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows"
)

const (
	bucketTimeout = 5 * time.Second
	firstRetry    = 100 * time.Millisecond
	lastRetry     = 2 * time.Second
)

// Run loads the documents and keeps them fresh, and the file too, until ctx ends. It tries for ever; Err says how it
// stands.
func (s *Store) Run(ctx context.Context) {
	var keeping sync.WaitGroup
	if s.cfg.File != "" {
		keeping.Go(func() { s.keep(ctx) })
	}
	defer keeping.Wait()
	retry := firstRetry
	for ctx.Err() == nil {
		if loaded := s.watch(ctx); loaded {
			retry = firstRetry
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
		retry = min(2*retry, lastRetry)
	}
}

// watch follows the bucket until the watch breaks or ctx ends, and says whether it has loaded the documents.
func (s *Store) watch(ctx context.Context) (loaded bool) {
	before := s.known()
	back := s.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer s.cfg.Conn.RemoveStatusListener(back)
	watcher, err := s.open(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.setProblem(err)
		}
		return false
	}
	defer func() { _ = watcher.Stop() }()
	seen := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return loaded
		case <-s.again:
			return loaded
		case <-back: // what was missed meanwhile is told sooner by a new watch than by an old one that recovers
			return true
		case entry, open := <-watcher.Updates():
			switch {
			case !open:
				s.setProblem(errors.New("the watch of the documents has ended"))
				return loaded
			case entry == nil: // everything that was stored when the watch began has come
				s.forgetOthers(before, seen)
				seen, loaded = nil, true
				s.setProblem(nil)
			default:
				if seen != nil {
					seen[entry.Key()] = true
				}
				s.take(entry)
			}
		}
	}
}

// open finds the bucket, or makes it, and starts the watch.
func (s *Store) open(ctx context.Context) (jetstream.KeyWatcher, error) {
	if !s.cfg.Conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	short, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	kv, err := s.js.KeyValue(short, Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = s.js.CreateKeyValue(short, jetstream.KeyValueConfig{Bucket: Bucket, Description: "metaflows documents"})
	}
	if err == nil {
		err = s.recognize(short, kv)
	}
	if err == nil {
		err = s.refill(short)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", Bucket, broker.Explain(err))
	}
	watcher, err := kv.Watch(ctx, keyPrefix+".>")
	if err != nil {
		return nil, fmt.Errorf("watch bucket %s: %w", Bucket, err)
	}
	return watcher, nil
}

// take is a change as the watch tells it.
func (s *Store) take(entry jetstream.KeyValueEntry) {
	key := entry.Key()
	p, ok := placeOf(key)
	if !ok {
		s.cfg.Log.Warn("a key of the bucket is not a document's and is ignored", "bucket", Bucket, "key", key)
		return
	}
	if entry.Operation() != jetstream.KeyValuePut {
		s.apply(key, p, entry.Revision(), nil)
		return
	}
	raw := entry.Value()
	parsed, err := flows.ParseDocument(raw)
	doc := &Document{Raw: raw, parsed: parsed}
	if s.apply(key, p, entry.Revision(), doc) && err != nil {
		s.cfg.Log.Error("a stored document is not valid and has no effect", "document", p.Path(), "revision", entry.Revision(), "error", err)
	}
}

// known is the revisions in memory now.
func (s *Store) known() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.revisions)
}

// recognize forgets all revisions when the bucket is not the one that they are of: a new one counts from 1 again.
func (s *Store) recognize(ctx context.Context, kv jetstream.KeyValue) error {
	status, err := kv.Status(ctx)
	if err != nil {
		return err
	}
	stream := status.(*jetstream.KeyValueBucketStatus).StreamInfo()
	created := stream.Created
	s.mu.Lock()
	defer s.mu.Unlock()
	if stream.State.LastSeq == 0 {
		s.lost()
	}
	if !created.Equal(s.created) {
		for key := range s.revisions {
			s.revisions[key] = 0
		}
		s.created = created
	}
	return nil
}

// lost is what to do about a bucket that has never held anything, when documents are known: either it was lost, or it is
// another one. The caller holds the lock.
func (s *Store) lost() {
	known := s.snap.all()
	switch {
	case len(known) == 0:
	case s.cfg.Own:
		s.restore = known
		s.cfg.Log.Error("NATS has lost the documents; those known last are stored again", "bucket", Bucket, "count", len(known))
	default:
		s.aside = s.cfg.File != ""
		s.cfg.Log.Error("the bucket has never held a document: those known last hold no longer", "bucket", Bucket, "count", len(known))
	}
}

// refill stores what a bucket of ours has lost.
func (s *Store) refill(ctx context.Context) error {
	for {
		s.mu.Lock()
		left := s.restore
		s.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		if _, err := s.Put(ctx, left[0].place, left[0].raw); err != nil {
			return err
		}
		s.mu.Lock()
		s.restore = left[1:]
		s.mu.Unlock()
	}
}

// forgetOthers removes from memory what was there before a fresh look at the bucket and was not seen in it: it was
// deleted during a gap so long that its mark is gone, or the bucket is a new one. What was put meanwhile stays.
func (s *Store) forgetOthers(before map[string]uint64, seen map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, revision := range s.revisions {
		if was, had := before[key]; !had || seen[key] || revision != was && revision != 0 {
			continue
		}
		delete(s.revisions, key)
		if p, ok := placeOf(key); ok && s.snap.get(p) != nil {
			s.snap.set(p, nil)
			s.touch()
		}
	}
}

func (s *Store) setProblem(err error) {
	s.mu.Lock()
	was := s.problem
	s.problem = err
	first := err == nil && !s.loaded
	if s.loaded = s.loaded || first; first {
		s.touch() // the file says as of when it is
	}
	count := len(s.revisions)
	s.mu.Unlock()
	switch {
	case first:
		s.cfg.Log.Info("documents are loaded", "bucket", Bucket, "count", count)
		close(s.ready)
	case err == nil:
		s.cfg.Log.Info("documents are watched again", "bucket", Bucket)
	case was == nil || was.Error() != err.Error():
		s.cfg.Log.Warn("documents are not kept fresh", "error", err)
	}
}
