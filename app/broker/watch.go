package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// lookInterval is between looks whether the bucket is still the one that is watched: a watch does not notice.
	lookInterval = 5 * time.Second
)

// FollowTime is longer than a Watch takes to be in the bucket that is made in place of one that is gone, NATS being well.
const FollowTime = lookInterval + 2*lastRetry

// ErrAnew ends a watch of which nothing is wrong: another shall begin, and with it a look at all that the bucket holds.
var ErrAnew = errors.New("what the bucket holds is looked at anew")

// Watch follows what a KV bucket holds. A watch that is lost is followed by another, for as long as Run runs; each begins
// with all that the bucket holds, so that nothing is missed between two of them.
type Watch struct {
	Conn    *nats.Conn
	Bucket  jetstream.KeyValueConfig // how it is made where there is none
	Deleted *Deleted                 // as OpenBucket takes it
	Keys    string                   // which keys, by NATS's wildcards
	Anew    <-chan struct{}          // what comes here is an ErrAnew; may be nil
	Begin   func(*Bucket) Look       // a watch of the bucket is about to begin
	Lost    func(error)              // a watch could not begin, or has ended; it may come again and again
}

// Look is one watch as its user sees it. Its methods are called by the goroutine of Run, one after the other: first Holds for
// each entry, then Loaded, then Changed for each entry; Second meanwhile. An entry is the key's last put, or the mark of its
// deletion. An error ends the watch, and Lost is told of it unless it is ErrAnew.
type Look interface {
	Holds(e jetstream.KeyValueEntry)   // the bucket held it when the watch began
	Loaded(ctx context.Context) error  // that was all it held
	Changed(e jetstream.KeyValueEntry) // somebody has changed it since
	Second(ctx context.Context) error  // a second has passed
}

// Run watches until ctx ends. It tries for ever: 100 ms after a watch that had loaded, else after longer and longer, 2 s at
// most. A watch ends when NATS ends it or connects again (a new watch tells sooner what was missed than an old one that
// recovers), when the bucket is gone or another is in its place, and when its Look or Anew says so.
func (w *Watch) Run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		loaded, err := w.once(ctx)
		anew := errors.Is(err, ErrAnew)
		if !anew && ctx.Err() == nil {
			w.Lost(err)
		}
		if anew || loaded {
			retry = firstRetry
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
		retry = min(2*retry, lastRetry)
	}
}

// once is one watch, until it ends, and says whether it has loaded.
func (w *Watch) once(ctx context.Context) (loaded bool, err error) {
	back := w.Conn.StatusChanged(nats.CONNECTED)
	defer w.Conn.RemoveStatusListener(back)
	bucket, err := w.open(ctx)
	if err != nil {
		return false, err
	}
	look := w.Begin(bucket)
	watcher, err := bucket.Watch(ctx, w.Keys)
	if err != nil {
		return false, fmt.Errorf("watch bucket %s: %w", w.Bucket.Bucket, err)
	}
	defer func() { _ = watcher.Stop() }()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	looked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return loaded, ctx.Err()
		case <-w.Anew:
			return loaded, ErrAnew
		case <-back:
			return loaded, ErrAnew
		case now := <-second.C:
			if now.Sub(looked) >= lookInterval {
				if looked = now; !bucket.Same(ctx) {
					return loaded, fmt.Errorf("the bucket %s is gone", w.Bucket.Bucket)
				}
			}
			if err := look.Second(ctx); err != nil {
				return loaded, err
			}
		case e, open := <-watcher.Updates():
			switch {
			case !open:
				return loaded, fmt.Errorf("the watch of bucket %s has ended", w.Bucket.Bucket)
			case e == nil: // as NATS says that this was all
				if err := look.Loaded(ctx); err != nil {
					return false, err
				}
				loaded = true
			case loaded:
				look.Changed(e)
			default:
				look.Holds(e)
			}
		}
	}
}

func (w *Watch) open(ctx context.Context) (*Bucket, error) {
	if !w.Conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	js, err := jetstream.New(w.Conn)
	if err != nil {
		return nil, err
	}
	return OpenBucket(ctx, js, w.Bucket, w.Deleted)
}
