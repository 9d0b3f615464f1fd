package rest

import (
	"errors"

	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/app/store"
	"metaflows/flows"
)

// simulateRoutes play keys through without a phone. They change nothing; a POST, since they have a body.
func (a *API) simulateRoutes() []route {
	return []route{
		{"POST", "/v2/accounts/{account}/metaflows/simulate", admins, 5, a.simulate},
		{"POST", "/v2/accounts/{account}/users/{user}/metaflows/simulate", owners, 5, a.simulate},
		{"POST", "/v2/accounts/{account}/devices/{device}/metaflows/simulate", owners, 5, a.simulate},
	}
}

func (a *API) simulate(x *exchange) {
	req, err := simulate.ParseRequest(x.data.Encode())
	if err == nil && req.Stored {
		owner, ok := a.owner(x)
		if !ok {
			return
		}
		if req.A, err = a.stored(owner); err != nil {
			x.unavailable(err)
			return
		}
	}
	var answer *simulate.Answer
	if err == nil {
		answer, err = a.cfg.Simulator.Run(req)
	}
	var refused *simulate.Error
	switch {
	case err == nil:
		x.succeed(answer)
	case errors.As(err, &refused):
		wrong := &schema.Problems{}
		for _, p := range refused.Problems {
			wrong.Add(p.Path, p.Code, schema.Detail{"message": p.Message})
		}
		x.invalid(wrong)
	default:
		a.cfg.Log.Error("a simulation has failed", "request", x.answer.RequestID, "error", err)
		x.fail(500, "unspecified_fault", because("unspecified fault"))
	}
}

// stored are an owner's documents as they are now.
func (a *API) stored(owner flows.Owner) (*simulate.Documents, error) {
	docs := &simulate.Documents{}
	for _, level := range []struct {
		scope flows.Scope
		id    string
		raw   *[]byte
	}{
		{flows.ScopeAccount, "", (*[]byte)(&docs.Account)},
		{flows.ScopeUser, owner.User, (*[]byte)(&docs.User)},
		{flows.ScopeDevice, owner.Device, (*[]byte)(&docs.Device)},
	} {
		if level.scope != flows.ScopeAccount && level.id == "" {
			continue
		}
		doc, ok, err := a.cfg.Documents.Get(store.Place{Account: owner.Account, Scope: level.scope, ID: level.id})
		if err != nil {
			return nil, err
		}
		if ok {
			*level.raw = doc.Raw
		}
	}
	return docs, nil
}
