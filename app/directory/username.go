package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// underway is how long a username is kept for a user who is not stored yet: far longer than storing takes.
const underway = time.Minute

// claim is who has a username.
type claim struct {
	User  string `json:"user"`
	Since int64  `json:"since"` // Unix milliseconds
}

func claimKey(account, username string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(username)))
	return account + ".username." + hex.EncodeToString(sum[:])
}

func sameName(a, b string) bool { return strings.ToLower(a) == strings.ToLower(b) } //nolint:staticcheck // the claim's key is of the lower case

// holder is whose username it is, "" where it is free: claims of users who are gone, or have another name by now, hold for
// a while only.
func (d *Directory) holder(account, username string) (user string, record store.Record, err error) {
	record, ok, err := d.cfg.Records.Get(claimKey(account, username))
	if err != nil || !ok {
		return "", store.Record{}, err
	}
	var c claim
	_ = json.Unmarshal(record.Raw, &c) // what cannot be read is nobody's
	entry, err := d.Get(store.Place{Account: account, Scope: flows.ScopeUser, ID: c.User})
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return "", record, err
	case sameName(textOf(entry.Data, "username"), username):
		return c.User, record, nil
	}
	if time.Since(time.UnixMilli(c.Since)) < underway {
		return c.User, record, nil
	}
	return "", record, nil
}

// usernameFree adds a problem where another user has the username.
func (d *Directory) usernameFree(p store.Place, username string, problems *schema.Problems) error {
	if username == "" || problems.Has("username") {
		return nil
	}
	user, _, err := d.holder(p.Account, username)
	if user != "" && user != p.ID {
		addTaken(problems, username)
	}
	return err
}

func addTaken(problems *schema.Problems, username string) {
	problems.Add("username", "unique", schema.Detail{"message": "Username must be unique", "cause": username})
}

// claim makes a username the user's, in NATS, before the user is stored with it; undo gives it back, unless it was the
// user's before: another writer may be storing the same.
func (d *Directory) claim(ctx context.Context, p store.Place, username string) (undo func(), err error) {
	nothing := func() {}
	if username == "" {
		return nothing, nil
	}
	user, record, err := d.holder(p.Account, username)
	if err != nil {
		return nil, err
	}
	if user == p.ID {
		if entry, err := d.Get(p); err == nil && sameName(textOf(entry.Data, "username"), username) {
			return nothing, nil // as before
		}
	}
	expect := store.Absent
	if record.Key != "" {
		expect = store.Revision(record.Revision)
	}
	taken := &InvalidError{&schema.Problems{}}
	addTaken(taken.Problems, username)
	if user != "" && user != p.ID {
		return nil, taken
	}
	raw, _ := json.Marshal(claim{p.ID, time.Now().UnixMilli()})
	revision, err := d.cfg.Records.Put(ctx, claimKey(p.Account, username), raw, expect)
	switch {
	case errors.Is(err, store.ErrConflict): // another was faster
		return nil, taken
	case err != nil:
		return nil, err
	}
	if user == p.ID {
		return nothing, nil
	}
	return func() { _, _ = d.cfg.Records.Delete(ctx, claimKey(p.Account, username), store.Revision(revision)) }, nil
}

// release gives a user's former username back, unless he has it again by now. Where that fails it is free for others all the
// same, after a while.
func (d *Directory) release(ctx context.Context, p store.Place, former, now string) {
	if former == "" || sameName(former, now) {
		return
	}
	if entry, err := d.Get(p); err == nil && sameName(textOf(entry.Data, "username"), former) {
		return
	}
	user, record, err := d.holder(p.Account, former)
	if err == nil && record.Key != "" && (user == p.ID || user == "") {
		_, err = d.cfg.Records.Delete(ctx, record.Key, store.Revision(record.Revision))
	}
	if err != nil && !errors.Is(err, store.ErrConflict) {
		d.cfg.Log.Warn("a former username is kept for a while", "account", p.Account, "user", p.ID, "error", err)
	}
}
