package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"metaflows/flows"
)

const (
	burst      = 100 * time.Millisecond // changes within it are written once
	share      = 10                     // writing takes one part of this of the time at most
	firstWrite = time.Second            // until a write that has failed is tried again
	lastWrite  = time.Minute
)

// keep writes the file after changes until ctx ends; the last state is always written, before it returns.
func (s *Store) keep(ctx context.Context) {
	pause, retry := burst, firstWrite
	for ctx.Err() == nil {
		select {
		case <-s.changed:
		case <-ctx.Done():
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		began := time.Now()
		if s.write() {
			pause, retry = max(burst, share*time.Since(began)), firstWrite
		} else {
			pause, retry = retry, min(2*retry, lastWrite)
		}
	}
	select {
	case <-s.changed:
		s.write()
	default:
	}
}

// touch says that memory is not what the file holds. Before the documents are loaded it says nothing: half of the file
// and half of the bucket is nobody's truth. The caller holds the lock.
func (s *Store) touch() {
	if !s.loaded {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// write writes what is in memory now. When that fails, it is still to be written.
func (s *Store) write() (done bool) {
	s.mu.Lock()
	select {
	case <-s.changed:
	default:
	}
	now, aside := saved{at: time.Now(), documents: s.snap.all()}, s.aside
	s.mu.Unlock()

	var err error
	if aside {
		err = s.putAside()
	}
	if err == nil {
		err = writeSaved(s.cfg.File, now)
	}
	if err != nil {
		err = fmt.Errorf("documents cannot be kept in %s: %w", filepath.Base(s.cfg.File), err)
	}
	s.mu.Lock()
	was := s.unwritten
	if s.unwritten = err; err != nil {
		s.touch()
	}
	s.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		s.cfg.Log.Error("documents cannot be kept for a start without NATS, trying again", "file", s.cfg.File, "error", err)
	case err == nil && was != nil:
		s.cfg.Log.Info("documents are kept again", "file", s.cfg.File)
	}
	return err == nil
}

// putAside keeps a file that must not be lost yet: it could not be understood, or it holds documents that the bucket has
// lost.
func (s *Store) putAside() error {
	aside := s.cfg.File + ".aside"
	err := os.Rename(s.cfg.File, aside)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return short(err)
	}
	if err == nil {
		s.cfg.Log.Warn("the file with the documents known before is kept aside", "file", aside)
	}
	s.mu.Lock()
	s.aside = false
	s.mu.Unlock()
	return nil
}

// all are the documents that have an effect, in the order of their keys.
func (s *snapshot) all() (all []savedDocument) {
	take := func(p Place, d *Document) {
		if d.document() != nil {
			all = append(all, savedDocument{p.key(), p, d.Raw})
		}
	}
	for id, a := range *s.accounts.Load() {
		d := a.now.Load()
		take(Place{Account: id, Scope: flows.ScopeAccount}, d.own)
		for user, doc := range d.users {
			take(Place{Account: id, Scope: flows.ScopeUser, ID: user}, doc)
		}
		for device, doc := range d.devices {
			take(Place{Account: id, Scope: flows.ScopeDevice, ID: device}, doc)
		}
	}
	slices.SortFunc(all, func(a, b savedDocument) int { return strings.Compare(a.key, b.key) })
	return all
}
