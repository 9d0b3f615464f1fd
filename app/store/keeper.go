package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	burst      = 100 * time.Millisecond // changes within it are written once
	share      = 10                     // writing takes one part of this of the time at most
	firstWrite = time.Second            // until a write that has failed is tried again
	lastWrite  = time.Minute
	journal    = 1 << 20 // bytes of changes behind the values, at least, before all is written anew
)

// keeping is how the file stands. The mirror's lock guards it.
type keeping struct {
	changes  map[string]struct{} // keys that are not in the file as they are in memory
	rewrite  bool                // the file is not what the changes are of
	size     int                 // of the values in it
	appended int                 // of the changes behind them
	aside    bool                // the file that is there must not be overwritten
	err      error               // why the file is not as it should be
}

// recall takes what the file holds into memory, as the mirror is made.
func (m *mirror) recall() {
	m.kept = keeping{changes: map[string]struct{}{}, rewrite: true}
	if m.file == "" {
		m.standing = m.lack
		return
	}
	name := filepath.Base(m.file)
	last, err := readSaved(m.file, m.values.valid)
	switch {
	case errors.Is(err, os.ErrNotExist):
		m.standing = m.lack + ": " + name + " does not exist"
		return
	case err != nil:
		m.standing = fmt.Sprintf("%s: %s cannot be used: %v", m.lack, name, err)
		m.kept.aside = true
		m.log.Error("what was known last cannot be read; the file is kept aside as soon as NATS is there",
			"file", m.file, "error", err, "do", "bring NATS back: until then there is nothing of it")
		return
	case last.damaged > 0:
		m.kept.aside = true
		m.log.Error("some of what was known last cannot be read; the file is kept aside as soon as NATS is there",
			"file", m.file, "damaged_lines", last.damaged, "do", "bring NATS back: until then that part is missing; look after the disk")
	}
	for _, v := range last.values {
		m.revisions[v.key] = v.revision
		if v.raw == nil {
			continue
		}
		if err := m.set(v.key, v.raw, 0); err != nil {
			m.log.Error("a value in the file is not valid and has no effect", "file", m.file, "key", v.key, "error", err,
				"do", "store it again by the API")
			_ = m.set(v.key, nil, 0)
		}
	}
	m.recalled, m.partly = true, last.damaged > 0
	m.created, m.told, m.turn = last.bucket, last.told, last.turn
	if !last.bucket.IsZero() {
		m.deleted.There()
	}
	if m.highest = last.told; m.secret {
		m.standing = m.lack
		return
	}
	m.standing = fmt.Sprintf("%s are as of %s from %s", m.what, last.at.UTC().Format(time.RFC3339), name)
	m.log.Info("what was known last is read from the file", "file", m.file, "as_of", last.at.UTC(), "count", len(last.values))
}

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
			m.forget(ctx)
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

// touch says that memory is not what the file holds of a key. Before everything is loaded, and while it is not decided what is
// right, nothing is written: half of the file and half of the bucket is nobody's truth. The caller holds the lock.
func (m *mirror) touch(key string) {
	if m.file == "" || !m.loaded || m.doubt != nil {
		return
	}
	m.kept.changes[key] = struct{}{}
	m.dirtied()
}

func (m *mirror) dirtied() {
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// write writes what has changed in memory: behind what the file holds, or all of it anew where the changes have become longer
// than that. When it fails, everything is still to be written.
func (m *mirror) write() (done bool) {
	m.mu.Lock()
	select {
	case <-m.dirty:
	default:
	}
	if !m.loaded || m.doubt != nil {
		m.mu.Unlock()
		return true
	}
	now := head{at: time.Now(), bucket: m.created, told: m.told}
	before, aside := m.turn, m.kept.aside
	whole := m.kept.rewrite || aside || m.kept.appended > m.kept.size+journal
	var values []savedValue
	if whole {
		values = m.everything()
	} else {
		for key := range m.kept.changes {
			values = append(values, m.saved(key))
		}
	}
	m.kept.changes = map[string]struct{}{}
	m.mu.Unlock()

	var size int
	err := error(nil)
	if now.turn, err = m.takeTurn(before); err == nil && aside {
		err = m.putAside(os.Rename)
	}
	switch {
	case err != nil:
	case whole:
		size, err = writeSaved(m.file, saved{head: now, values: values})
	default:
		size, err = appendSaved(m.file, now, values)
	}
	if err != nil {
		err = fmt.Errorf("%s cannot be kept in %s: %w", m.what, filepath.Base(m.file), err)
	}
	m.mu.Lock()
	was := m.kept.err
	switch m.kept.err = err; {
	case err != nil:
		m.kept.rewrite = true
		m.dirtied()
	case whole:
		m.turn, m.kept.aside, m.kept.rewrite, m.kept.size, m.kept.appended = now.turn, false, false, size, 0
	default:
		m.turn, m.kept.appended = now.turn, m.kept.appended+size
	}
	m.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		m.log.Error("cannot be kept for a start without NATS, trying again", "file", m.file, "error", err,
			"do", "let metaflows write METAFLOWS_DATA_DIR, and see that there is room")
	case err == nil && was != nil:
		m.log.Info("kept again for a start without NATS", "file", m.file)
	}
	return err == nil
}

// saved is a key as the file should have it. The caller holds the lock.
func (m *mirror) saved(key string) savedValue {
	raw, effective, there := m.values.get(key)
	v := savedValue{key: key, revision: m.revisions[key], gone: !there}
	if effective {
		v.raw = raw
	}
	return v
}

// everything is all values as the file should have them. The caller holds the lock.
func (m *mirror) everything() []savedValue {
	all := make([]savedValue, 0, len(m.revisions))
	for key := range m.revisions {
		if v := m.saved(key); !v.gone {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b savedValue) int { return strings.Compare(a.key, b.key) })
	return all
}

// putAside keeps the file under another name, by renaming or copying it: it could not be understood, or it holds what the
// bucket does not have.
func (m *mirror) putAside(put func(from, to string) error) error {
	aside := asideOf(m.file)
	err := put(m.file, aside)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return short(err)
	}
	if err == nil {
		m.log.Warn("the file with what was known before is kept aside", "file", aside)
	}
	return nil
}

// asideOf is where a file can be kept aside without overwriting another.
func asideOf(file string) string {
	aside := file + ".aside"
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); err != nil {
			return aside
		}
		aside = file + ".aside." + strconv.Itoa(n)
	}
}

// copyFile is for files that are read whole anyway.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeWhole(to, text)
}
