package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"metaflows/app/directory/endpoints"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// Prefix begins the keys of the directory's records in the bucket of documents.
const Prefix = "directory"

// Counts is what the records count as in a store.Quota, by their kinds; of usernames there are no more than users.
var Counts = map[string][]store.Kind{
	string(flows.ScopeAccount): {store.Bytes}, string(flows.ScopeUser): {store.Users, store.Bytes}, string(flows.ScopeDevice): {store.Devices, store.Bytes},
}

// ErrNotFound: there is no such entry. Other errors wrap store.ErrConflict or store.ErrUnavailable, or are an
// *InvalidError or a *store.LimitError.
var ErrNotFound = errors.New("not in the directory")

// InvalidError is why an entry cannot be stored.
type InvalidError struct{ Problems *schema.Problems }

// Error names no value of a client.
func (e *InvalidError) Error() string { return "the entry is not valid" }

// Records are where entries are kept. *store.Records is one.
type Records interface {
	Get(key string) (store.Record, bool, error)
	List(prefix string) ([]store.Record, error)
	Groups() ([]string, error)
	Room(key string, raw []byte) error
	Put(ctx context.Context, key string, raw []byte, expect store.Expect) (revision uint64, err error)
	Delete(ctx context.Context, key string, expect store.Expect) (revision uint64, err error)
	Settle(ctx context.Context, revision uint64) error
	Refresh(ctx context.Context) error
}

// Documents are the metaflows documents that are deleted with their owners, in the bucket of the records. *store.Store is one.
type Documents interface {
	Places(account string) ([]store.Place, error)
	Get(p store.Place) (doc store.Document, ok bool, err error)
	Refresh(ctx context.Context) error
	Delete(ctx context.Context, p store.Place, expect store.Expect) (revision uint64, err error)
}

// Keys are the API keys that are revoked with their owners. *auth.Auth is one.
type Keys interface {
	// Forget revokes those of a user, or with owner "" all of the account.
	Forget(ctx context.Context, account, owner string) error
}

// Config is what a Directory needs.
type Config struct {
	Records   Records
	Documents Documents // of the same bucket: their revisions are compared
	Keys      Keys      // nil: there are none
	Schemas   *schema.Schemas
	Endpoints endpoints.List // that devices may have beside phones'
	Strict    bool           // documents, users and devices only of what is in the directory
	Log       *slog.Logger
}

// Directory may be used by any goroutine. Reading looks into memory only.
type Directory struct {
	cfg    Config
	owners sync.Map // of devices: string, the key of the record, to knownOwner
}

// knownOwner is what a record says, so that it is read once and not for each call.
type knownOwner struct {
	revision uint64
	user     string
}

// New makes a directory.
func New(cfg Config) *Directory {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Directory{cfg: cfg}
}

// Entry is an account, a user or a device.
type Entry struct {
	store.Place
	Data     *schema.Value // an object, as stored, id included; it is the caller's
	Revision uint64        // of the bucket
}

// Endpoint is how a device is dialled: as it says, else PJSIP/ and its id.
func (e Entry) Endpoint() string {
	if endpoint := textOf(e.Data, "endpoint"); endpoint != "" {
		return endpoint
	}
	return "PJSIP/" + e.ID
}

// id is what the entry's id key says.
func id(p store.Place) string {
	if p.Scope == flows.ScopeAccount {
		return p.Account
	}
	return p.ID
}

// textOf is an object's string, "" where it has none.
func textOf(o *schema.Value, key string) string {
	if v := o.Get(key); v != nil && v.Kind == schema.String {
		return v.Text
	}
	return ""
}

func key(p store.Place) string {
	if p.Scope == flows.ScopeAccount {
		return p.Account + ".account"
	}
	return prefix(p.Account, p.Scope) + p.ID
}

func prefix(account string, scope flows.Scope) string { return account + "." + string(scope) + "." }

// Get gives an entry; the error wraps ErrNotFound where there is none.
func (d *Directory) Get(p store.Place) (Entry, error) {
	record, ok, err := d.cfg.Records.Get(key(p))
	switch {
	case err != nil:
		return Entry{}, err
	case !ok:
		return Entry{}, fmt.Errorf("%s %s is %w", p.Scope, id(p), ErrNotFound)
	}
	return d.entry(p, record), nil
}

// entry reads a record. One that is no object of ours can still be replaced and deleted: it has nothing but its id.
func (d *Directory) entry(p store.Place, record store.Record) Entry {
	data, err := schema.Parse(record.Raw)
	if err != nil || data.Kind != schema.Object {
		d.cfg.Log.Error("a record of the directory is not an object and counts as empty", "key", record.Key, "revision", record.Revision,
			"do", "store the entry again by the API, or delete it")
		data = schema.NewObject()
	}
	data.Set("id", schema.NewString(id(p)))
	return Entry{Place: p, Data: data, Revision: record.Revision}
}

// has says whether an entry is there.
func (d *Directory) has(p store.Place) (bool, error) {
	_, ok, err := d.cfg.Records.Get(key(p))
	return ok, err
}

// Admits says whether there may be something of an account, a user or a device: of any in an open directory, in a strict
// one of those that are in it.
func (d *Directory) Admits(p store.Place) (bool, error) {
	if !d.cfg.Strict {
		return true, nil
	}
	ok, err := d.has(store.Place{Account: p.Account, Scope: flows.ScopeAccount})
	if !ok || err != nil || p.Scope == flows.ScopeAccount {
		return ok, err
	}
	return d.has(p)
}

// Refresh waits until Admits, and where there is an owner OwnerMissing, take into account whatever was deleted before it was
// called, by any instance: whoever has stored something of them asks again then. The error wraps store.ErrUnavailable.
func (d *Directory) Refresh(ctx context.Context, owner string) error {
	if !d.cfg.Strict && owner == "" { // all are admitted
		return nil
	}
	return d.cfg.Records.Refresh(ctx)
}

// OwnerOf is the user whose device it is; ok is false where the directory does not know. It is one look into memory.
func (d *Directory) OwnerOf(account, device string) (user string, ok bool) {
	name := key(store.Place{Account: account, Scope: flows.ScopeDevice, ID: device})
	record, ok, err := d.cfg.Records.Get(name)
	if err != nil || !ok {
		d.owners.Delete(name)
		return "", false
	}
	user = d.ownerIn(record)
	return user, user != ""
}

// ownerIn is the owner that a device's record names, "" for none.
func (d *Directory) ownerIn(record store.Record) string {
	if known, ok := d.owners.Load(record.Key); ok && record.Revision > 0 && known.(knownOwner).revision == record.Revision {
		return known.(knownOwner).user
	}
	var entry struct {
		OwnerID string `json:"owner_id"`
	}
	if json.Unmarshal(record.Raw, &entry) != nil {
		entry.OwnerID = ""
	}
	d.owners.Store(record.Key, knownOwner{record.Revision, entry.OwnerID})
	return entry.OwnerID
}

// List gives a page of an account's users or devices, by id: at most size, from the id start on, "" for the first. next is
// the start of the next page, "" after the last.
func (d *Directory) List(account string, scope flows.Scope, start string, size int) (page []Entry, next string, err error) {
	return d.list(account, scope, start, size, func(store.Record) bool { return true })
}

// DevicesOf is List for the devices of one owner.
func (d *Directory) DevicesOf(account, owner, start string, size int) (page []Entry, next string, err error) {
	return d.list(account, flows.ScopeDevice, start, size, func(r store.Record) bool { return d.ownerIn(r) == owner })
}

func (d *Directory) list(account string, scope flows.Scope, start string, size int, wanted func(store.Record) bool) (page []Entry, next string, err error) {
	records, err := d.cfg.Records.List(prefix(account, scope))
	if err != nil {
		return nil, "", err
	}
	skip := len(prefix(account, scope))
	first, _ := slices.BinarySearchFunc(records, start, func(r store.Record, id string) int { return strings.Compare(r.Key[skip:], id) })
	for _, r := range records[first:] {
		switch id := r.Key[skip:]; {
		case !wanted(r):
		case len(page) == size:
			return page, id, nil
		default:
			page = append(page, d.entry(store.Place{Account: account, Scope: scope, ID: id}, r))
		}
	}
	return page, "", nil
}

// Accounts is List for accounts.
func (d *Directory) Accounts(start string, size int) (page []Entry, next string, err error) {
	groups, err := d.cfg.Records.Groups()
	if err != nil {
		return nil, "", err
	}
	first, _ := slices.BinarySearch(groups, start)
	for _, account := range groups[first:] { // in an open directory some have users and devices only
		entry, err := d.Get(store.Place{Account: account, Scope: flows.ScopeAccount})
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return nil, "", err
		case len(page) == size:
			return page, account, nil
		}
		page = append(page, entry)
	}
	return page, "", nil
}
