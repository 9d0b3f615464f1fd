package store

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// Bucket is the name of the KV bucket.
const Bucket = "metaflows_documents"

// Config is what a Store needs.
type Config struct {
	Conn      *nats.Conn
	Settings  flows.Settings
	Publisher calls.Publisher // is told of changes made through this Store
	Log       *slog.Logger
	// File is where the documents are kept for a start without NATS; "" for nowhere. Its folder must be there.
	File string
	// Quota bounds the documents of an account, and their bytes; nil: nothing does.
	Quota *Quota
	// Own: nobody else writes the bucket. What it does not have as it is known was damaged, then, and is stored again.
	Own bool
	// Folder is where our own NATS keeps the bucket. One that was put back from a backup is told by a file in it; "" for none.
	Folder string
}

// Store is the documents. Its methods may be called by any goroutine.
type Store struct {
	*mirror
	snap      *snapshot
	publisher calls.Publisher
}

// New makes a store, with the documents of the file if there is one; Run loads it from NATS.
func New(cfg Config) (*Store, error) {
	s := &Store{snap: newSnapshot(cfg.Settings), publisher: cfg.Publisher}
	s.mirror = &mirror{
		conn: cfg.Conn, log: cfg.Log, bucket: Bucket, prefix: keyPrefix, what: "documents", lack: "there are no codes",
		file: cfg.File, own: cfg.Own, folder: cfg.Folder, values: s.snap, publisher: cfg.Publisher, quota: cfg.Quota,
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s, nil
}

// Effective is an owner's documents as they are now, merged. It reads memory only, and allocates only where
// one of the documents has changed since the last time. An owner without an account has no codes.
func (s *Store) Effective(owner flows.Owner) *flows.Effective { return s.snap.effective(owner) }

// Get gives a stored document; ok is false where nothing is stored. It sees every Put of this Store that has returned.
// While NATS is away it answers with what was known last: by this process, or after a start without NATS by the one that
// wrote the file. Such an answer cannot be written back, since Put needs NATS. The error wraps ErrUnavailable as long
// as there is neither.
func (s *Store) Get(p Place) (doc Document, ok bool, err error) {
	if err := s.unknown(); err != nil {
		return Document{}, false, err
	}
	if d := s.snap.at(p); d != nil {
		return *d, true, nil
	}
	return Document{}, false, nil
}

// Accounts are those of which documents are stored, or were, sorted.
func (s *Store) Accounts() ([]string, error) {
	if err := s.unknown(); err != nil {
		return nil, err
	}
	return s.snap.holders(), nil
}

// Places are where documents of an account are stored, those included that have no effect.
func (s *Store) Places(account string) (places []Place, err error) {
	if err := s.unknown(); err != nil {
		return nil, err
	}
	return s.snap.places(account), nil
}

// Put stores a document and gives the bucket's new revision. Keys obey it when Put has returned. The error is a
// *LimitError, or wraps ErrInvalid, ErrTooLarge, ErrConflict or ErrUnavailable.
func (s *Store) Put(ctx context.Context, p Place, raw []byte, expect Expect) (revision uint64, err error) {
	parsed, err := flows.ParseDocument(raw)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	revision, err = s.change(ctx, p.key(), parsed.Raw, expect)
	if err == nil {
		s.announce(p, revision, "stored")
	}
	return revision, err
}

// Delete removes a document; with Any there need not be one, and the revision is 0 where there never was. The error wraps
// ErrConflict or ErrUnavailable.
func (s *Store) Delete(ctx context.Context, p Place, expect Expect) (revision uint64, err error) {
	had := s.snap.at(p) != nil // asked before: the watch may tell of the change sooner than the answer
	revision, err = s.change(ctx, p.key(), nil, expect)
	if err == nil && had {
		s.announce(p, revision, "removed")
	}
	return revision, err
}

// announce publishes a change. Its id is the bucket's revision: the same change is the same event.
func (s *Store) announce(p Place, revision uint64, result string) {
	if s.publisher == nil {
		return
	}
	s.publisher.Publish(calls.Notice{
		Type: "document.changed", ID: "document:" + p.key() + ":" + strconv.FormatUint(revision, 10), Time: time.Now(),
		Account: p.Account, Document: string(p.Scope), Path: p.Path(), Result: result,
	})
}
