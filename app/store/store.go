package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/flows"
)

// Bucket is the name of the KV bucket (design 3.4).
const Bucket = "metaflows_documents"

// Errors of the Store.
var (
	// ErrUnavailable: NATS cannot be asked now, or nothing is known of documents yet.
	ErrUnavailable = errors.New("documents are not available")
	// ErrInvalid: the text is not a metaflows document.
	ErrInvalid = errors.New("invalid document")
)

// Config is what a Store needs.
type Config struct {
	Conn      *nats.Conn
	Settings  flows.Settings
	Publisher flows.Publisher // is told of changes made through this Store
	Log       *slog.Logger
	// File is where the documents are kept for a start without NATS; "" for nowhere. Its folder must be there.
	File string
	// Own: nobody else writes the bucket. One that has never held anything is then one that was lost, and is filled with
	// the documents that are known.
	Own bool
}

// Store is the documents. Its methods may be called by any goroutine.
type Store struct {
	cfg  Config
	js   jetstream.JetStream
	snap *snapshot

	mu        sync.Mutex // guards what follows, and is held by whoever changes the snapshot
	revisions map[string]uint64
	problem   error
	loaded    bool
	created   time.Time       // of the bucket that the revisions are of
	recalled  bool            // the file was read
	standing  string          // what holds as long as nothing is loaded
	aside     bool            // the file that is there must not be overwritten
	unwritten error           // why the file is not as it should be
	restore   []savedDocument // still to be put into a bucket that was lost

	ready   chan struct{} // closed when the documents are loaded for the first time
	again   chan struct{} // one slot: the bucket is gone, look anew
	changed chan struct{} // one slot: memory is not what the file holds
}

// New makes a store, with the documents of the file if there is one; Run loads it from NATS.
func New(cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	s := &Store{
		cfg: cfg, js: js, snap: newSnapshot(cfg.Settings), revisions: map[string]uint64{},
		problem: errors.New("not loaded from NATS yet"), ready: make(chan struct{}), again: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	s.recall()
	return s, nil
}

// Effective is an owner's documents as they are now, merged. It reads memory only: no lock, and no allocation but when
// one of the documents has changed since the last time. An owner without an account has no codes.
func (s *Store) Effective(owner flows.Owner) *flows.Effective { return s.snap.effective(owner) }

// Ready is closed when the documents have been loaded from NATS.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Err says what is wrong: documents are not those of NATS, are not read fresh, cannot be changed now, or cannot be kept
// in the file. It is nil when all is well.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.loaded:
		return fmt.Errorf("%s; %w", s.standing, s.problem)
	case s.problem != nil:
		return s.problem
	case !s.cfg.Conn.IsConnected():
		return errors.New("NATS is not connected; documents are as known last and cannot be changed")
	}
	return s.unwritten
}

// Get gives a stored document; ok is false where nothing is stored. It sees every Put of this Store that has returned.
// While NATS is away it answers with what was known last: by this process, or after a start without NATS by the one that
// wrote the file. Such an answer cannot be written back, since Put needs NATS. The error is ErrUnavailable as long as
// there is neither.
func (s *Store) Get(p Place) (doc Document, ok bool, err error) {
	s.mu.Lock()
	known := s.loaded || s.recalled
	s.mu.Unlock()
	if !known {
		return Document{}, false, ErrUnavailable
	}
	if d := s.snap.get(p); d != nil {
		return *d, true, nil
	}
	return Document{}, false, nil
}

// Put stores a document and gives the bucket's new revision. Keys obey it when Put has returned. The error wraps
// ErrInvalid or ErrUnavailable.
func (s *Store) Put(ctx context.Context, p Place, raw []byte) (revision uint64, err error) {
	parsed, err := flows.ParseDocument(raw)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return s.change(ctx, p, nats.NewMsg("$KV."+Bucket+"."+p.key()), &Document{Raw: parsed.Raw, parsed: parsed})
}

// Delete removes a document; there need not be one. The error wraps ErrUnavailable.
func (s *Store) Delete(ctx context.Context, p Place) (revision uint64, err error) {
	m := nats.NewMsg("$KV." + Bucket + "." + p.key())
	m.Header.Set("KV-Operation", "DEL") // as any KV client deletes; unlike its Delete, this tells the revision
	return s.change(ctx, p, m, nil)
}

func (s *Store) change(ctx context.Context, p Place, m *nats.Msg, doc *Document) (uint64, error) {
	if doc != nil {
		m.Data = doc.Raw
	}
	if !s.cfg.Conn.IsConnected() { // the client would say something else: it does not know yet what the server can
		return 0, fmt.Errorf("%w: store %s: NATS is not connected", ErrUnavailable, p.Path())
	}
	had := s.snap.get(p) != nil // asked before: the watch may tell of the change sooner than the answer
	ack, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectStream("KV_"+Bucket))
	if err != nil {
		if errors.Is(err, jetstream.ErrNoStreamResponse) && s.cfg.Conn.IsConnected() {
			select {
			case s.again <- struct{}{}:
			default:
			}
		}
		return 0, fmt.Errorf("%w: store %s: %w", ErrUnavailable, p.Path(), err)
	}
	s.apply(p.key(), p, ack.Sequence, doc)
	if doc != nil || had {
		s.tell(p, ack.Sequence, doc)
	}
	return ack.Sequence, nil
}

// apply takes a change into memory, unless it or a later one is there already, and says whether it was news.
// Changes come twice, by Put or Delete and by the watch, in any order.
func (s *Store) apply(key string, p Place, revision uint64, doc *Document) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision <= s.revisions[key] {
		return false
	}
	s.revisions[key] = revision
	if doc != nil {
		doc.Revision = revision
	}
	if doc != nil || s.snap.get(p) != nil {
		s.snap.set(p, doc)
		s.touch()
	}
	return true
}

// tell publishes a change. Its id is the bucket's revision: the same change is the same event.
func (s *Store) tell(p Place, revision uint64, doc *Document) {
	if s.cfg.Publisher == nil {
		return
	}
	result := "stored"
	if doc == nil {
		result = "removed"
	}
	s.cfg.Publisher.Publish(flows.Notice{
		Type: "document.changed", ID: "document:" + p.key() + ":" + strconv.FormatUint(revision, 10), Time: time.Now(),
		Account: p.Account, Document: string(p.Scope), Path: p.Path(), Result: result,
	})
}
