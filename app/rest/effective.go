package rest

import (
	"encoding/json"

	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// effectiveRoutes show what holds for an account, a user or a device once the documents are merged, and why.
func (a *API) effectiveRoutes() []route {
	return []route{
		{"GET", "/v2/accounts/{account}/metaflows/effective", admins, a.effective},
		{"GET", "/v2/accounts/{account}/users/{user}/metaflows/effective", owners, a.effective},
		{"GET", "/v2/accounts/{account}/devices/{device}/metaflows/effective", owners, a.effective},
	}
}

// effectiveView is the answer (app/rest/README.md, Effective documents).
type effectiveView struct {
	Metaflows json.RawMessage  `json:"metaflows"`
	Origins   *schema.Value    `json:"origins"`
	Conflicts []flows.Conflict `json:"conflicts"`
}

func (a *API) effective(x *exchange) {
	owner, ok := a.owner(x)
	if !ok {
		return
	}
	if _, _, err := a.cfg.Documents.Get(x.place()); err != nil {
		x.unavailable(err)
		return
	}
	e := a.cfg.Documents.Effective(owner)
	x.succeed(effectiveView{e.Merged(), origins(e, owner), a.cfg.Schemas.Conflicts(e)})
}

// owner is whose effective document the path is about. A device's user is the directory's; only of one that it does not
// know may the request say whose it is: in a call the channel would say it.
func (a *API) owner(x *exchange) (owner flows.Owner, ok bool) {
	owner = a.ownerOf(x.place())
	if owner.Device == "" || owner.User != "" {
		return owner, true
	}
	if user := x.param("user"); user != "" {
		if !wellFormed.MatchString(user) {
			x.badIdentifier(user)
			return owner, false
		}
		owner.User = user
	}
	return owner, true
}

// ownerOf is the endpoint of a place; a device's user is the directory's.
func (a *API) ownerOf(p store.Place) flows.Owner {
	owner := p.Owner()
	if owner.Device != "" && a.cfg.Owners != nil {
		owner.User, _ = a.cfg.Owners.OwnerOf(owner.Account, owner.Device)
	}
	return owner
}

// origins tell of each part and entry which document it comes from, in the order of the effective document.
func origins(e *flows.Effective, owner flows.Owner) *schema.Value {
	all := schema.NewObject()
	for _, part := range []flows.Part{flows.PartBindingDigit, flows.PartDigitTimeout, flows.PartListenOn} {
		origin, _ := e.Origin(part, "")
		all.Add(string(part), originView(origin, owner))
	}
	for _, part := range []struct {
		name    flows.Part
		entries []flows.Entry
		origins []flows.Origin
	}{{flows.PartNumbers, e.Numbers(), e.NumberOrigins()}, {flows.PartPatterns, e.Patterns(), e.PatternOrigins()}} {
		entries := schema.NewObject()
		for i, entry := range part.entries {
			entries.Add(entry.Key, originView(part.origins[i], owner))
		}
		all.Add(string(part.name), entries)
	}
	return all
}

// originView is {"source":...,"id":...,"replaced":[...]}; the system has no id.
func originView(origin flows.Origin, owner flows.Owner) *schema.Value {
	v := schema.NewObject(schema.Member{Key: "source", Value: schema.NewString(string(origin.Source))})
	ids := map[flows.Scope]string{flows.ScopeAccount: owner.Account, flows.ScopeUser: owner.User, flows.ScopeDevice: owner.Device}
	if id := ids[origin.Source]; id != "" {
		v.Add("id", schema.NewString(id))
	}
	if len(origin.Replaced) > 0 {
		replaced := &schema.Value{Kind: schema.Array}
		for _, scope := range origin.Replaced {
			replaced.Add("", schema.NewString(string(scope)))
		}
		v.Add("replaced", replaced)
	}
	return v
}
