package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"metaflows/app/store"
)

// KeyLength is how many characters an API key has (app/rest/README.md, Logging in).
const KeyLength = 64

const (
	keyRecords  = "api_key" // <account>.api_key.<id>
	shownLength = 8         // characters of a key that may be seen again
	idBytes     = 16
	alphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// Key is an API key as it may be shown: not the key itself.
type Key struct {
	ID      string // 32 hex digits
	Account string
	Owner   string // the user whose key it is; "" for the account's
	Name    string // for people
	Prefix  string // the key's first 8 characters
	Created time.Time
}

// keptKey is how a key is stored.
type keptKey struct {
	Hash      string           `json:"hash"` // SHA-256, hex
	Prefix    string           `json:"prefix"`
	Name      string           `json:"name,omitempty"`
	Owner     string           `json:"owner_id,omitempty"`
	Created   time.Time        `json:"created"`
	LoggedOut map[string]int64 `json:"logged_out,omitempty"` // tokens that were ended, and the Unix second at which they would have ended
}

// entry is a stored key in memory. It is replaced, never changed.
type entry struct {
	key      Key
	hash     [sha256.Size]byte
	kept     keptKey
	revision uint64
}

func (e *entry) loggedOut(token string) bool {
	_, ok := e.kept.LoggedOut[token]
	return ok
}

func recordOf(account, id string) string { return account + "." + keyRecords + "." + id }

// CreateKey makes an API key for an account, or for a user of it, and gives it: it cannot be had again. Account and owner
// are well formed. It waits for NATS; the error is a *store.LimitError, or wraps ErrUnavailable.
func (a *Auth) CreateKey(ctx context.Context, account, owner, name string) (key Key, secret string, err error) {
	id := make([]byte, idBytes)
	_, _ = rand.Read(id) // never fails
	secret = newSecret()
	hash := sha256.Sum256([]byte(secret))
	k := keptKey{
		Hash: hex.EncodeToString(hash[:]), Prefix: secret[:shownLength], Name: name, Owner: owner, Created: time.Now().UTC().Truncate(time.Second),
	}
	key = keyOf(account, hex.EncodeToString(id), k)
	err = a.put(ctx, recordOf(account, key.ID), k, store.Absent)
	if limit, ok := errors.AsType[*store.LimitError](err); ok {
		return Key{}, "", limit
	}
	if err != nil {
		return Key{}, "", unavailable(err)
	}
	a.log.Info("API key made", "account", account, "owner", owner, "key_id", key.ID)
	return key, secret, nil
}

// newSecret is KeyLength characters, each as likely as any other.
func newSecret() string {
	const fair = 256 - 256%len(alphabet) // bytes from here on would prefer the alphabet's beginning
	secret := make([]byte, 0, KeyLength)
	for random := make([]byte, KeyLength); len(secret) < KeyLength; {
		_, _ = rand.Read(random) // never fails
		for _, b := range random {
			if int(b) < fair && len(secret) < KeyLength {
				secret = append(secret, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(secret)
}

func keyOf(account, id string, k keptKey) Key {
	return Key{ID: id, Account: account, Owner: k.Owner, Name: k.Name, Prefix: k.Prefix, Created: k.Created}
}

// Keys are an account's API keys, by id. The error wraps ErrUnavailable.
func (a *Auth) Keys(account string) ([]Key, error) {
	if !a.isLoaded() {
		return nil, errNotLoaded
	}
	records, err := a.records.List(recordOf(account, ""))
	if err != nil {
		return nil, unavailable(err)
	}
	keys := make([]Key, 0, len(records))
	for _, r := range records {
		if e := a.entry(r.Key); e != nil {
			keys = append(keys, e.key)
		}
	}
	return keys, nil
}

// Key is one of an account's API keys. The error is ErrNoKey, or wraps ErrUnavailable.
func (a *Auth) Key(account, id string) (Key, error) {
	if !a.isLoaded() {
		return Key{}, errNotLoaded
	}
	if e := a.entry(recordOf(account, id)); e != nil {
		return e.key, nil
	}
	return Key{}, ErrNoKey
}

// DeleteKey revokes an API key, and with it the tokens that it was exchanged for. It waits for NATS; the error is
// ErrNoKey, or wraps ErrUnavailable.
func (a *Auth) DeleteKey(ctx context.Context, account, id string) error {
	if _, err := a.Key(account, id); err != nil {
		return err
	}
	name := recordOf(account, id)
	if _, err := a.records.Delete(ctx, name, store.Any); err != nil {
		return unavailable(err)
	}
	a.look(name)
	a.log.Info("API key revoked", "account", account, "key_id", id)
	return nil
}

// Forget revokes the API keys of a user, or all of an account where owner is "", those included that another instance has just
// made. It waits for NATS; the error wraps ErrUnavailable, and what was not revoked before it is still there.
func (a *Auth) Forget(ctx context.Context, account, owner string) error {
	if err := a.records.Refresh(ctx); err != nil {
		return unavailable(err)
	}
	keys, err := a.Keys(account)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if owner != "" && k.Owner != owner {
			continue
		}
		if err := a.DeleteKey(ctx, account, k.ID); err != nil && !errors.Is(err, ErrNoKey) {
			return err
		}
	}
	return nil
}

// find is the key that a secret belongs to. Keys are found by what may be seen of them; the rest is compared in constant
// time, as hashes.
func (a *Auth) find(secret string) (Key, bool) {
	if len(secret) != KeyLength {
		return Key{}, false
	}
	hash := sha256.Sum256([]byte(secret))
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, e := range a.byPrefix[secret[:shownLength]] {
		if subtle.ConstantTimeCompare(hash[:], e.hash[:]) == 1 {
			return e.key, true
		}
	}
	return Key{}, false
}

func (a *Auth) isLoaded() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.loaded
}

func (a *Auth) entry(record string) *entry {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.entries[record]
}

// put stores a key and takes it into memory.
func (a *Auth) put(ctx context.Context, record string, k keptKey, expect store.Expect) error {
	raw, err := json.Marshal(k)
	if err == nil {
		_, err = a.records.Put(ctx, record, raw, expect)
	}
	a.look(record)
	return err
}

// look takes a record into memory as it is now, or its absence. The lock is held while it is read, so that the last one
// to look sees the last change.
func (a *Auth) look(record string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok, err := a.records.Get(record)
	switch {
	case err != nil: // nothing is loaded; load will look
	case record == signingRecord:
		a.lookSigning(r, ok)
	case strings.Contains(record, "."+keyRecords+"."):
		a.lookKey(record, r, ok)
	}
}

func (a *Auth) lookKey(record string, r store.Record, ok bool) {
	if old := a.entries[record]; old != nil {
		delete(a.entries, record)
		same := slices.DeleteFunc(a.byPrefix[old.key.Prefix], func(e *entry) bool { return e == old })
		if a.byPrefix[old.key.Prefix] = same; len(same) == 0 {
			delete(a.byPrefix, old.key.Prefix)
		}
	}
	if !ok {
		return
	}
	e, err := parseKey(record, r)
	if err != nil {
		a.log.Error("a stored API key cannot be read and opens nothing", "bucket", Bucket, "key", Prefix+"."+record, "revision", r.Revision,
			"do", "revoke it and make another")
		return
	}
	a.entries[record] = e
	a.byPrefix[e.key.Prefix] = append(a.byPrefix[e.key.Prefix], e)
}

func parseKey(record string, r store.Record) (*entry, error) {
	part := strings.Split(record, ".")
	e := &entry{revision: r.Revision}
	if err := json.Unmarshal(r.Raw, &e.kept); err != nil {
		return nil, err
	}
	hash, err := hex.DecodeString(e.kept.Hash)
	if err != nil || len(hash) != len(e.hash) || len(part) != 3 || len(e.kept.Prefix) != shownLength {
		return nil, errors.New("not an API key")
	}
	copy(e.hash[:], hash)
	e.key = keyOf(part[0], part[2], e.kept)
	return e, nil
}
