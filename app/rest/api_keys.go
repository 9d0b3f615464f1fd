package rest

import (
	"context"
	"errors"
	"time"

	"metaflows/app/auth"
	"metaflows/app/schema"
)

// apiKeyRoutes are the API keys of an account, for its administrators.
func (a *API) apiKeyRoutes() []route {
	return []route{
		{"GET", "/v2/accounts/{account}/api_keys", admins, 1, a.listKeys},
		{"PUT", "/v2/accounts/{account}/api_keys", admins, 1, a.createKey},
		{"GET", "/v2/accounts/{account}/api_keys/{key}", admins, 1, a.showKey},
		{"DELETE", "/v2/accounts/{account}/api_keys/{key}", admins, 1, a.deleteKey},
	}
}

// apiKey is a key in answers.
type apiKey struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Owner   string `json:"owner_id,omitempty"`
	Prefix  string `json:"prefix"`
	Created string `json:"created"`           // RFC 3339
	Secret  string `json:"api_key,omitempty"` // when it is made, and never again
}

func shownKey(k auth.Key) apiKey {
	return apiKey{ID: k.ID, Name: k.Name, Owner: k.Owner, Prefix: k.Prefix, Created: k.Created.UTC().Format(time.RFC3339)}
}

func (a *API) listKeys(x *exchange) {
	keys, err := a.cfg.APIKeys.Keys(x.account)
	if err != nil {
		x.unavailable(err)
		return
	}
	shown := make([]apiKey, 0, len(keys))
	for _, k := range keys {
		shown = append(shown, shownKey(k))
	}
	list(x, shown, func(k apiKey) string { return k.ID })
}

func (a *API) createKey(x *exchange) {
	if wrong := a.cfg.Schemas.Object("api_key", x.data); !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	name, _ := text(x.data.Get("name"))
	owner, _ := text(x.data.Get("owner_id"))
	ctx, cancel := context.WithTimeout(x.Context(), storeTimeout)
	defer cancel()
	key, secret, err := a.cfg.APIKeys.CreateKey(ctx, x.account, owner, name)
	if err != nil {
		x.unavailable(err)
		return
	}
	shown := shownKey(key)
	shown.Secret = secret
	x.succeed(shown)
}

func (a *API) showKey(x *exchange) {
	key, err := a.cfg.APIKeys.Key(x.account, x.PathValue("key"))
	if x.found(err) {
		x.succeed(shownKey(key))
	}
}

func (a *API) deleteKey(x *exchange) {
	ctx, cancel := context.WithTimeout(x.Context(), storeTimeout)
	defer cancel()
	if x.found(a.cfg.APIKeys.DeleteKey(ctx, x.account, x.PathValue("key"))) {
		x.succeed(schema.NewObject())
	}
}

// found answers when an API key was not found, or could not be asked for.
func (x *exchange) found(err error) bool {
	switch {
	case errors.Is(err, auth.ErrNoKey):
		x.badIdentifier(x.PathValue("key"))
	case err != nil:
		x.unavailable(err)
	}
	return err == nil
}
