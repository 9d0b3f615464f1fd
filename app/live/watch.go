package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

const (
	firstRetry   = 100 * time.Millisecond
	lastRetry    = 2 * time.Second
	lookInterval = 5 * time.Second // between looks whether the bucket is still the one that is watched: a watch does not notice
)

var errNotYet = errors.New("live calls of other instances: not loaded from NATS yet")

// Run keeps the registry, and answers commands, until ctx ends. It tries for ever; Err says how it stands.
func (l *Live) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { l.keep(ctx) })
	running.Go(func() { l.serve(ctx) })
	retry := firstRetry
	for ctx.Err() == nil {
		loaded, err := l.watch(ctx)
		if loaded {
			retry = firstRetry
		}
		if err != nil && ctx.Err() == nil {
			l.setProblem(err)
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
		retry = min(2*retry, lastRetry)
	}
}

func (l *Live) setProblem(err error) {
	l.mu.Lock()
	was := l.problem
	l.problem = err
	l.mu.Unlock()
	switch {
	case err == nil && was != nil:
		l.cfg.Log.Info("live calls are known to all instances", "bucket", Bucket)
	case err != nil && (was == nil || was.Error() != err.Error()):
		l.cfg.Log.Warn("live calls are known to their own instance only", "error", err)
	}
}

// watch follows the bucket until the watch breaks or ctx ends, and says whether it has loaded everything.
func (l *Live) watch(ctx context.Context) (loaded bool, err error) {
	back := l.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer l.cfg.Conn.RemoveStatusListener(back)
	kv, err := l.open(ctx)
	if err != nil {
		return false, err
	}
	watcher, err := kv.WatchAll(ctx)
	if err != nil {
		return false, fmt.Errorf("watch bucket %s: %w", Bucket, err)
	}
	defer func() { _ = watcher.Stop() }()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	before, other := l.index.foreign(), !kv.Made.Equal(l.watched)
	l.watched = kv.Made
	l.renew()
	for {
		select {
		case <-ctx.Done():
			return loaded, nil
		case <-back: // what was missed meanwhile is told sooner by a new watch than by an old one that recovers
			return true, nil
		case now := <-look.C:
			l.index.expire(now)
			if !kv.Same(ctx) {
				return loaded, fmt.Errorf("the bucket %s is gone", Bucket)
			}
		case e, open := <-watcher.Updates():
			switch {
			case !open:
				return loaded, fmt.Errorf("the watch of the bucket %s has ended", Bucket)
			case e == nil: // everything that was stored when the watch began has come
				l.index.missed(before, other, time.Now())
				before, loaded = nil, true
				l.hasLoaded()
				l.setProblem(nil)
			default:
				delete(before, e.Key())
				l.take(e, kv.Ahead, loaded)
			}
		}
	}
}

// open finds the bucket, or makes it.
func (l *Live) open(ctx context.Context) (*broker.Bucket, error) {
	if !l.cfg.Conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	js, err := jetstream.New(l.cfg.Conn)
	if err != nil {
		return nil, err
	}
	return broker.OpenBucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: Bucket, Description: "live calls, and which instance holds them", TTL: Lifetime, Storage: jetstream.MemoryStorage,
	}, nil)
}

// take is an entry as the watch tells it. One that comes with the load may be old.
func (l *Live) take(e jetstream.KeyValueEntry, ahead time.Duration, fresh bool) {
	if e.Operation() != jetstream.KeyValuePut {
		l.index.drop(e.Key(), true)
		return
	}
	entry := &Entry{}
	if err := json.Unmarshal(e.Value(), entry); err != nil || key(entry.Account, entry.Call) != e.Key() {
		l.cfg.Log.Warn("an entry of the bucket is not one of ours and is ignored", "bucket", Bucket, "key", e.Key())
		return
	}
	if entry.Instance == l.instance { // known here without
		return
	}
	ends := time.Now().Add(Lifetime)
	if written := e.Created().Add(ahead + Lifetime); !fresh && written.Before(ends) {
		ends = written
	}
	l.index.put(e.Key(), entry, ends)
}
