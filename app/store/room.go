package store

import (
	"errors"
	"time"
)

// What a mirror's values count in its quota: those that it has in memory, and room for those that are being stored.

// set is values' set, which is counted. The caller holds the lock, or is alone.
func (m *mirror) set(key string, raw []byte, revision uint64) error {
	was, _, _ := m.values.get(key)
	err := m.values.set(key, raw, revision)
	account, of := m.values.counts(key)
	m.quota.changed(account, key, weigh(of, was), weigh(of, raw))
	return err
}

// inDoubt is how long room is kept for what may have been stored, though nobody has said so: longer than the watch takes to
// tell of it.
const inDoubt = 10 * time.Second

// hold keeps room for a value in the quota until it is given back, with what has become of the change. Memory must have it then.
func (m *mirror) hold(key string, raw []byte) (giveBack func(error), err error) {
	account, of := m.values.counts(key)
	if m.quota == nil || raw == nil || len(of) == 0 {
		return func(error) {}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, _, _ := m.values.get(key)
	free, err := m.quota.hold(account, key, weigh(of, stored), weigh(of, raw))
	if err != nil {
		return nil, err
	}
	return func(err error) {
		if errors.Is(err, ErrUnavailable) {
			time.AfterFunc(inDoubt, free)
			return
		}
		free()
	}, nil
}
