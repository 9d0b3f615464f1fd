package live

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

var errNotYet = errors.New("live calls of other instances: not loaded from NATS yet")

// Run keeps the registry, and answers commands, until ctx ends. It tries for ever; Err says how it stands.
func (l *Live) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { l.keep(ctx) })
	running.Go(func() { l.serve(ctx) })
	watch := broker.Watch{
		Conn: l.cfg.Conn, Keys: jetstream.AllKeys, Begin: l.look, Lost: l.setProblem,
		Bucket: jetstream.KeyValueConfig{
			Bucket: Bucket, Description: "live calls, and which instance holds them", TTL: Lifetime, Storage: jetstream.MemoryStorage,
		},
	}
	watch.Run(ctx)
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

// look is one watch of the bucket (broker.Look).
type look struct {
	*Live
	bucket *broker.Bucket
	before map[string]bool // other instances' entries that are known, and that the bucket has not been seen to hold
}

// look begins a watch; what this process has is told again, as the bucket may not have it.
func (l *Live) look(bucket *broker.Bucket) broker.Look {
	l.renew()
	return &look{l, bucket, l.index.foreign()}
}

// Holds takes what the bucket held: it may be old.
func (l *look) Holds(e jetstream.KeyValueEntry) {
	delete(l.before, e.Key())
	l.take(e, e.Created().Add(l.bucket.Ahead+Lifetime))
}

// Loaded drops what the bucket does not hold. One that is made anew holds little at first, also where an earlier watch of it was
// lost before it had loaded.
func (l *look) Loaded(context.Context) error {
	l.index.missed(l.before, !l.bucket.Made.Equal(l.watched), time.Now())
	l.watched = l.bucket.Made
	l.hasLoaded()
	l.setProblem(nil)
	return nil
}

func (l *look) Changed(e jetstream.KeyValueEntry) { l.take(e, time.Now().Add(Lifetime)) }

func (l *look) Second(context.Context) error {
	l.index.expire(time.Now())
	return nil
}

// take is an entry as the watch tells it, and when it ends, which is in a Lifetime at most.
func (l *Live) take(e jetstream.KeyValueEntry, ends time.Time) {
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
	if most := time.Now().Add(Lifetime); most.Before(ends) {
		ends = most
	}
	l.index.put(e.Key(), entry, ends)
}
