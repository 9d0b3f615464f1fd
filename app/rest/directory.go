package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"metaflows/app/directory"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// removalTimeout bounds what a client waits for the deletion of an entry and all that depends on it.
const removalTimeout = 25 * time.Second

// Directory is the accounts, users and devices. *directory.Directory is one; its errors are those that it documents.
type Directory interface {
	Owners
	Admits(p store.Place) (bool, error)
	Refresh(ctx context.Context, owner string) error
	OwnerMissing(account, owner string) (bool, error)
	Get(p store.Place) (directory.Entry, error)
	List(account string, scope flows.Scope, start string, size int) (page []directory.Entry, next string, err error)
	DevicesOf(account, owner, start string, size int) (page []directory.Entry, next string, err error)
	Accounts(start string, size int) (page []directory.Entry, next string, err error)
	Create(ctx context.Context, p store.Place, data *schema.Value) (directory.Entry, error)
	Replace(ctx context.Context, p store.Place, data *schema.Value, expect store.Expect) (directory.Entry, error)
	Patch(ctx context.Context, p store.Place, patch *schema.Value, expect store.Expect) (directory.Entry, error)
	Remove(ctx context.Context, p store.Place, expect store.Expect) (directory.Entry, error)
}

// directoryRoutes are accounts, users and devices, as Kazoo's. An account's administrator may not make or delete accounts;
// a user may look at himself and his devices.
func (a *API) directoryRoutes() []route {
	if a.cfg.Directory == nil {
		return nil
	}
	return []route{
		{"GET", "/v2/accounts", admins, a.listAccounts},
		{"PUT", "/v2/accounts", superAdmin, a.createEntry(flows.ScopeAccount)},
		{"GET", "/v2/accounts/{account}", admins, a.showEntry},
		{"POST PATCH", "/v2/accounts/{account}", admins, a.changeEntry},
		{"DELETE", "/v2/accounts/{account}", superAdmin, a.removeEntry},

		{"GET", "/v2/accounts/{account}/users", admins, a.listUsers},
		{"PUT", "/v2/accounts/{account}/users", admins, a.createEntry(flows.ScopeUser)},
		{"GET", "/v2/accounts/{account}/users/{user}", owners, a.showEntry},
		{"POST PATCH", "/v2/accounts/{account}/users/{user}", admins, a.changeEntry},
		{"DELETE", "/v2/accounts/{account}/users/{user}", admins, a.removeEntry},
		{"GET", "/v2/accounts/{account}/users/{user}/devices", owners, a.listDevices},

		{"GET", "/v2/accounts/{account}/devices", members, a.listDevices},
		{"PUT", "/v2/accounts/{account}/devices", admins, a.createEntry(flows.ScopeDevice)},
		{"GET", "/v2/accounts/{account}/devices/{device}", owners, a.showEntry},
		{"POST PATCH", "/v2/accounts/{account}/devices/{device}", admins, a.changeEntry},
		{"DELETE", "/v2/accounts/{account}/devices/{device}", admins, a.removeEntry},
	}
}

// admitted answers a request for something of an account, a user or a device that a strict directory does not have.
func (x *exchange) admitted(p store.Place) bool {
	if x.api.cfg.Directory == nil {
		return true
	}
	ok, err := x.api.cfg.Directory.Admits(p)
	switch {
	case err != nil:
		x.unavailable(err)
		return false
	case !ok:
		x.badIdentifier(idOf(p))
	}
	return ok
}

// admittedStill looks again when something of a place, and of an owner if there is one, has been stored: another instance may
// have deleted them meanwhile. It answers when they are gone.
func (x *exchange) admittedStill(p store.Place, owner string) bool {
	if x.api.cfg.Directory == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.Context()), storeTimeout)
	defer cancel()
	if err := x.api.cfg.Directory.Refresh(ctx, owner); err != nil {
		x.api.cfg.Log.Warn("whether another instance has deleted whose it is cannot be looked for", "path", x.URL.Path, "request", x.answer.RequestID, "error", err)
	}
	return x.admitted(p) && x.ownerAdmitted(owner)
}

// idOf is the last id of a place.
func idOf(p store.Place) string {
	if p.Scope == flows.ScopeAccount {
		return p.Account
	}
	return p.ID
}

func (a *API) showEntry(x *exchange) {
	entry, err := a.cfg.Directory.Get(x.place())
	switch {
	case err != nil:
		x.noEntry(x.place(), err)
	case !x.unmodified(entry.Revision):
		x.answer.Revision = strconv.FormatUint(entry.Revision, 10)
		x.succeed(entry.Shown())
	}
}

// createEntry stores a new entry of a kind.
func (a *API) createEntry(scope flows.Scope) func(*exchange) {
	return func(x *exchange) {
		if _, conditional := x.tags("If-Match"); conditional { // there is nothing yet
			x.empty(http.StatusPreconditionFailed)
			return
		}
		ctx, cancel := context.WithTimeout(x.Context(), storeTimeout)
		defer cancel()
		entry, err := a.cfg.Directory.Create(ctx, store.Place{Account: x.account, Scope: scope}, x.data)
		if err != nil {
			x.noEntry(store.Place{Account: x.account, Scope: flows.ScopeAccount}, err)
			return
		}
		x.w.Header().Set("Location", pathOf(entry.Place))
		x.changed(entry)
	}
}

// changeEntry replaces an entry, or with PATCH merges into it.
func (a *API) changeEntry(x *exchange) {
	change := a.cfg.Directory.Replace
	if x.method == http.MethodPatch {
		change = a.cfg.Directory.Patch
	}
	entry, ok := x.conditionally(storeTimeout, func(ctx context.Context, p store.Place, expect store.Expect) (directory.Entry, error) {
		return change(ctx, p, x.data, expect)
	})
	if ok {
		x.changed(entry)
	}
}

// removeEntry deletes an entry and what depends on it, and answers with what it was.
func (a *API) removeEntry(x *exchange) {
	entry, ok := x.conditionally(removalTimeout, a.cfg.Directory.Remove)
	if ok {
		a.cfg.Log.Info("directory entry removed", "entry", pathOf(entry.Place), "revision", entry.Revision, "request", x.answer.RequestID)
		x.answer.Revision = strconv.FormatUint(entry.Revision, 10)
		x.succeed(entry.Shown())
	}
}

// conditionally changes the path's entry under the request's conditions, or answers why not.
func (x *exchange) conditionally(limit time.Duration, change func(context.Context, store.Place, store.Expect) (directory.Entry, error)) (directory.Entry, bool) {
	p := x.place()
	entry, err := x.api.cfg.Directory.Get(p)
	if err != nil {
		x.noEntry(p, err)
		return directory.Entry{}, false
	}
	expect, ok := x.expect(entry.Revision)
	if !ok {
		return directory.Entry{}, false
	}
	ctx, cancel := context.WithTimeout(x.Context(), limit)
	defer cancel()
	if entry, err = change(ctx, p, expect); err != nil {
		x.noEntry(p, err)
		return directory.Entry{}, false
	}
	return entry, true
}

// changed answers with an entry that was stored.
func (x *exchange) changed(entry directory.Entry) {
	x.api.cfg.Log.Info("directory entry stored", "entry", pathOf(entry.Place), "revision", entry.Revision, "request", x.answer.RequestID)
	x.answer.Warnings = entry.Warnings()
	x.tag(entry.Revision)
	x.answer.Revision = strconv.FormatUint(entry.Revision, 10)
	x.succeed(entry.Shown())
}

// noEntry answers why there is no entry; p is what may be missing.
func (x *exchange) noEntry(p store.Place, err error) {
	var refused *directory.InvalidError
	switch {
	case errors.As(err, &refused):
		x.invalid(refused.Problems)
	case errors.Is(err, directory.ErrNotFound):
		x.badIdentifier(idOf(p))
	case x.beyondLimit(err):
	case errors.Is(err, store.ErrTooLarge):
		x.tooLarge(err)
	case errors.Is(err, store.ErrConflict):
		x.conflict()
	default:
		x.unavailable(err)
	}
}

// pathOf is an entry's URI.
func pathOf(p store.Place) string { return strings.TrimSuffix(p.Path(), "/metaflows") }
