package recordings

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

var (
	// ErrNone: there is no such recording, or no sound of it that can be had here.
	ErrNone = errors.New("no such recording")
	// ErrRuns: it is being recorded.
	ErrRuns = errors.New("it is being recorded")
	// ErrElsewhere: its file is in another node's Asterisk.
	ErrElsewhere = errors.New("its file is in another node's Asterisk: ask that node's API")
	// ErrUnavailable: NATS or Asterisk is away.
	ErrUnavailable = errors.New("recordings cannot be read or changed now")
)

// List is all that an account has recorded, the latest first. The error wraps ErrUnavailable.
func (r *Recordings) List(ctx context.Context, account string) ([]Metadata, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w, err := s.index.kv.Watch(ctx, key(account, "*"), jetstream.IgnoreDeletes())
	if err != nil {
		r.reopen(err)
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, broker.Explain(err))
	}
	defer func() { _ = w.Stop() }()
	list := []Metadata{}
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		case stored := <-w.Updates():
			if stored == nil { // that was all
				slices.SortFunc(list, func(a, b Metadata) int { return cmp.Or(cmp.Compare(b.Start, a.Start), cmp.Compare(b.ID, a.ID)) })
				return list, nil
			}
			var e Entry
			if json.Unmarshal(stored.Value(), &e) == nil && e.ID != "" {
				list = append(list, e.Metadata())
			}
		}
	}
}

// Get is what is known of a recording; ok is false where an account has none of that id. The error wraps ErrUnavailable.
func (r *Recordings) Get(ctx context.Context, account, id string) (m Metadata, ok bool, err error) {
	_, e, err := r.find(ctx, account, id)
	if errors.Is(err, ErrNone) {
		return Metadata{}, false, nil
	}
	if err != nil {
		return Metadata{}, false, err
	}
	return e.Metadata(), true, nil
}

func (r *Recordings) find(ctx context.Context, account, id string) (*stores, *Entry, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if broker.Token(id) != id { // wildcards, and what is none of ours
		return nil, nil, ErrNone
	}
	e, _, err := s.index.get(ctx, key(account, id))
	switch {
	case err != nil:
		r.reopen(err)
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case e == nil:
		return nil, nil, ErrNone
	}
	return s, e, nil
}

// Open opens a recording's sound, from the object store or from this node's Asterisk, as long as ctx; the caller closes it. The
// error is ErrNone, or wraps ErrUnavailable.
func (r *Recordings) Open(ctx context.Context, account, id string) (*Sound, error) {
	s, e, err := r.find(ctx, account, id)
	if err != nil {
		return nil, err
	}
	if e.State == Kept {
		o, err := r.openObjects(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return o.read(ctx, e), nil
	}
	if e.Told.Node != r.cfg.Node || e.State == Recording {
		return nil, ErrNone
	}
	sound, err := r.stored(ctx, e)
	if errors.Is(err, calls.ErrGone) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return sound, nil
}

// Played tells that somebody has had a recording's sound.
func (r *Recordings) Played(ctx context.Context, account, id string) {
	if _, e, err := r.find(ctx, account, id); err == nil {
		n := e.event("recording.played", "", "")
		n.ID, n.Time = rand.Text(), time.Now()
		r.cfg.Publisher.Publish(n)
	}
}

// Delete removes a recording: its object, its file in this node's Asterisk, and what is known of it. The error is ErrNone, ErrRuns
// or ErrElsewhere, or wraps ErrUnavailable: then what is left of it can be deleted again.
func (r *Recordings) Delete(ctx context.Context, account, id string) error {
	s, e, err := r.find(ctx, account, id)
	switch {
	case err != nil:
		return err
	case e.State == Recording:
		return ErrRuns
	case e.Told.Node != r.cfg.Node && e.State != Kept && e.State != Delivered:
		return ErrElsewhere
	}
	return r.remove(ctx, s, e, "request")
}

// remove removes what there is of a recording that does not run, and tells why. The error wraps ErrUnavailable.
func (r *Recordings) remove(ctx context.Context, s *stores, e *Entry, reason string) error {
	k := key(e.Told.Account, e.ID)
	if err := r.unstore(ctx, s, k, e); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if e.Told.Node == r.cfg.Node {
		if err := r.cfg.Asterisk.DeleteStoredRecording(e.Told.Recording); err != nil && !errors.Is(err, calls.ErrGone) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if err := s.index.remove(ctx, k); err != nil {
		r.reopen(err)
		return fmt.Errorf("%w: %w", ErrUnavailable, broker.Explain(err))
	}
	e.Done = time.Now()
	r.cfg.Publisher.Publish(e.event("recording.deleted", "deleted", reason))
	return nil
}

// unstore removes what the object store has of a recording, of a put that has not come to its end, too.
func (r *Recordings) unstore(ctx context.Context, s *stores, key string, e *Entry) error {
	if e.Delivery.URL != "" {
		return nil
	}
	o, err := r.openObjects(ctx, s)
	if err != nil {
		return err
	}
	return o.remove(ctx, e.object(key), e.ID)
}
