package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"metaflows/app/store"
	"metaflows/flows"
)

const (
	mostStored  = 1000    // documents of an answer, also with paginate=false
	largeStored = 8 << 20 // bytes of documents, after which a page ends
)

// storedRoutes give documents as they are stored, so that a whole site can be moved.
func (a *API) storedRoutes() []route {
	return []route{
		{"GET", "/v2/documents", superAdmin, a.listStored},
		{"GET", "/v2/accounts/{account}/documents", admins, a.listStored},
	}
}

// storedDocument is one of the answer.
type storedDocument struct {
	Account   string          `json:"account_id"`
	User      string          `json:"user_id,omitempty"`
	Device    string          `json:"device_id,omitempty"`
	Revision  string          `json:"revision"`
	Metaflows json.RawMessage `json:"metaflows,omitempty"`
}

// listStored gives a page of the documents of the path's account, or of all.
func (a *API) listStored(x *exchange) {
	size, ok := x.pageSize()
	if !ok {
		return
	}
	size = min(size, mostStored)
	accounts, err := []string{x.account}, error(nil)
	if x.account == "" {
		accounts, err = a.cfg.Documents.Accounts()
	}
	if err != nil {
		x.unavailable(err)
		return
	}
	page, start, held := []storedDocument{}, x.param("start_key"), 0
	first, _, _ := strings.Cut(start, ",")
	for _, account := range accounts {
		if account < first { // pages before this one had all of it
			continue
		}
		places, err := a.cfg.Documents.Places(account)
		if err != nil {
			x.unavailable(err)
			return
		}
		slices.SortFunc(places, func(p, q store.Place) int { return cmp.Compare(placeKey(p), placeKey(q)) })
		for _, p := range places {
			if placeKey(p) < start {
				continue
			}
			if len(page) == size || held > largeStored {
				x.stored(start, placeKey(p), page)
				return
			}
			doc, there, err := a.cfg.Documents.Get(p)
			if err != nil {
				x.unavailable(err)
				return
			}
			if !there {
				continue
			}
			held += len(doc.Raw)
			page = append(page, shown(p, doc))
		}
	}
	x.stored(start, "", page)
}

func (x *exchange) stored(start, next string, page []storedDocument) {
	x.answer.StartKey, x.answer.NextStartKey, x.answer.PageSize = start, next, new(len(page))
	x.succeed(page)
}

// placeKey sorts places: by account, and then its own first, then devices' and users'. A comma comes before all that an id has.
func placeKey(p store.Place) string {
	if p.Scope == flows.ScopeAccount {
		return p.Account
	}
	return p.Account + "," + string(p.Scope) + "," + p.ID
}

func shown(p store.Place, doc store.Document) storedDocument {
	d := storedDocument{Account: p.Account, Revision: strconv.FormatUint(doc.Revision, 10)}
	switch p.Scope {
	case flows.ScopeUser:
		d.User = p.ID
	case flows.ScopeDevice:
		d.Device = p.ID
	}
	if text := bytes.TrimSpace(doc.Raw); json.Valid(text) && text[0] == '{' {
		d.Metaflows = text
	}
	return d
}
