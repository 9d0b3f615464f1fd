package directory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// tries is how often a change that expects nothing is made again when another came first; each time somebody gets on.
const tries = 100

// schemaOf names the schema of a kind of entry.
var schemaOf = map[flows.Scope]string{flows.ScopeAccount: "accounts", flows.ScopeUser: "users", flows.ScopeDevice: "devices"}

// Create stores a new entry. Its id is the data's, or is made: 32 hex digits, as Kazoo's. The place is where it belongs,
// without its own id. An id that is taken is a conflict. The data becomes the entry's.
func (d *Directory) Create(ctx context.Context, p store.Place, data *schema.Value) (Entry, error) {
	own := textOf(data, "id")
	if data.Get("id") == nil {
		var random [16]byte
		_, _ = rand.Read(random[:]) // never fails
		own = hex.EncodeToString(random[:])
	}
	if p.Scope == flows.ScopeAccount {
		p.Account = own
	} else {
		p.ID = own
	}
	if err := d.valid(p, data, nil); err != nil {
		return Entry{}, err
	}
	if err := d.accountThere(p); err != nil {
		return Entry{}, err
	}
	data.Set("id", schema.NewString(own))
	return d.store(ctx, p, data, nil, store.Absent)
}

// Replace stores an entry in place of the one that is there; an account's secret stays, if it names none. The data becomes the
// entry's.
func (d *Directory) Replace(ctx context.Context, p store.Place, data *schema.Value, expect store.Expect) (Entry, error) {
	return d.change(ctx, p, expect, func(old Entry) *schema.Value { return kept(data, old) })
}

// Patch merges data into an entry (schema.Value.Merge).
func (d *Directory) Patch(ctx context.Context, p store.Place, patch *schema.Value, expect store.Expect) (Entry, error) {
	if patch.Kind != schema.Object {
		return Entry{}, &InvalidError{schema.One("data", "type", schema.Detail{
			"message": "Value did not match type(s): object", "target": "object", "value": patch,
		})}
	}
	return d.change(ctx, p, expect, func(old Entry) *schema.Value {
		old.Data.Merge(patch)
		return old.Data
	})
}

// change stores what next makes of an entry. It expects what it has read; where the caller expects nothing and another has
// come first, it reads again.
func (d *Directory) change(ctx context.Context, p store.Place, expect store.Expect, next func(Entry) *schema.Value) (Entry, error) {
	for try := 1; ; try++ {
		old, err := d.expected(p, expect)
		if err != nil {
			return Entry{}, err
		}
		if old.Revision == 0 { // so that nothing can be expected
			return Entry{}, fmt.Errorf("%w: %s %s is known from a file only", store.ErrUnavailable, p.Scope, id(p))
		}
		before := old
		before.Data = old.Data.Clone() // next changes what it is given
		data := next(old)
		if data.Kind == schema.Object {
			data.Set("id", schema.NewString(id(p)))
		}
		if err := d.valid(p, data, &before); err != nil {
			return Entry{}, err
		}
		entry, err := d.store(ctx, p, data, &before, store.Revision(old.Revision))
		if !errors.Is(err, store.ErrConflict) || expect != store.Any || try == tries {
			return entry, err
		}
	}
}

// expected gives an entry, if it is as it is expected to be.
func (d *Directory) expected(p store.Place, expect store.Expect) (Entry, error) {
	entry, err := d.Get(p)
	if err == nil && expect != store.Any && expect != store.Revision(entry.Revision) {
		return Entry{}, fmt.Errorf("%w: %s %s: expected was %s", store.ErrConflict, p.Scope, id(p), expect)
	}
	return entry, err
}

// maxEntry is the longest entry, in bytes: all of them are held in memory, and NATS takes no message of any length.
const maxEntry = 32 << 10

// valid checks an entry by its schema, and what hangs together with others; old is nil for a new one.
func (d *Directory) valid(p store.Place, data *schema.Value, old *Entry) error {
	if size := len(data.Encode()); size > maxEntry {
		return &InvalidError{schema.One("data", "maxSize", schema.Detail{
			"message": fmt.Sprintf("The entry has %d bytes, at most %d are allowed", size, maxEntry), "target": maxEntry,
		})}
	}
	problems := d.cfg.Schemas.Object(schemaOf[p.Scope], data)
	var err error
	switch p.Scope {
	case flows.ScopeAccount:
		checkSettings(data, problems)
	case flows.ScopeUser:
		err = d.usernameFree(p, textOf(data, "username"), problems)
	case flows.ScopeDevice:
		d.dialable(textOf(data, "endpoint"), old, problems)
		err = d.ownerThere(p, textOf(data, "owner_id"), old, problems)
	}
	switch {
	case err != nil:
		return err
	case !problems.Empty():
		return &InvalidError{problems}
	}
	return nil
}

// store stores an entry that is valid, in place of old, nil for none, and looks whether it may stay.
func (d *Directory) store(ctx context.Context, p store.Place, data *schema.Value, old *Entry, expect store.Expect) (Entry, error) {
	raw, undo := data.Encode(), func() {}
	if err := d.cfg.Records.Room(key(p), raw); err != nil { // before a username is taken and given back in vain
		return Entry{}, err
	}
	if p.Scope == flows.ScopeUser {
		var err error
		if undo, err = d.claim(ctx, p, textOf(data, "username")); err != nil {
			return Entry{}, err
		}
	}
	revision, err := d.cfg.Records.Put(ctx, key(p), raw, expect)
	if err != nil {
		if _, limit := errors.AsType[*store.LimitError](err); limit || errors.Is(err, store.ErrConflict) { // else it may have been stored all the same
			undo()
		}
		return Entry{}, err
	}
	if p.Scope == flows.ScopeUser && old != nil {
		d.release(ctx, p, textOf(old.Data, "username"), textOf(data, "username"))
	}
	entry := Entry{Place: p, Data: data, Revision: revision}
	if p.Scope == flows.ScopeAccount {
		return entry, nil
	}
	return d.staying(ctx, entry)
}
