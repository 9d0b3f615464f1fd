package rest

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"metaflows/app/auth"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// wellFormed ids are the only ones there are (app/rest/README.md, Requests).
var wellFormed = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// token is the token in the request's head, "" where there is none: X-Auth-Token, Authorization: Bearer, auth_token in the
// query (app/rest/README.md, Logging in).
func (x *exchange) token() string {
	if token := x.Header.Get("X-Auth-Token"); token != "" {
		return token
	}
	scheme, rest, _ := strings.Cut(x.Header.Get("Authorization"), " ")
	if token := strings.TrimSpace(rest); token != "" && strings.EqualFold(scheme, "Bearer") {
		return token
	}
	return x.URL.Query().Get("auth_token")
}

// bodyToken is the token in the body's data or envelope.
func (x *exchange) bodyToken() string {
	x.parseBody()
	if data := x.body.members["data"]; data != nil {
		if token := data.Get("auth_token"); token != nil && token.Kind == schema.String && token.Text != "" {
			return token.Text
		}
	}
	if token := x.body.members["auth_token"]; token != nil && token.Kind == schema.String {
		return token.Text
	}
	return ""
}

// authenticate finds out who asks, or answers. The answer names neither a token nor anything that is stored, and is the
// same for every URI. The admin token is not echoed; it reads "admin".
func (x *exchange) authenticate() bool {
	token, cost, err := x.token(), 1, auth.ErrInvalid
	if token == "" { // to look for one in the body costs more than the answer that there is none
		if !x.withinLimit(cost) {
			return false
		}
		token, cost = x.bodyToken(), 0
	}
	if token != "" {
		x.who, err = x.api.cfg.Authenticator.Authenticate(token)
	}
	if account := x.Header.Get("X-Auth-Account-ID"); err == nil && account != "" && account != x.who.Account && x.who.Role != auth.SuperAdmin {
		err = auth.ErrInvalid // the client means somebody else (app/rest/README.md, Logging in)
	}
	switch {
	case err == nil:
		if cost == 0 { // it was paid as by a stranger, and is none
			x.api.giveBack(x.client(), 1)
		}
		x.secret, x.answer.AuthToken, x.answer.Version = token, token, x.api.cfg.Version
		if x.who.Role == auth.SuperAdmin {
			x.answer.AuthToken = "admin"
		}
		return true
	case errors.Is(err, auth.ErrUnavailable):
		x.unavailable(err)
		return false
	}
	x.who = auth.Identity{}
	if wrong := token != "" && !errors.Is(err, auth.ErrExpired); wrong { // somebody may be trying
		cost += loginCost
	}
	if !x.withinLimit(cost) { // nor is the log filled
		return false
	}
	x.api.cfg.Log.Info("request without a valid token", "method", x.Method, "path", x.URL.Path, "from", x.client(), "error", err)
	switch {
	case errors.Is(err, auth.ErrExpired), errors.Is(err, auth.ErrUnknown):
		x.fail(http.StatusUnauthorized, "invalid credentials", struct{}{})
	default:
		x.fail(http.StatusUnauthorized, "invalid_credentials", because("invalid credentials"))
	}
	return false
}

// ownAccount finds out which account the path is about: it must be the token's own, but for who may do everything.
func (x *exchange) ownAccount() bool {
	if x.Pattern == accountPath || strings.HasPrefix(x.Pattern, accountPath+"/") {
		if x.who.Account == "" {
			x.fail(http.StatusNotFound, "bad identifier", because("the admin token has no account of its own; name one: /v2/accounts/{account}"))
			return false
		}
		x.account = x.who.Account
		x.SetPathValue("account", x.account)
	}
	if x.account != "" && x.account != x.who.Account && x.who.Role != auth.SuperAdmin {
		x.forbidden()
		return false
	}
	return true
}

// authorise says whether a route is for who asks, or answers.
func (x *exchange) authorise(who access) bool {
	allowed := who == open || x.who.Role == auth.SuperAdmin
	switch x.who.Role {
	case auth.AccountAdmin:
		allowed = allowed || who == admins || who == owners || who == members
	case auth.User:
		allowed = allowed || who == members || who == owners && x.own()
	}
	if !allowed {
		x.forbidden()
	}
	return allowed
}

// own says whether the path names the user who asks, a device of his or a channel that he may act on. A channel that
// nobody has is left to the handler.
func (x *exchange) own() bool {
	if x.who.Owner == "" || x.account != x.who.Account {
		return false
	}
	if channel := x.PathValue("channel"); channel != "" {
		his, known := x.api.cfg.Live.His(x.account, channel, x.who.Owner)
		return his || !known
	}
	if device := x.PathValue("device"); device != "" {
		if x.api.cfg.Owners == nil {
			return false
		}
		owner, ok := x.api.cfg.Owners.OwnerOf(x.account, device)
		return ok && owner == x.who.Owner
	}
	return x.PathValue("user") == x.who.Owner
}

// withinLimit takes a request's cost from what its client may still ask for, or answers. Who has a token pays for the account
// that he asks about, and never for strangers, so that nobody's wrong tokens keep him out.
func (x *exchange) withinLimit(cost int) bool {
	limiter, account := x.api.cfg.Strangers, ""
	if x.who != (auth.Identity{}) {
		limiter, account = x.api.cfg.Known, x.who.Account
	}
	if x.who.Role == auth.SuperAdmin {
		account = cmp.Or(x.account, "~")
	}
	if limiter == nil || cost == 0 {
		return true
	}
	wait, ok := limiter.Allow(x.client(), account, cost)
	if !ok {
		x.tooManyRequests(wait, "too many requests")
	}
	return ok
}

// giveBack gives a stranger back what it has paid.
func (a *API) giveBack(client string, cost int) {
	if a.cfg.Strangers != nil {
		a.cfg.Strangers.GiveBack(client, "", cost)
	}
}

// identifiers answers a path with an id that is not well formed, or that a strict directory does not have: there cannot be
// anything of such a one.
func (x *exchange) identifiers() bool {
	if x.account != "" && !wellFormed.MatchString(x.account) {
		x.fail(http.StatusNotFound, "bad identifier", because("invalid account_id '"+x.account+"'"))
		return false
	}
	for _, name := range []string{"user", "device", "key"} {
		if id := x.PathValue(name); id != "" && !wellFormed.MatchString(id) {
			x.badIdentifier(id)
			return false
		}
	}
	return x.account == "" || x.admitted(store.Place{Account: x.account, Scope: flows.ScopeAccount}) && x.admitted(x.place())
}
