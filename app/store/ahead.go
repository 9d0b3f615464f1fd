package store

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/flows"
)

const aheadTimeout = 5 * time.Second // for the documents of one account

// Ahead reads the documents of an account before its turn, where nothing is known yet: a call of it is there, and shall not wait
// for codes until all documents of a large site have been read. It does not block, and does something once for an account.
func (s *Store) Ahead(account string) {
	if s.enough.Load() || !s.values.valid(Place{Account: account, Scope: flows.ScopeAccount}.key()) || !s.mirror.begins(account) {
		return
	}
	go s.readAhead(account)
}

// begins notes that an account is read ahead, unless it has been or there is no need.
func (m *mirror) begins(account string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loaded || m.recalled {
		m.enough.Store(true)
		m.ahead = nil
		return false
	}
	if m.ahead == nil {
		m.ahead = map[string]bool{}
	}
	was := m.ahead[account]
	m.ahead[account] = true
	return !was
}

// readAhead takes an account's documents as if they were changed now: what is loaded later is held against their revisions.
// Where NATS does not answer they come with the others.
func (s *Store) readAhead(account string) {
	ctx, cancel := context.WithTimeout(context.Background(), aheadTimeout)
	defer cancel()
	key := Place{Account: account, Scope: flows.ScopeAccount}.key()
	all, err := s.heldUnder(ctx, key)
	if err != nil {
		s.log.Debug("documents of an account cannot be read before the others", "account", account, "error", err)
	}
	for _, entry := range all { // all or none: some would be codes that do not hold
		s.take(entry)
	}
}

// heldUnder is what the bucket holds of an account.
func (m *mirror) heldUnder(ctx context.Context, account string) (all []jetstream.KeyValueEntry, err error) {
	kv, err := m.js.KeyValue(ctx, m.bucket)
	if err != nil {
		return nil, err
	}
	watcher, err := kv.WatchFiltered(ctx, []string{account, account + ".>"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case entry, open := <-watcher.Updates():
			switch {
			case !open:
				return nil, errors.New("the watch has ended")
			case entry == nil:
				return all, nil
			}
			all = append(all, entry)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
