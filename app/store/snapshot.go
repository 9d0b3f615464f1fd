package store

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"

	"metaflows/flows"
)

// Document is a stored document.
type Document struct {
	Raw      []byte // as stored; must not be changed
	Revision uint64 // of the bucket when it was stored
	parsed   *flows.Document
}

// snapshot is all documents in memory. What a change costs does not depend on how many there are. Only one goroutine at a
// time may change it.
type snapshot struct {
	settings flows.Settings
	nobody   *flows.Effective // of an owner without documents

	mu       sync.RWMutex // guards what follows
	accounts map[string]*account
}

// account is the documents of one account, and what was merged of them as its owners pressed keys.
type account struct {
	own     *Document
	users   map[string]*Document
	devices map[string]*Document
	merged  map[flows.Owner]*flows.Effective // a new one after each change
}

func newSnapshot(settings flows.Settings) *snapshot {
	return &snapshot{settings: settings, nobody: flows.Merge(settings, nil, nil, nil), accounts: map[string]*account{}}
}

// effective merges an owner's documents, once until one of them changes. Owners that differ only in users and devices
// without documents share the result.
func (s *snapshot) effective(owner flows.Owner) *flows.Effective {
	s.mu.RLock()
	a := s.accounts[owner.Account]
	if a == nil {
		s.mu.RUnlock()
		return s.nobody
	}
	own, user, device, merged := a.own, a.users[owner.User], a.devices[owner.Device], a.merged
	if user == nil {
		owner.User = ""
	}
	if device == nil {
		owner.Device = ""
	}
	e := merged[owner]
	s.mu.RUnlock()
	if e != nil {
		return e
	}
	e = flows.Merge(s.settings, own.document(), user.document(), device.document())
	s.mu.Lock()
	defer s.mu.Unlock()
	merged[owner] = e // which nobody looks at any more where a document has changed meanwhile
	return e
}

func (d *Document) document() *flows.Document {
	if d == nil {
		return nil
	}
	return d.parsed
}

// at is nil where nothing is stored.
func (s *snapshot) at(p Place) *Document {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.accounts[p.Account]
	switch {
	case a == nil:
		return nil
	case p.Scope == flows.ScopeUser:
		return a.users[p.ID]
	case p.Scope == flows.ScopeDevice:
		return a.devices[p.ID]
	}
	return a.own
}

// place puts a document at its place, or with nil removes it.
func (s *snapshot) place(p Place, doc *Document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[p.Account]
	if a == nil {
		a = &account{users: map[string]*Document{}, devices: map[string]*Document{}}
		s.accounts[p.Account] = a
	}
	a.merged = map[flows.Owner]*flows.Effective{}
	switch p.Scope {
	case flows.ScopeUser:
		put(a.users, p.ID, doc)
	case flows.ScopeDevice:
		put(a.devices, p.ID, doc)
	default:
		a.own = doc
	}
}

func put(documents map[string]*Document, id string, doc *Document) {
	if doc == nil {
		delete(documents, id)
		return
	}
	documents[id] = doc
}

// holders are the accounts that have documents, or had, sorted.
func (s *snapshot) holders() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.accounts))
}

// places are where documents of an account are.
func (s *snapshot) places(account string) (places []Place) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.accounts[account]
	if a == nil {
		return nil
	}
	if a.own != nil {
		places = append(places, Place{Account: account, Scope: flows.ScopeAccount})
	}
	for user := range a.users {
		places = append(places, Place{Account: account, Scope: flows.ScopeUser, ID: user})
	}
	for device := range a.devices {
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
	if was := s.at(p); was != nil && was.parsed != nil && bytes.Equal(was.Raw, raw) { // as the file has it: most of them, at each start
		s.place(p, &Document{Raw: was.Raw, Revision: revision, parsed: was.parsed})
		return nil
	}
	parsed, err := flows.ParseDocument(raw)
	if err != nil {
		s.place(p, &Document{Raw: bytes.Clone(raw), Revision: revision})
		return fmt.Errorf("%s: %w", p.Path(), err)
	}
	s.place(p, &Document{Raw: parsed.Raw, Revision: revision, parsed: parsed})
	return nil
}
