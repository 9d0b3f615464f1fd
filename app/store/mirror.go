package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// mirror keeps what stands below one prefix of a KV bucket in memory, and where a file is given there too, and changes it.
// Documents and records are built on it.
type mirror struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	log    *slog.Logger
	bucket string
	prefix string // of the keys, without the dot
	what   string // for people: documents
	lack   string // for people: what holds while nothing is known
	file   string // "" for none
	folder string // of our own NATS; "" where it is not ours, or is in no folder
	own    bool   // nobody else writes the bucket
	secret bool   // what the file holds is for nobody before the bucket has been looked at

	values    values
	quota     *Quota           // counts values; may be nil
	publisher calls.Publisher  // is told of losses; may be nil
	changed   func(key string) // after every change in memory, without the lock; may be nil
	restoring func(n int)      // for tests: so many values of a lost bucket are stored again; may be nil

	mu        sync.Mutex          // guards what follows and changes of values
	revisions map[string]uint64   // of every key that is known, also of one that was deleted; 0: of the file or of a bucket that is gone
	marks     map[string]struct{} // those of them that were deleted
	maxMarks  int                 // above which some are forgotten
	highest   uint64              // revision of the bucket that is known
	told      uint64              // highest revision that the watch has told of
	news      chan struct{}       // closed when told grows; nil: nobody waits
	problem   error
	loaded    bool
	ahead     map[string]bool // accounts that are read before all is loaded (Store.Ahead)
	created   time.Time       // of the bucket that the revisions are of
	recalled  bool            // the file was read
	partly    bool            // but not all of it
	turn      string          // of the file
	standing  string          // what holds as long as nothing is loaded
	kept      keeping         // how the file stands
	restored  string          // the loss of which both copies are kept aside; of the watch's goroutine, as the next
	doubted   string          // the loss that was told last
	deleted   *broker.Deleted // the bucket; nil where only we could do that
	doubt     *doubt          // nobody knows what is right; nil: it is known

	enough atomic.Bool // so much is known that nothing is read ahead any more

	ready chan struct{} // closed when it is loaded for the first time
	again chan struct{} // one slot: the bucket is gone, look anew
	dirty chan struct{} // one slot: memory is not what the file holds
}

// values are a mirror's values in memory, by their whole keys. Whoever changes them holds the mirror's lock.
type values interface {
	// valid says whether there can be such a key.
	valid(key string) bool
	// get gives a value, and whether it has an effect.
	get(key string) (raw []byte, effective, there bool)
	// set takes a copy of a value, nil when there is none any more. The error says why it has no effect; it is kept all the same.
	set(key string, raw []byte, revision uint64) error
	// counts says what a value counts as, and whose it is.
	counts(key string) (account string, of []Kind)
}

// begin readies a mirror whose first fields are set, with what the file holds.
func (m *mirror) begin() error {
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.log = m.log.With("of", m.what)
	js, err := jetstream.New(m.conn)
	if err != nil {
		return fmt.Errorf("%s: %w", m.what, err)
	}
	m.js, m.revisions, m.problem = js, map[string]uint64{}, errors.New("not loaded from NATS yet")
	m.marks, m.maxMarks = map[string]struct{}{}, maxMarks
	m.ready, m.again, m.dirty = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	if !m.own {
		m.deleted = &broker.Deleted{}
	}
	m.recall()
	return nil
}

// Ready is closed when everything has been loaded from NATS.
func (m *mirror) Ready() <-chan struct{} { return m.ready }

// Err says what is wrong: memory is not what NATS has, is not kept fresh, cannot be changed now, or cannot be kept in the
// file. It is nil when all is well.
func (m *mirror) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.loaded:
		return fmt.Errorf("%s; %w", m.standing, m.problem)
	case m.problem != nil:
		return m.problem
	case m.doubt != nil:
		return m.doubt
	case !m.conn.IsConnected():
		return fmt.Errorf("NATS is not connected; %s are as known last and cannot be changed", m.what)
	}
	return m.kept.err
}

// Revision is the highest revision of the bucket below the prefix that is known here. Where instances share a bucket, the
// highest of theirs less that of one is how far that one is behind.
func (m *mirror) Revision() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.highest
}

// Known says whether there is something to answer with: all was loaded, or a file holds what was known last.
func (m *mirror) Known() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loaded || m.recalled && !m.secret
}

// unknown is why there is nothing to answer with; nil when there is.
func (m *mirror) unknown() error {
	switch {
	case m.Known():
		return nil
	case m.conn.IsConnected():
		return ErrLoading
	}
	return ErrUnavailable
}

// closed says why nothing can be changed now, nil when it can: what is known must have been held against the bucket, and where
// there is a quota, what the bucket holds must have been counted.
func (m *mirror) closed() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.doubt != nil:
		return m.doubt
	case !m.loaded && (m.recalled || m.quota != nil):
		return ErrLoading
	}
	return nil
}

// change stores a value, or with nil deletes it, and gives the bucket's new revision. Memory has it when change has
// returned; after a conflict it has what was in the way.
func (m *mirror) change(ctx context.Context, key string, raw []byte, expect Expect) (revision uint64, err error) {
	if !m.conn.IsConnected() { // the client would say something else: it does not know yet what the server can
		return 0, fmt.Errorf("%w: store %s: NATS is not connected", ErrUnavailable, key)
	}
	if err := m.closed(); err != nil {
		return 0, fmt.Errorf("%w: store %s: %w", ErrUnavailable, key, err)
	}
	if raw == nil && expect == Any && m.neverHeardOf(key) {
		if revision, gone := m.learn(ctx, key); gone {
			return revision, nil // a mark of its deletion would stand in the bucket, and here, for ever
		}
	}
	opts, highest, err := m.condition(key, expect)
	if err != nil {
		return 0, err
	}
	giveBack, err := m.hold(key, raw)
	if err != nil {
		return 0, err
	}
	defer func() { giveBack(err) }()
	revision, err = m.publish(ctx, key, raw, opts...)
	if wrongSequence(err) {
		last, gone := m.learn(ctx, key)
		if !gone || expect.kind != absence {
			return 0, conflict(key, expect)
		}
		revision, err = m.publish(ctx, key, raw, jetstream.WithExpectLastSequencePerSubject(last))
	}
	switch {
	case wrongSequence(err):
		return 0, conflict(key, expect)
	case errors.Is(err, nats.ErrMaxPayload):
		return 0, fmt.Errorf("%w: %s has %d bytes, NATS takes at most %d of a message", ErrTooLarge, key, len(raw), m.conn.MaxPayload())
	case err != nil:
		if errors.Is(err, jetstream.ErrNoStreamResponse) && m.conn.IsConnected() {
			m.lookAnew()
		}
		return 0, fmt.Errorf("%w: store %s: %w", ErrUnavailable, key, err)
	case revision <= highest: // a bucket never counts back: this is another one
		m.renounce()
		m.lookAnew()
	}
	m.apply(key, raw, revision)
	return revision, nil
}

func (m *mirror) neverHeardOf(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, heard := m.revisions[key]
	return !heard
}

func (m *mirror) lookAnew() {
	select {
	case m.again <- struct{}{}:
	default:
	}
}

// another is when a bucket was made of which nothing else is known than that it is another one.
var another = time.Unix(0, 1)

// renounce forgets all revisions: they are not of the bucket that is there, which counts from 1 again.
func (m *mirror) renounce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.revisions {
		m.revisions[key] = 0
	}
	m.created, m.highest, m.told = another, 0, 0
}

// Settle waits until memory has every change that was made before a revision, whoever has made it. The error wraps
// ErrUnavailable, when ctx ends before.
func (m *mirror) Settle(ctx context.Context, revision uint64) error {
	for {
		m.mu.Lock()
		if m.told >= revision {
			m.mu.Unlock()
			return nil
		}
		if m.news == nil {
			m.news = make(chan struct{})
		}
		news := m.news
		m.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s up to revision %d: %w", ErrUnavailable, m.what, revision, context.Cause(ctx))
		}
	}
}

// Refresh waits until memory has every change that was made before it was called, whoever has made it. Its mark in the bucket is
// the deletion of what never was, which nobody sees. The error wraps ErrUnavailable.
func (m *mirror) Refresh(ctx context.Context) error {
	if !m.conn.IsConnected() {
		return fmt.Errorf("%w: %s up to now: NATS is not connected", ErrUnavailable, m.what)
	}
	revision, err := m.publish(ctx, m.mark(), nil)
	if err != nil {
		return fmt.Errorf("%w: %s up to now: %w", ErrUnavailable, m.what, err)
	}
	return m.Settle(ctx, revision)
}

// mark is the key of Refresh's marks, which is none of a value.
func (m *mirror) mark() string { return m.prefix + ".refreshed.now" }

// tell notes how far the watch has come.
func (m *mirror) tell(revision uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told = max(m.told, revision); m.news != nil {
		close(m.news)
		m.news = nil
	}
}

func conflict(key string, expect Expect) error {
	return fmt.Errorf("%w: store %s: expected was %s", ErrConflict, key, expect)
}

// condition is an expectation in NATS's words: the sequence of the subject's last message, a deletion's included. What
// memory knows better it refuses at once. highest is the highest revision known before the change.
func (m *mirror) condition(key string, expect Expect) (opts []jetstream.PublishOpt, highest uint64, err error) {
	m.mu.Lock()
	last, highest := m.revisions[key], m.highest
	_, _, there := m.values.get(key)
	m.mu.Unlock()
	switch {
	case expect.kind == anything:
		return nil, highest, nil
	case expect.kind == absence && !there:
		return []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(last)}, highest, nil
	case expect.kind == exactly && expect.revision > 0 && (there || last != expect.revision): // 0 would be: no message
		return []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(expect.revision)}, highest, nil
	}
	return nil, 0, conflict(key, expect)
}

// learn asks NATS for the last change of a key that memory does not know of yet, and takes it into memory. gone is true
// where there is no value, with the revision of its deletion, 0 where there never was one.
func (m *mirror) learn(ctx context.Context, key string) (revision uint64, gone bool) {
	kv, err := m.js.KeyValue(ctx, m.bucket)
	if err != nil {
		return 0, false
	}
	history, err := kv.History(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return 0, true
	case err != nil || len(history) == 0:
		return 0, false
	}
	last := history[len(history)-1]
	m.take(last)
	return last.Revision(), last.Operation() != jetstream.KeyValuePut
}

// publish is how any KV client puts and deletes; unlike its Delete, this tells the revision.
func (m *mirror) publish(ctx context.Context, key string, raw []byte, opts ...jetstream.PublishOpt) (uint64, error) {
	msg := nats.NewMsg("$KV." + m.bucket + "." + key)
	if msg.Data = raw; raw == nil {
		msg.Header.Set("KV-Operation", "DEL")
	}
	ack, err := m.js.PublishMsg(ctx, msg, append(opts, jetstream.WithExpectStream("KV_"+m.bucket))...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// apply takes a change into memory, unless it or a later one is there already. Changes come twice, by whoever makes them
// and by the watch, in any order.
func (m *mirror) apply(key string, raw []byte, revision uint64) {
	m.mu.Lock()
	if revision <= m.revisions[key] {
		m.mu.Unlock()
		return
	}
	m.highest = max(m.highest, revision)
	news, err := m.put(key, raw, revision)
	m.mu.Unlock()
	if err != nil {
		m.log.Error("a stored value is not valid and has no effect", "bucket", m.bucket, "key", key, "revision", revision, "error", err,
			"do", "store it again by the API, or delete it")
	}
	if news && m.changed != nil {
		m.changed(key)
	}
}

// put sets a key in memory, and says whether that is a change of its value. The caller holds the lock.
func (m *mirror) put(key string, raw []byte, revision uint64) (news bool, err error) {
	_, _, there := m.values.get(key)
	m.revisions[key] = revision
	m.marked(key, raw == nil)
	if news = raw != nil || there; news {
		err = m.set(key, raw, revision)
		m.touch(key)
	}
	return news, err
}
