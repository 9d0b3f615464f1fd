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
	prefix, rest, _ := strings.Cut(key, ".")
	account, of, below := strings.Cut(rest, ".")
	p = Place{Account: account, Scope: flows.ScopeAccount}
	if below {
		scope, id, _ := strings.Cut(of, ".")
		if p.Scope, p.ID = flows.Scope(scope), id; p.Scope != flows.ScopeUser && p.Scope != flows.ScopeDevice {
			return Place{}, false
		}
	}
	if prefix != keyPrefix || !wellFormed(account) || below && !wellFormed(p.ID) {
		return Place{}, false
	}
	return p, true
}

// wellFormed says so of an id as it stands in a key: nobody can own a document of one that was encoded there.
func wellFormed(id string) bool { return broker.Token(id) == id }
