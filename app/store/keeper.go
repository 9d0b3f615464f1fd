package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	burst      = 100 * time.Millisecond // changes within it are written once
	share      = 10                     // writing takes one part of this of the time at most
	firstWrite = time.Second            // until a write that has failed is tried again
	lastWrite  = time.Minute
)

// keep writes the file after changes until ctx ends; the last state is always written, before it returns.
func (m *mirror) keep(ctx context.Context) {
	pause, retry := burst, firstWrite
	for ctx.Err() == nil {
		select {
		case <-m.dirty:
		case <-ctx.Done():
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		began := time.Now()
		if m.write() {
			pause, retry = max(burst, share*time.Since(began)), firstWrite
		} else {
			pause, retry = retry, min(2*retry, lastWrite)
		}
	}
	select {
	case <-m.dirty:
		m.write()
	default:
	}
}

// touch says that memory is not what the file holds. Before everything is loaded it says nothing: half of the file
// and half of the bucket is nobody's truth. The caller holds the lock.
func (m *mirror) touch() {
	if !m.loaded {
		return
	}
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// write writes what is in memory now. When that fails, it is still to be written.
func (m *mirror) write() (done bool) {
	m.mu.Lock()
	select {
	case <-m.dirty:
	default:
	}
	now, aside := saved{at: time.Now(), values: m.values.all()}, m.aside
	m.mu.Unlock()

	var err error
	if aside {
		err = m.putAside()
	}
	if err == nil {
		err = writeSaved(m.file, now)
	}
	if err != nil {
		err = fmt.Errorf("%s cannot be kept in %s: %w", m.what, filepath.Base(m.file), err)
	}
	m.mu.Lock()
	was := m.unwritten
	if m.unwritten = err; err != nil {
		m.touch()
	}
	m.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		m.log.Error("cannot be kept for a start without NATS, trying again", "file", m.file, "error", err)
	case err == nil && was != nil:
		m.log.Info("kept again for a start without NATS", "file", m.file)
	}
	return err == nil
}

// putAside keeps a file that must not be lost yet: it could not be understood, or it holds what the bucket has lost.
func (m *mirror) putAside() error {
	aside := m.file + ".aside"
	err := os.Rename(m.file, aside)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return short(err)
	}
	if err == nil {
		m.log.Warn("the file with what was known before is kept aside", "file", aside)
	}
	m.mu.Lock()
	m.aside = false
	m.mu.Unlock()
	return nil
}
