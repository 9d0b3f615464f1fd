package directory

import (
	"context"
	"fmt"

	"metaflows/app/store"
	"metaflows/flows"
)

// Remove deletes an entry and what depends on it, and gives what it was, with the revision of its deletion. After an error
// the entry is still there, but for some of what depended on it; it can be removed again.
func (d *Directory) Remove(ctx context.Context, p store.Place, expect store.Expect) (Entry, error) {
	entry, err := d.expected(p, expect)
	if err != nil {
		return Entry{}, err
	}
	if err := d.detach(ctx, p); err != nil {
		return Entry{}, fmt.Errorf("remove what depends on %s %s: %w", p.Scope, id(p), err)
	}
	// Whatever it is by now: what was changed meanwhile was changed before it was deleted.
	if entry.Revision, err = d.cfg.Records.Delete(ctx, key(p), store.Any); err != nil {
		return Entry{}, err
	}
	if p.Scope == flows.ScopeUser {
		d.release(ctx, p, textOf(entry.Data, "username"), "")
	}
	// What came while it was being deleted.
	if err := d.cfg.Records.Settle(ctx, entry.Revision); err != nil {
		d.cfg.Log.Warn("what depends on an entry that is gone cannot be looked for again", "key", key(p), "error", err)
		return entry, nil
	}
	if err := d.detach(ctx, p); err != nil {
		d.cfg.Log.Error("something may be left of an entry that is gone", "key", key(p), "error", err)
	}
	return entry, nil
}

// detach removes what depends on an entry.
func (d *Directory) detach(ctx context.Context, p store.Place) error {
	switch p.Scope {
	case flows.ScopeUser:
		return d.detachUser(ctx, p)
	case flows.ScopeDevice:
		_, err := d.cfg.Documents.Delete(ctx, p, store.Any)
		return err
	}
	return d.detachAccount(ctx, p)
}

func (d *Directory) detachUser(ctx context.Context, p store.Place) error {
	if _, err := d.cfg.Documents.Delete(ctx, p, store.Any); err != nil {
		return err
	}
	if err := d.forgetKeys(ctx, p.Account, p.ID); err != nil {
		return err
	}
	devices, err := d.cfg.Records.List(prefix(p.Account, flows.ScopeDevice))
	if err != nil {
		return err
	}
	skip := len(prefix(p.Account, flows.ScopeDevice))
	for _, r := range devices {
		if ownerIn(r) != p.ID {
			continue
		}
		if err := d.disown(ctx, store.Place{Account: p.Account, Scope: flows.ScopeDevice, ID: r.Key[skip:]}, p.ID); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) detachAccount(ctx context.Context, p store.Place) error {
	if err := d.forgetKeys(ctx, p.Account, ""); err != nil {
		return err
	}
	// The account's own document goes first: from its deletion on memory is asked for the others.
	revision, err := d.cfg.Documents.Delete(ctx, p, store.Any)
	if err != nil {
		return err
	}
	if err := d.cfg.Documents.Settle(ctx, revision); err != nil {
		return err
	}
	places, err := d.cfg.Documents.Places(p.Account)
	if err != nil {
		return err
	}
	for _, document := range places {
		if _, err := d.cfg.Documents.Delete(ctx, document, store.Any); err != nil {
			return err
		}
	}
	records, err := d.cfg.Records.List(p.Account + ".") // devices come before users, and these before their usernames
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Key == key(p) {
			continue
		}
		if _, err := d.cfg.Records.Delete(ctx, r.Key, store.Any); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) forgetKeys(ctx context.Context, account, owner string) error {
	if d.cfg.Keys == nil {
		return nil
	}
	return d.cfg.Keys.Forget(ctx, account, owner)
}
