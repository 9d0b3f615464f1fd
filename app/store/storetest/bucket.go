// Package storetest keeps records without NATS, for tests of what is built on store.Records.
package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"metaflows/app/store"
)

// Bucket is what several instances share. Its methods may be called by any goroutine.
type Bucket struct {
	mu        sync.Mutex
	records   map[string]store.Record
	revision  uint64
	instances []*Records
	away      bool
}

// Records are one instance's view: they have the methods of *store.Records. What one instance changes the others know
// before the change returns.
type Records struct {
	bucket  *Bucket
	ready   chan struct{}
	loaded  bool // guarded by the bucket's lock
	changed func(key string)
}

// NewBucket is an empty one.
func NewBucket() *Bucket { return &Bucket{records: map[string]store.Record{}} }

// Instance is one more instance, which has loaded nothing yet.
func (b *Bucket) Instance() *Records {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &Records{bucket: b, ready: make(chan struct{}), changed: func(string) {}}
	b.instances = append(b.instances, r)
	return r
}

// SetAway makes changes fail, as without NATS; what is known can still be read.
func (b *Bucket) SetAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// All is what is stored now, in a form that two of can be compared.
func (b *Bucket) All() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]string{}
	for key, r := range b.records {
		all[key] = string(r.Raw)
	}
	return all
}

// Load loads what is stored, once, as the first part of store.Records' Run: changes are told before anything can be read.
func (r *Records) Load() {
	r.bucket.mu.Lock()
	keys := slices.Sorted(maps.Keys(r.bucket.records))
	r.bucket.mu.Unlock()
	for _, key := range keys {
		r.changed(key)
	}
	r.bucket.mu.Lock()
	r.loaded = true
	r.bucket.mu.Unlock()
	close(r.ready)
}

// Ready is closed by Load.
func (r *Records) Ready() <-chan struct{} { return r.ready }

// Changed sets what is told of changes, before Load.
func (r *Records) Changed(changed func(key string)) { r.changed = changed }

// Get is store.Records' Get.
func (r *Records) Get(key string) (store.Record, bool, error) {
	r.bucket.mu.Lock()
	defer r.bucket.mu.Unlock()
	if !r.loaded {
		return store.Record{}, false, store.ErrUnavailable
	}
	record, ok := r.bucket.records[key]
	return record, ok, nil
}

// List is store.Records' List.
func (r *Records) List(prefix string) ([]store.Record, error) {
	r.bucket.mu.Lock()
	defer r.bucket.mu.Unlock()
	if !r.loaded {
		return nil, store.ErrUnavailable
	}
	var list []store.Record
	for _, key := range slices.Sorted(maps.Keys(r.bucket.records)) {
		if strings.HasPrefix(key, prefix) {
			list = append(list, r.bucket.records[key])
		}
	}
	return list, nil
}

// Groups is store.Records' Groups.
func (r *Records) Groups() ([]string, error) {
	records, err := r.List("")
	var groups []string
	for _, record := range records {
		group, _, _ := strings.Cut(record.Key, ".")
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return slices.Compact(groups), err
}

// Settle is store.Records' Settle: what others did is always known.
func (r *Records) Settle(context.Context, uint64) error { return nil }

// Refresh is store.Records' Refresh: likewise.
func (r *Records) Refresh(context.Context) error { return nil }

// Room is store.Records' Room: there are no limits here.
func (r *Records) Room(string, []byte) error { return nil }

// Put is store.Records' Put.
func (r *Records) Put(_ context.Context, key string, raw []byte, expect store.Expect) (revision uint64, err error) {
	return r.bucket.change(key, bytes.Clone(raw), expect)
}

// Delete is store.Records' Delete.
func (r *Records) Delete(_ context.Context, key string, expect store.Expect) (revision uint64, err error) {
	return r.bucket.change(key, nil, expect)
}

func (b *Bucket) change(key string, raw []byte, expect store.Expect) (uint64, error) {
	revision, told, err := b.apply(key, raw, expect)
	for _, r := range told {
		r.changed(key)
	}
	return revision, err
}

func (b *Bucket) apply(key string, raw []byte, expect store.Expect) (revision uint64, told []*Records, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.records[key]
	switch {
	case b.away:
		return 0, nil, store.ErrUnavailable
	case expect != store.Any && (ok && expect != store.Revision(old.Revision) || !ok && expect != store.Absent):
		return 0, nil, store.ErrConflict
	}
	b.revision++
	if delete(b.records, key); raw != nil {
		b.records[key] = store.Record{Key: key, Raw: raw, Revision: b.revision}
	}
	for _, r := range b.instances {
		if r.loaded {
			told = append(told, r)
		}
	}
	return b.revision, told, nil
}
