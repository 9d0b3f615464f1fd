package directory

import (
	"context"
	"errors"
	"fmt"
	"math"

	"metaflows/app/store"
	"metaflows/flows"
)

// always is a revision after all others.
const always = math.MaxUint64

// Remove deletes an entry and what depends on it, and gives what it was, with the revision of its deletion. After an error
// the entry is still there, but for some of what depended on it; it can be removed again. What is stored for a new entry of
// the same id, by whoever has made one meanwhile, stays; API keys do not.
func (d *Directory) Remove(ctx context.Context, p store.Place, expect store.Expect) (Entry, error) {
	entry, err := d.expected(p, expect)
	if err != nil {
		return Entry{}, err
	}
	if err := d.detach(ctx, p, always); err != nil {
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
	err = d.cfg.Records.Settle(ctx, entry.Revision)
	if err == nil {
		err = d.cfg.Documents.Refresh(ctx)
	}
	if err != nil {
		d.cfg.Log.Warn("what depends on an entry that is gone cannot be looked for again", "key", key(p), "error", err)
		return entry, nil
	}
	if err := d.detach(ctx, p, entry.Revision); err != nil {
		d.cfg.Log.Error("something may be left of an entry that is gone", "key", key(p), "error", err,
			"do", "when NATS is there again, look by the API for documents and keys under that id, and delete them")
	}
	return entry, nil
}

// detach removes what depends on an entry and is older than a revision.
func (d *Directory) detach(ctx context.Context, p store.Place, before uint64) error {
	switch p.Scope {
	case flows.ScopeUser:
		return d.detachUser(ctx, p, before)
	case flows.ScopeDevice:
		return d.deleteDocument(ctx, p, before)
	}
	return d.detachAccount(ctx, p, before)
}

func (d *Directory) detachUser(ctx context.Context, p store.Place, before uint64) error {
	if err := d.deleteDocument(ctx, p, before); err != nil {
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
		if d.ownerIn(r) != p.ID {
			continue
		}
		device := store.Place{Account: p.Account, Scope: flows.ScopeDevice, ID: r.Key[skip:]}
		if err := d.disown(ctx, device, p.ID, before); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) detachAccount(ctx context.Context, p store.Place, before uint64) error {
	if err := d.forgetKeys(ctx, p.Account, ""); err != nil {
		return err
	}
	places, err := d.cfg.Documents.Places(p.Account)
	if err != nil {
		return err
	}
	for _, document := range places {
		if err := d.deleteDocument(ctx, document, before); err != nil {
			return err
		}
	}
	records, err := d.cfg.Records.List(p.Account + ".") // devices come before users, and these before their usernames
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Key == key(p) || r.Revision >= before {
			continue
		}
		if _, err := d.cfg.Records.Delete(ctx, r.Key, asItIs(r.Revision)); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
		d.owners.Delete(r.Key)
	}
	return nil
}

// deleteDocument deletes a document that is older than a revision.
func (d *Directory) deleteDocument(ctx context.Context, p store.Place, before uint64) error {
	doc, ok, err := d.cfg.Documents.Get(p)
	if err != nil || !ok || doc.Revision >= before {
		return err
	}
	if _, err := d.cfg.Documents.Delete(ctx, p, asItIs(doc.Revision)); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

// asItIs expects what was found, so that nothing newer is deleted: whoever has stored that looks again itself, or it is found
// when the entry is gone.
func asItIs(revision uint64) store.Expect {
	if revision == 0 { // known from a file only
		return store.Any
	}
	return store.Revision(revision)
}

func (d *Directory) forgetKeys(ctx context.Context, account, owner string) error {
	if d.cfg.Keys == nil {
		return nil
	}
	return d.cfg.Keys.Forget(ctx, account, owner)
}
