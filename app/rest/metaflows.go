package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// storeTimeout bounds what a client waits for a change to be stored.
const storeTimeout = 5 * time.Second

// metaflowsRoutes are the documents of an account, a user and a device. A phone's user may not change the account's codes.
func (a *API) metaflowsRoutes() []route {
	return []route{
		{"GET POST DELETE", "/v2/accounts/{account}/metaflows", admins, a.metaflows},
		{"GET POST DELETE", "/v2/accounts/{account}/users/{user}/metaflows", owners, a.metaflows},
		{"GET POST DELETE", "/v2/accounts/{account}/devices/{device}/metaflows", owners, a.metaflows},
	}
}

// metaflows answers for one document.
func (a *API) metaflows(x *exchange) {
	switch p := x.place(); x.method {
	case http.MethodGet:
		a.fetch(x, p)
	case http.MethodPost:
		a.replace(x, p)
	case http.MethodDelete:
		a.remove(x, p)
	}
}

// place is whose document the path names.
func (x *exchange) place() store.Place {
	p := store.Place{Account: x.account, Scope: flows.ScopeAccount}
	if user := x.PathValue("user"); user != "" {
		p.Scope, p.ID = flows.ScopeUser, user
	} else if device := x.PathValue("device"); device != "" {
		p.Scope, p.ID = flows.ScopeDevice, device
	}
	return p
}

// fetch gives the stored document with its defaults; {} where nothing is stored.
func (a *API) fetch(x *exchange, p store.Place) {
	doc, ok, err := a.cfg.Documents.Get(p)
	switch {
	case err != nil:
		x.unavailable(err)
		return
	case x.unmodified(doc.Revision):
		return
	case !ok:
		x.succeed(schema.NewObject())
		return
	}
	data, err := schema.Parse(doc.Raw)
	if err != nil || data.Kind != schema.Object {
		a.cfg.Log.Error("a stored document cannot be shown", "document", p.Path(), "error", err, "do", "POST it again, or DELETE it")
		x.fail(http.StatusServiceUnavailable, "datastore_fault", because("the stored document is not a JSON object; POST or DELETE it"))
		return
	}
	a.show(x, p, data)
}

// replace stores the document that the body holds, in place of the old one.
func (a *API) replace(x *exchange, p store.Place) {
	wrong, warnings := a.cfg.Schemas.Document(x.data)
	if !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	raw := x.data.Encode()
	revision, ok := a.change(x, p, func(ctx context.Context, expect store.Expect) (uint64, error) {
		return a.cfg.Documents.Put(ctx, p, raw, expect)
	})
	if !ok {
		return
	}
	if !x.admittedStill(p, "") { // who deleted it may have looked for its document before this one was there
		_, _ = a.cfg.Documents.Delete(context.WithoutCancel(x.Context()), p, store.Revision(revision))
		return
	}
	a.cfg.Log.Info("document stored", "document", p.Path(), "revision", revision, "request", x.answer.RequestID)
	x.tag(revision)
	x.answer.Warnings = warnings
	a.show(x, p, x.data)
}

// remove deletes the document; there need not be one.
func (a *API) remove(x *exchange, p store.Place) {
	revision, ok := a.change(x, p, func(ctx context.Context, expect store.Expect) (uint64, error) {
		return a.cfg.Documents.Delete(ctx, p, expect)
	})
	if !ok {
		return
	}
	a.cfg.Log.Info("document removed", "document", p.Path(), "revision", revision, "request", x.answer.RequestID)
	x.succeed(schema.NewObject())
}

// change changes a document under the request's conditions, and tells the revision in the answer; or it answers why not.
func (a *API) change(x *exchange, p store.Place, change func(context.Context, store.Expect) (uint64, error)) (revision uint64, ok bool) {
	doc, _, err := a.cfg.Documents.Get(p)
	if err != nil {
		x.unavailable(err)
		return 0, false
	}
	expect, ok := x.expect(doc.Revision)
	if !ok {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(x.Context(), storeTimeout)
	defer cancel()
	revision, err = change(ctx, expect)
	var refused *flows.DocumentError
	switch {
	case err == nil:
		if revision > 0 { // else there was nothing to delete
			x.answer.Revision = strconv.FormatUint(revision, 10)
		}
		return revision, true
	case errors.As(err, &refused):
		wrong := &schema.Problems{}
		wrong.AddDocument(refused)
		x.invalid(wrong)
	case x.beyondLimit(err):
	case errors.Is(err, store.ErrTooLarge):
		x.tooLarge(err)
	case errors.Is(err, store.ErrConflict):
		x.conflict()
	default:
		x.unavailable(err)
	}
	return 0, false
}

// show answers with a document and its defaults. The binding digit of a document that has none is the inherited one.
func (a *API) show(x *exchange, p store.Place, data *schema.Value) {
	a.cfg.Schemas.Present(data, a.cfg.Documents.Effective(a.ownerOf(p)).BindingDigit)
	x.succeed(data)
}
