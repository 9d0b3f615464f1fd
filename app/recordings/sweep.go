package recordings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	firstSweep = time.Minute
	sweeps     = time.Hour          // between two
	longest    = 7 * 24 * time.Hour // than any recording runs
)

// sweep removes, now and then, the recordings of this node that are older than their account keeps them, until ctx ends.
func (r *Recordings) sweep(ctx context.Context) {
	for rest(ctx, firstSweep); ctx.Err() == nil; rest(ctx, sweeps) {
		for !r.ready() && ctx.Err() == nil {
			rest(ctx, firstSweep)
		}
		if err := r.sweepAt(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.cfg.Log.Warn("recordings that are older than they are kept could not be looked for, or removed; that is tried again in an hour", "error", err)
		}
	}
}

// sweepAt removes those that are too old at a time. Of what nobody has told the end of, the entry goes. One that cannot be removed
// keeps no other: the error tells of all.
func (r *Recordings) sweepAt(ctx context.Context, now time.Time) error {
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	w, err := s.index.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }()
	var stay error
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case stored := <-w.Updates():
			if stored == nil { // that was all
				return stay
			}
			var e Entry
			if json.Unmarshal(stored.Value(), &e) != nil || e.Told.Node != r.cfg.Node || e.State == Waiting {
				continue
			}
			end := e.Over
			if end.IsZero() {
				end = e.Began.Add(longest)
			}
			if keep := r.cfg.Retention(e.Told.Account); keep == 0 || end.Add(keep).After(now) {
				continue
			}
			if err := r.remove(ctx, s, &e, "retention"); err != nil {
				stay = errors.Join(stay, fmt.Errorf("%s: %w", e.Told.Recording, err))
			}
		}
	}
}
