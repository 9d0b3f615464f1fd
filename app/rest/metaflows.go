package rest

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"metaflows/app/store"
	"metaflows/flows"
)

// storeTimeout bounds what a client waits for a change to be stored.
const storeTimeout = 5 * time.Second

// wellFormed ids are the only ones there are (design 3.3).
var wellFormed = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// metaflows answers GET, POST and DELETE for the documents of one scope.
func (a *API) metaflows(scope flows.Scope) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := a.begin(w, r)
		if !a.admit(s, r) {
			return
		}
		p := store.Place{Account: r.PathValue("account"), Scope: scope, ID: r.PathValue("id")}
		switch {
		case !wellFormed.MatchString(p.Account):
			s.fail(http.StatusNotFound, "bad identifier", map[string]string{"message": "invalid account_id '" + p.Account + "'"})
			return
		case scope != flows.ScopeAccount && !wellFormed.MatchString(p.ID):
			s.fail(http.StatusNotFound, "bad_identifier", map[string]string{"message": "bad identifier", "cause": p.ID})
			return
		}
		switch r.Method {
		case http.MethodGet:
			a.fetch(s, p)
		case http.MethodPost:
			a.replace(s, r, p)
		case http.MethodDelete:
			a.remove(s, r, p)
		default:
			w.Header().Set("Allow", "GET, POST, DELETE")
			s.fail(http.StatusMethodNotAllowed, "invalid_method", map[string]string{"message": "method not allowed"})
		}
	}
}

// fetch gives the stored document with its defaults; {} where nothing is stored.
func (a *API) fetch(s *answer, p store.Place) {
	doc, ok, err := a.cfg.Documents.Get(p)
	switch {
	case err != nil:
		a.unavailable(s, p, err)
	case !ok:
		s.succeed(object())
	default:
		data, err := parseJSON(doc.Raw)
		if err != nil || data.kind != isObject {
			a.cfg.Log.Error("a stored document cannot be shown", "document", p.Path(), "error", err)
			s.fail(http.StatusInternalServerError, "datastore_fault", map[string]string{"message": "the stored document is not a JSON object; POST or DELETE it"})
			return
		}
		a.show(s, p, data)
	}
}

// replace stores the document that the body holds, in place of the old one.
func (a *API) replace(s *answer, r *http.Request, p store.Place) {
	data := readData(s, r)
	if data == nil {
		return
	}
	wrong, warnings := a.schemas.document(data)
	if !wrong.empty() {
		s.invalid(http.StatusBadRequest, wrong)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	revision, err := a.cfg.Documents.Put(ctx, p, data.encode(), store.Any)
	var refused *flows.DocumentError
	switch {
	case errors.As(err, &refused):
		wrong.addDocument(refused)
		s.invalid(http.StatusBadRequest, wrong)
		return
	case err != nil:
		a.unavailable(s, p, err)
		return
	}
	a.cfg.Log.Info("document stored", "document", p.Path(), "revision", revision, "request", s.body.RequestID)
	s.body.Revision, s.body.Warnings = strconv.FormatUint(revision, 10), warnings
	a.show(s, p, data)
}

// remove deletes the document; there need not be one.
func (a *API) remove(s *answer, r *http.Request, p store.Place) {
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	revision, err := a.cfg.Documents.Delete(ctx, p, store.Any)
	if err != nil {
		a.unavailable(s, p, err)
		return
	}
	a.cfg.Log.Info("document removed", "document", p.Path(), "revision", revision, "request", s.body.RequestID)
	s.body.Revision = strconv.FormatUint(revision, 10)
	s.succeed(object())
}

// show answers with a document and its defaults. The binding digit of a document that has none is the inherited one.
func (a *API) show(s *answer, p store.Place, data *value) {
	a.schemas.present(data, a.cfg.Documents.Effective(p.Owner()).BindingDigit)
	s.succeed(data)
}

func (a *API) unavailable(s *answer, p store.Place, err error) {
	a.cfg.Log.Warn("documents are not available to a request", "document", p.Path(), "request", s.body.RequestID, "error", err)
	s.w.Header().Set("Retry-After", "2")
	s.fail(http.StatusServiceUnavailable, "datastore_unreachable", map[string]string{"message": "datastore timeout"})
}
