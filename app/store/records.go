package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"metaflows/flows/calls"
)

// Record is one small JSON record, as it is stored.
type Record struct {
	Key      string // without the prefix of its Records: "acme.user.alice"
	Raw      []byte // must not be changed
	Revision uint64 // of the bucket; 0 where it is known from a file only
}

// RecordsConfig is what Records need.
type RecordsConfig struct {
	Conn   *nats.Conn
	Bucket string // is made where there is none
	Prefix string // of the keys in the bucket, a word without dots
	What   string // they are, for people, as in "API keys are not known"; "" for records of the prefix
	Log    *slog.Logger
	// Publisher, File, Own and Folder are as those of Config.
	Publisher calls.Publisher
	File      string
	Own       bool
	Folder    string
	// Quota bounds the records of an account, by the second part of their keys: Counts says what they count as, those of other
	// keys as nothing. nil: nothing does.
	Quota  *Quota
	Counts map[string][]Kind
	// Secret: what the file holds is for nobody before the bucket has been looked at. What it knows of what was revoked is old.
	Secret bool
}

// Records are small JSON records under keys of ids ([A-Za-z0-9_-]{1,64}) joined by dots, the first of them the group, for
// most records an account. They are kept in a NATS KV bucket and held in memory, kept fresh by a watch. Their methods may
// be called by any goroutine.
type Records struct {
	*mirror
	shelf *shelf
}

// NewRecords makes Records, with what the file holds if there is one; Run loads them from NATS.
func NewRecords(cfg RecordsConfig) (*Records, error) {
	what := cmp.Or(cfg.What, "records of "+cfg.Prefix)
	r := &Records{shelf: &shelf{prefix: cfg.Prefix + ".", kinds: cfg.Counts, groups: map[string]*group{}}}
	r.mirror = &mirror{
		conn: cfg.Conn, log: cfg.Log, bucket: cfg.Bucket, prefix: cfg.Prefix, file: cfg.File, own: cfg.Own, folder: cfg.Folder, secret: cfg.Secret,
		values: r.shelf, publisher: cfg.Publisher, quota: cfg.Quota, what: what, lack: what + " are not known",
	}
	if err := r.begin(); err != nil {
		return nil, err
	}
	return r, nil
}

// Changed sets what is called with the key after every change in memory, by Put, Delete or the watch, also while the
// records are loaded for the first time. It may be called by several goroutines at once and must not block; Get and List
// see the change, or a later one. It must be set before Run.
func (r *Records) Changed(changed func(key string)) {
	r.changed = func(key string) { changed(strings.TrimPrefix(key, r.shelf.prefix)) }
}

// Get gives a record; ok is false where there is none. It reads memory only and sees every Put that has returned. The
// error wraps ErrUnavailable as long as nothing has been loaded, from NATS or a file.
func (r *Records) Get(key string) (record Record, ok bool, err error) {
	if err := r.unknown(); err != nil {
		return Record{}, false, err
	}
	record, ok = r.shelf.record(key)
	return record, ok, nil
}

// List gives the records whose keys begin with the prefix, sorted by key: "acme." those of a group, "acme.user." some of
// them, "" all. Its cost is that of the group. The slice must not be changed.
func (r *Records) List(prefix string) ([]Record, error) {
	if err := r.unknown(); err != nil {
		return nil, err
	}
	return r.shelf.list(prefix), nil
}

// Groups are the first parts of all keys, sorted.
func (r *Records) Groups() ([]string, error) {
	if err := r.unknown(); err != nil {
		return nil, err
	}
	return r.shelf.names(), nil
}

// Put stores a record and gives the bucket's new revision. The error is a *LimitError, or wraps ErrInvalid, ErrTooLarge,
// ErrConflict or ErrUnavailable; with the last, the record may have been stored all the same.
func (r *Records) Put(ctx context.Context, key string, raw []byte, expect Expect) (revision uint64, err error) {
	switch {
	case !recordKey.MatchString(key):
		return 0, fmt.Errorf("%w: %.100q is no key of a record", ErrInvalid, key)
	case !json.Valid(raw):
		return 0, fmt.Errorf("%w: the record %s is not JSON", ErrInvalid, key)
	}
	return r.change(ctx, r.shelf.prefix+key, raw, expect)
}

// Room says whether Put would be refused now by a limit, with a *LimitError: for who has to store something else before.
func (r *Records) Room(key string, raw []byte) error {
	giveBack, err := r.hold(r.shelf.prefix+key, raw)
	if err == nil {
		giveBack(nil)
	}
	return err
}

// Delete removes a record; with Any there need not be one, and the revision is 0 where there never was. Its errors are those
// of Put.
func (r *Records) Delete(ctx context.Context, key string, expect Expect) (revision uint64, err error) {
	if !recordKey.MatchString(key) {
		return 0, fmt.Errorf("%w: %.100q is no key of a record", ErrInvalid, key)
	}
	return r.change(ctx, r.shelf.prefix+key, nil, expect)
}

var recordKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})*$`)

// shelf is the records in memory.
type shelf struct {
	prefix string // with its dot
	kinds  map[string][]Kind

	mu     sync.RWMutex // the mirror's lock is held by writers only
	groups map[string]*group
	sorted []string // the groups' names; nil: not sorted yet
}

type group struct {
	records map[string]Record
	changes int                 // how often it has changed
	sorted  []Record            // by key, as they were last; never changed once it is there
	stale   map[string]struct{} // keys that have changed since
}

func groupOf(key string) string {
	name, _, _ := strings.Cut(key, ".")
	return name
}

func (s *shelf) record(key string) (Record, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g := s.groups[groupOf(key)]
	if g == nil {
		return Record{}, false
	}
	record, ok := g.records[key]
	return record, ok
}

func (s *shelf) list(prefix string) []Record {
	if !strings.Contains(prefix, ".") {
		var all []Record
		for _, name := range s.names() {
			if strings.HasPrefix(name, prefix) {
				all = append(all, s.inOrder(name)...)
			}
		}
		return all
	}
	sorted := s.inOrder(groupOf(prefix))
	from := sort.Search(len(sorted), func(i int) bool { return sorted[i].Key >= prefix })
	to := from + sort.Search(len(sorted)-from, func(i int) bool { return !strings.HasPrefix(sorted[from+i].Key, prefix) })
	return sorted[from:to:to]
}

// inOrder is a group's records by key: what has changed is sorted in, without the lock, so that whoever asks for one record
// does not wait.
func (s *shelf) inOrder(name string) []Record {
	s.mu.RLock()
	g := s.groups[name]
	if g == nil || len(g.stale) == 0 {
		defer s.mu.RUnlock()
		if g == nil {
			return nil
		}
		return g.sorted
	}
	changes, old, stale := g.changes, g.sorted, maps.Clone(g.stale)
	fresh := make([]Record, 0, len(stale))
	for key := range stale {
		if record, ok := g.records[key]; ok {
			fresh = append(fresh, record)
		}
	}
	s.mu.RUnlock()
	sorted := merge(old, stale, fresh)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.changes == changes {
		g.sorted, g.stale = sorted, map[string]struct{}{}
	}
	return sorted
}

// merge is the sorted records without those that are stale, and the fresh ones sorted in.
func merge(old []Record, stale map[string]struct{}, fresh []Record) []Record {
	slices.SortFunc(fresh, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	merged := make([]Record, 0, len(old)+len(fresh))
	for _, r := range old {
		if _, gone := stale[r.Key]; gone {
			continue
		}
		for len(fresh) > 0 && fresh[0].Key < r.Key {
			merged, fresh = append(merged, fresh[0]), fresh[1:]
		}
		merged = append(merged, r)
	}
	return append(merged, fresh...)
}

func (s *shelf) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sorted == nil {
		s.sorted = slices.Sorted(maps.Keys(s.groups))
	}
	return s.sorted
}

func (s *shelf) valid(key string) bool {
	key, ours := strings.CutPrefix(key, s.prefix)
	return ours && recordKey.MatchString(key)
}

func (s *shelf) get(key string) (raw []byte, effective, there bool) {
	record, there := s.record(strings.TrimPrefix(key, s.prefix))
	return record.Raw, there && json.Valid(record.Raw), there
}

func (s *shelf) counts(key string) (account string, of []Kind) {
	account, rest, _ := strings.Cut(strings.TrimPrefix(key, s.prefix), ".")
	second, _, _ := strings.Cut(rest, ".")
	return account, s.kinds[second]
}

func (s *shelf) set(key string, raw []byte, revision uint64) error {
	key = strings.TrimPrefix(key, s.prefix)
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[groupOf(key)]
	switch {
	case g == nil && raw == nil:
		return nil
	case g == nil:
		g = &group{records: map[string]Record{}, stale: map[string]struct{}{}}
		s.groups[groupOf(key)], s.sorted = g, nil
	}
	g.changes++
	if g.stale[key] = struct{}{}; raw != nil {
		g.records[key] = Record{Key: key, Raw: bytes.Clone(raw), Revision: revision}
		if !json.Valid(raw) {
			return fmt.Errorf("the record %s is not JSON", key)
		}
		return nil
	}
	if _, listed := slices.BinarySearchFunc(g.sorted, key, func(r Record, key string) int { return strings.Compare(r.Key, key) }); !listed {
		delete(g.stale, key) // or what comes and goes between two lists would be kept
	}
	if delete(g.records, key); len(g.records) == 0 {
		delete(s.groups, groupOf(key))
		s.sorted = nil
	}
	return nil
}
