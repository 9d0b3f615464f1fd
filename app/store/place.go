package store

import (
	"strings"

	"metaflows/app/broker"
	"metaflows/flows"
)

// Place is where a document belongs: an account, or a user or device of it. ID is "" for the account's own. Ids are well
// formed ([A-Za-z0-9_-]{1,64}); whoever takes them from outside has checked that.
type Place struct {
	Account string
	Scope   flows.Scope // account, user or device
	ID      string
}

// Owner is the owner of whose effective document this place is the most specific.
func (p Place) Owner() flows.Owner {
	switch p.Scope {
	case flows.ScopeUser:
		return flows.Owner{Account: p.Account, User: p.ID}
	case flows.ScopeDevice:
		return flows.Owner{Account: p.Account, Device: p.ID}
	}
	return flows.Owner{Account: p.Account}
}

// Path is the place's URI in the REST API.
func (p Place) Path() string {
	path := "/v2/accounts/" + p.Account
	if p.Scope != flows.ScopeAccount {
		path += "/" + string(p.Scope) + "s/" + p.ID
	}
	return path + "/metaflows"
}

// keyPrefix begins the keys of documents; the bucket will hold the directory too.
const keyPrefix = "metaflows"

// key is the place's KV key: metaflows.<account>, metaflows.<account>.user.<id>, metaflows.<account>.device.<id>, the
// tokens encoded as those of a subject.
func (p Place) key() string {
	key := keyPrefix + "." + broker.Token(p.Account)
	if p.Scope != flows.ScopeAccount {
		key += "." + string(p.Scope) + "." + broker.Token(p.ID)
	}
	return key
}

// placeOf reads a key; ok is false when it is not a document's.
func placeOf(key string) (p Place, ok bool) {
	part := strings.Split(key, ".")
	if part[0] != keyPrefix {
		return Place{}, false
	}
	switch len(part) {
	case 2:
		p = Place{Account: part[1], Scope: flows.ScopeAccount}
	case 4:
		p = Place{Account: part[1], Scope: flows.Scope(part[2]), ID: part[3]}
		if p.Scope != flows.ScopeUser && p.Scope != flows.ScopeDevice {
			return Place{}, false
		}
	default:
		return Place{}, false
	}
	return p, p.key() == key // an encoded id is not a well-formed one: nobody can own such a document
}
