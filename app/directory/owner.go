package directory

import (
	"context"
	"errors"
	"fmt"

	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// ownerThere adds a problem where a device is given an owner who must be in the directory and is not. old is the device as
// it was, nil for a new one.
func (d *Directory) ownerThere(p store.Place, owner string, old *Entry, problems *schema.Problems) error {
	if owner == "" || old != nil && textOf(old.Data, "owner_id") == owner || problems.Has("owner_id") {
		return nil
	}
	missing, err := d.OwnerMissing(p.Account, owner)
	if missing {
		problems.Add("owner_id", "not_found", schema.Detail{"message": "The owner is not a user of this account", "cause": owner})
	}
	return err
}

// dialable adds a problem where a device is given an endpoint that may not be dialled. old is the device as it was, nil for a
// new one: what it had it keeps.
func (d *Directory) dialable(endpoint string, old *Entry, problems *schema.Problems) {
	if endpoint == "" || old != nil && textOf(old.Data, "endpoint") == endpoint || problems.Has("endpoint") || d.cfg.Endpoints.Allow(endpoint) {
		return
	}
	problems.Add("endpoint", "forbidden", schema.Detail{
		"message": "An endpoint is PJSIP/ and the name of a phone's endpoint, or what METAFLOWS_DIRECTORY_ENDPOINTS allows", "value": endpoint,
	})
}

// OwnerMissing says whether nothing may be given this owner: who is not in the directory, where it is strict or has other
// users of the account.
func (d *Directory) OwnerMissing(account, owner string) (bool, error) {
	there, err := d.has(store.Place{Account: account, Scope: flows.ScopeUser, ID: owner})
	if there || err != nil || d.cfg.Strict {
		return !there && err == nil, err
	}
	users, err := d.cfg.Records.List(prefix(account, flows.ScopeUser))
	return len(users) > 0, err
}

// accountThere: in a strict directory the account of a user or device must be in it.
func (d *Directory) accountThere(p store.Place) error {
	account := store.Place{Account: p.Account, Scope: flows.ScopeAccount}
	if p.Scope == flows.ScopeAccount {
		return nil
	}
	ok, err := d.Admits(account)
	if err == nil && !ok {
		err = fmt.Errorf("%s %s is %w", account.Scope, account.Account, ErrNotFound)
	}
	return err
}

// staying looks again, when a user or device is stored, whether what it needs is still there: another instance may have
// deleted it meanwhile, and have looked for what depends on it before this was stored.
func (d *Directory) staying(ctx context.Context, entry Entry) (Entry, error) {
	owner := ""
	if entry.Scope == flows.ScopeDevice {
		owner = textOf(entry.Data, "owner_id")
	}
	if !d.cfg.Strict && owner == "" {
		return entry, nil
	}
	if err := d.cfg.Records.Settle(ctx, entry.Revision); err != nil {
		d.cfg.Log.Warn("what an entry needs cannot be looked for again", "key", key(entry.Place), "error", err)
		return entry, nil
	}
	if err := d.accountThere(entry.Place); errors.Is(err, ErrNotFound) {
		if _, err := d.cfg.Records.Delete(ctx, key(entry.Place), store.Revision(entry.Revision)); err != nil && !errors.Is(err, store.ErrConflict) {
			return Entry{}, err
		}
		if entry.Scope == flows.ScopeUser {
			d.release(ctx, entry.Place, textOf(entry.Data, "username"), "")
		}
		return Entry{}, err
	}
	if owner == "" {
		return entry, nil
	}
	missing, err := d.OwnerMissing(entry.Account, owner)
	if err != nil || !missing {
		return entry, err
	}
	if err := d.disown(ctx, entry.Place, owner, always); err != nil {
		return Entry{}, err
	}
	return d.Get(entry.Place)
}

// disown takes a device from an owner, if it has that one, and is older than a revision.
func (d *Directory) disown(ctx context.Context, device store.Place, owner string, before uint64) error {
	for try := 1; ; try++ {
		entry, err := d.Get(device)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return err
		case textOf(entry.Data, "owner_id") != owner, entry.Revision >= before:
			return nil
		}
		entry.Data.Remove("owner_id")
		entry.Revision, err = d.cfg.Records.Put(ctx, key(device), entry.Data.Encode(), store.Revision(entry.Revision))
		if err == nil { // its account may be gone as well
			if _, err = d.staying(ctx, entry); errors.Is(err, ErrNotFound) {
				return nil
			}
		}
		if !errors.Is(err, store.ErrConflict) || try == tries {
			return err
		}
	}
}
