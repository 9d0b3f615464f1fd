package rest

import (
	"errors"

	"metaflows/app/auth"
	"metaflows/app/directory"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// listAccounts gives all accounts to who may do everything, others their own.
func (a *API) listAccounts(x *exchange) {
	x.listing(func(start string, size int) ([]directory.Entry, string, error) {
		if x.who.Role == auth.SuperAdmin {
			return a.cfg.Directory.Accounts(start, size)
		}
		own, err := a.cfg.Directory.Get(store.Place{Account: x.who.Account, Scope: flows.ScopeAccount})
		if errors.Is(err, directory.ErrNotFound) || err == nil && own.Account < start {
			return nil, "", nil
		}
		return []directory.Entry{own}, "", err
	})
}

func (a *API) listUsers(x *exchange) {
	x.listing(func(start string, size int) ([]directory.Entry, string, error) {
		return a.cfg.Directory.List(x.account, flows.ScopeUser, start, size)
	})
}

// listDevices gives an account's devices, or those of the user whom the path names; to a user his own.
func (a *API) listDevices(x *exchange) {
	owner := x.PathValue("user")
	if x.who.Role == auth.User {
		owner = x.who.Owner
	}
	x.listing(func(start string, size int) ([]directory.Entry, string, error) {
		if owner != "" || x.who.Role == auth.User {
			return a.cfg.Directory.DevicesOf(x.account, owner, start, size)
		}
		return a.cfg.Directory.List(x.account, flows.ScopeDevice, start, size)
	})
}

// listing answers with a page of summaries (app/rest/README.md, Answers).
func (x *exchange) listing(page func(start string, size int) (entries []directory.Entry, next string, err error)) {
	size, ok := x.pageSize()
	if !ok {
		return
	}
	start := x.param("start_key")
	entries, next, err := page(start, size)
	if err != nil {
		x.unavailable(err)
		return
	}
	summaries := make([]*schema.Value, len(entries))
	for i, e := range entries {
		summaries[i] = summary(e)
	}
	x.answer.StartKey, x.answer.NextStartKey, x.answer.PageSize = start, next, new(len(summaries))
	x.succeed(summaries)
}

// summarised are the keys of an entry that its account's listing shows, in this order, as far as it has them.
var summarised = map[flows.Scope][]string{
	flows.ScopeAccount: {"id", "name"},
	flows.ScopeUser:    {"id", "name", "username", "first_name", "last_name"},
	flows.ScopeDevice:  {"id", "name", "owner_id", "endpoint"},
}

func summary(e directory.Entry) *schema.Value {
	s := schema.NewObject()
	data := e.Shown()
	for _, key := range summarised[e.Scope] {
		if v := data.Get(key); v != nil {
			s.Add(key, v)
		}
	}
	return s
}
