package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"metaflows/app/auth"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// APIKeys are what is exchanged for tokens. *auth.Auth is one; its errors are auth.ErrNoKey, auth.ErrCrowded
// and auth.ErrUnavailable.
type APIKeys interface {
	Login(apiKey string) (token string, id auth.Identity, err error)
	Logout(context.Context, auth.Identity) error
	CreateKey(ctx context.Context, account, owner, name string) (key auth.Key, secret string, err error)
	Keys(account string) ([]auth.Key, error)
	Key(account, id string) (auth.Key, error)
	DeleteKey(ctx context.Context, account, id string) error
}

// loginCost is what a login costs until it has turned out to be right, and once more what a wrong secret costs beside the
// request that brought it.
const loginCost = 35

// loginRoutes exchange an API key for a token, show the token's own identity, and end it (app/rest/README.md, Logging in).
func (a *API) loginRoutes() []route {
	return []route{
		{"PUT", "/v2/api_auth", open, a.login},
		{"GET", "/v2/token_auth", members, a.showToken},
		{"DELETE", "/v2/token_auth", members, a.endToken},
	}
}

// loggedIn is what a client learns of itself. Kazoo's fields about resellers say what holds here: there are none.
type loggedIn struct {
	Account  string    `json:"account_id,omitempty"`
	Name     string    `json:"account_name,omitempty"` // where the directory has one
	Owner    string    `json:"owner_id,omitempty"`
	Method   string    `json:"method"`
	Role     string    `json:"role"`
	KeyID    string    `json:"api_key_id,omitempty"`
	Expires  string    `json:"expires,omitempty"` // RFC 3339
	Reseller bool      `json:"is_reseller"`
	Master   bool      `json:"is_master_account"`
	Apps     [0]string `json:"apps"`
}

func (a *API) describe(id auth.Identity) loggedIn {
	l := loggedIn{Account: id.Account, Owner: id.Owner, Method: id.Method, Role: id.Role.String(), KeyID: id.KeyID, Master: id.Role == auth.SuperAdmin}
	if !id.Expires.IsZero() {
		l.Expires = id.Expires.UTC().Format(time.RFC3339)
	}
	if a.cfg.Directory != nil && id.Account != "" {
		if entry, err := a.cfg.Directory.Get(store.Place{Account: id.Account, Scope: flows.ScopeAccount}); err == nil {
			l.Name, _ = text(entry.Data.Get("name"))
		}
	}
	return l
}

func (a *API) login(x *exchange) {
	if !x.withinLimit(loginCost - 1) { // one is paid
		return
	}
	if wrong := a.cfg.Schemas.Object("api_auth", x.data); !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	key := x.data.Get("api_key").Text
	token, id, err := a.cfg.APIKeys.Login(key)
	switch {
	case errors.Is(err, auth.ErrNoKey):
		if x.withinLimit(loginCost) {
			a.cfg.Log.Info("login with an unknown API key", "from", x.client(), "request", x.answer.RequestID)
			x.fail(http.StatusNotFound, "bad identifier", []string{key}) // Kazoo's shape
		}
	case err != nil:
		x.unavailable(err)
	default:
		a.giveBack(x.client(), loginCost-1) // only guesses cost as much
		a.cfg.Log.Info("login", "account", id.Account, "owner", id.Owner, "key_id", id.KeyID, "from", x.client(), "request", x.answer.RequestID)
		x.answer.AuthToken, x.answer.Version = token, a.cfg.Version
		x.succeed(a.describe(id))
	}
}

func (a *API) showToken(x *exchange) { x.succeed(a.describe(x.who)) }

// endToken logs out. The admin token is the operator's and stands in the configuration.
func (a *API) endToken(x *exchange) {
	if x.who.Role == auth.SuperAdmin {
		x.fail(http.StatusForbidden, "forbidden", because("the admin token is ended by changing it in the configuration"))
		return
	}
	ctx, cancel := context.WithTimeout(x.Context(), storeTimeout)
	defer cancel()
	switch err := a.cfg.APIKeys.Logout(ctx, x.who); {
	case errors.Is(err, auth.ErrCrowded):
		x.tooManyRequests(time.Minute, err.Error()+"; deleting the key ends all of them")
		return
	case err != nil:
		x.unavailable(err)
		return
	}
	a.cfg.Log.Info("logout", "account", x.who.Account, "owner", x.who.Owner, "key_id", x.who.KeyID, "request", x.answer.RequestID)
	x.answer.AuthToken = "" // it is none any more
	x.succeed(schema.NewObject())
}
