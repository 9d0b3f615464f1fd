package rest

import (
	"errors"
	"net/http"

	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/app/store"
	"metaflows/flows"
)

// simulateRoutes play keys through without a phone. They change nothing; a POST, since they have a body.
func (a *API) simulateRoutes() []route {
	return []route{
		{"POST", "/v2/accounts/{account}/metaflows/simulate", admins, a.simulate},
		{"POST", "/v2/accounts/{account}/users/{user}/metaflows/simulate", owners, a.simulate},
		{"POST", "/v2/accounts/{account}/devices/{device}/metaflows/simulate", owners, a.simulate},
	}
}

func (a *API) simulate(x *exchange) {
	wrong := &schema.Problems{}
	req, err := simulate.ParseRequest(x.data.Encode())
	addRefused(wrong, err)
	a.asStored("documents.a.", req.A, wrong)
	a.asStored("documents.b.", req.B, wrong)
	if !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	if req.Stored {
		owner, ok := a.owner(x)
		if !ok {
			return
		}
		if req.A, err = a.stored(owner); err != nil {
			x.unavailable(err)
			return
		}
	}
	answer, err := a.cfg.Simulator.Run(req)
	switch addRefused(wrong, err); {
	case err == nil:
		x.succeed(answer)
	case !wrong.Empty():
		x.invalid(wrong)
	default:
		a.cfg.Log.Error("a simulation has failed", "request", x.answer.RequestID, "error", err, "do", "report it, with the lines around it")
		x.fail(http.StatusInternalServerError, "unspecified_fault", because("unspecified fault"))
	}
}

// addRefused adds why package simulate has refused a request, if that is what the error is.
func addRefused(wrong *schema.Problems, err error) {
	if refused, ok := errors.AsType[*simulate.Error](err); ok {
		for _, p := range refused.Problems {
			wrong.Add(p.Path, p.Code, schema.Detail{"message": p.Message})
		}
	}
}

// asStored treats documents of a request as those that are POSTed: it tells what is wrong with them, and repairs types.
func (a *API) asStored(path string, docs *simulate.Documents, wrong *schema.Problems) {
	if docs == nil {
		return
	}
	for _, level := range simulate.Levels {
		if document := docs.At(level); *document != nil {
			stored, problems := a.cfg.Schemas.Read(*document)
			*document = stored
			wrong.AddBelow(path+string(level), problems)
		}
	}
}

// stored are an owner's documents as they are now.
func (a *API) stored(owner flows.Owner) (*simulate.Documents, error) {
	docs := &simulate.Documents{}
	ids := map[flows.Scope]string{flows.ScopeUser: owner.User, flows.ScopeDevice: owner.Device}
	for _, level := range simulate.Levels {
		if level != flows.ScopeAccount && ids[level] == "" {
			continue
		}
		doc, ok, err := a.cfg.Documents.Get(store.Place{Account: owner.Account, Scope: level, ID: ids[level]})
		if err != nil {
			return nil, err
		}
		if ok {
			*docs.At(level) = doc.Raw
		}
	}
	return docs, nil
}
