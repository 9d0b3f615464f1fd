package store

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"metaflows/flows"
)

// Document is a stored document.
type Document struct {
	Raw      []byte // as stored; must not be changed
	Revision uint64 // of the bucket when it was stored
	parsed   *flows.Document
}

// snapshot is all documents in memory. Readers load pointers; writers hold the store's mutex.
type snapshot struct {
	settings flows.Settings
	nobody   *flows.Effective // of an owner without documents
	accounts atomic.Pointer[map[string]*account]
}

// account is replaced in the map never, only its documents are, so that a change costs nothing for the others.
type account struct{ now atomic.Pointer[documents] }

// documents are one account's: immutable, but for merged, which fills as owners press keys and is dropped with them.
type documents struct {
	own     *Document
	users   *byID
	devices *byID
	merged  atomic.Pointer[map[flows.Owner]*flows.Effective]
}

func newSnapshot(settings flows.Settings) *snapshot {
	s := &snapshot{settings: settings, nobody: flows.Merge(settings, nil, nil, nil)}
	s.accounts.Store(&map[string]*account{})
	return s
}

func (s *snapshot) documents(id string) *documents {
	if a := (*s.accounts.Load())[id]; a != nil {
		return a.now.Load()
	}
	return nil
}

// effective merges an owner's documents, once until one of them changes. Owners that differ only in users and devices
// without documents share the result.
func (s *snapshot) effective(owner flows.Owner) *flows.Effective {
	d := s.documents(owner.Account)
	if d == nil {
		return s.nobody
	}
	user, device := d.users.get(owner.User), d.devices.get(owner.Device)
	if user == nil {
		owner.User = ""
	}
	if device == nil {
		owner.Device = ""
	}
	for {
		old := d.merged.Load()
		if e := (*old)[owner]; e != nil {
			return e
		}
		e := flows.Merge(s.settings, d.own.document(), user.document(), device.document())
		next := make(map[flows.Owner]*flows.Effective, len(*old)+1)
		maps.Copy(next, *old)
		next[owner] = e
		if d.merged.CompareAndSwap(old, &next) {
			return e
		}
	}
}

func (d *Document) document() *flows.Document {
	if d == nil {
		return nil
	}
	return d.parsed
}

// at is nil where nothing is stored.
func (s *snapshot) at(p Place) *Document {
	d := s.documents(p.Account)
	switch {
	case d == nil:
		return nil
	case p.Scope == flows.ScopeUser:
		return d.users.get(p.ID)
	case p.Scope == flows.ScopeDevice:
		return d.devices.get(p.ID)
	}
	return d.own
}

// place puts a document at its place, or with nil removes it. Only one goroutine at a time may call it.
func (s *snapshot) place(p Place, doc *Document) {
	var next documents
	if old := s.documents(p.Account); old != nil {
		next.own, next.users, next.devices = old.own, old.users, old.devices
	}
	switch p.Scope {
	case flows.ScopeUser:
		next.users = next.users.with(p.ID, doc)
	case flows.ScopeDevice:
		next.devices = next.devices.with(p.ID, doc)
	default:
		next.own = doc
	}
	next.merged.Store(&map[flows.Owner]*flows.Effective{})
	accounts := *s.accounts.Load()
	a := accounts[p.Account]
	if a == nil {
		a = &account{}
		a.now.Store(&next)
		accounts = maps.Clone(accounts)
		accounts[p.Account] = a
		s.accounts.Store(&accounts)
		return
	}
	a.now.Store(&next)
}

// holders are the accounts that have documents, or had, sorted.
func (s *snapshot) holders() []string { return slices.Sorted(maps.Keys(*s.accounts.Load())) }

// places are where documents of an account are.
func (s *snapshot) places(account string) (places []Place) {
	d := s.documents(account)
	if d == nil {
		return nil
	}
	if d.own != nil {
		places = append(places, Place{Account: account, Scope: flows.ScopeAccount})
	}
	for user := range d.users.ids() {
		places = append(places, Place{Account: account, Scope: flows.ScopeUser, ID: user})
	}
	for device := range d.devices.ids() {
		places = append(places, Place{Account: account, Scope: flows.ScopeDevice, ID: device})
	}
	return places
}

func (s *snapshot) valid(key string) bool {
	_, ok := placeOf(key)
	return ok
}

func (s *snapshot) get(key string) (raw []byte, effective, there bool) {
	p, ok := placeOf(key)
	if !ok {
		return nil, false, false
	}
	d := s.at(p)
	if d == nil {
		return nil, false, false
	}
	return d.Raw, d.parsed != nil, true
}

var ofDocuments = []Kind{Documents, Bytes}

func (s *snapshot) counts(key string) (account string, of []Kind) {
	p, _ := placeOf(key)
	return p.Account, ofDocuments
}

// set is place by the place's key.
func (s *snapshot) set(key string, raw []byte, revision uint64) error {
	p, ok := placeOf(key)
	if !ok || raw == nil {
		s.place(p, nil)
		return nil
	}
	parsed, err := flows.ParseDocument(raw)
	s.place(p, &Document{Raw: raw, Revision: revision, parsed: parsed})
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path(), err)
	}
	return nil
}
