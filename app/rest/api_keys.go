package rest

import (
	"context"
	"errors"
	"sort"
	"time"

	"metaflows/app/auth"
	"metaflows/app/schema"
)

// apiKeyRoutes are the API keys of an account, for its administrators.
func (a *API) apiKeyRoutes() []route {
	return []route{
		{"GET", "/v2/accounts/{account}/api_keys", admins, a.listKeys},
		{"PUT", "/v2/accounts/{account}/api_keys", admins, a.createKey},
		{"GET", "/v2/accounts/{account}/api_keys/{key}", admins, a.showKey},
		{"DELETE", "/v2/accounts/{account}/api_keys/{key}", admins, a.deleteKey},
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

// listKeys answers with a page of the keys, by id (app/rest/README.md, Answers).
func (a *API) listKeys(x *exchange) {
	size, ok := x.pageSize()
	if !ok {
		return
	}
	keys, err := a.cfg.APIKeys.Keys(x.account)
	if err != nil {
		x.unavailable(err)
		return
	}
	start := x.param("start_key")
	from := sort.Search(len(keys), func(i int) bool { return keys[i].ID >= start })
	shown := []apiKey{}
	for _, k := range keys[from:] {
		if len(shown) == size {
			x.answer.NextStartKey = k.ID
			break
		}
		shown = append(shown, shownKey(k))
	}
	x.answer.StartKey, x.answer.PageSize = start, new(len(shown))
	x.succeed(shown)
}

func (a *API) createKey(x *exchange) {
	if wrong := a.cfg.Schemas.Object("api_key", x.data); !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	name, _ := text(x.data.Get("name"))
	owner, _ := text(x.data.Get("owner_id"))
	if !x.ownerAdmitted(owner) {
		return
	}
	ctx, cancel := context.WithTimeout(x.Context(), storeTimeout)
	defer cancel()
	key, secret, err := a.cfg.APIKeys.CreateKey(ctx, x.account, owner, name)
	switch {
	case x.beyondLimit(err):
		return
	case err != nil:
		x.unavailable(err)
		return
	}
	// Who has deleted account or owner meanwhile may have looked for keys before this one was there.
	if !x.admittedStill(x.place(), owner) {
		_ = a.cfg.APIKeys.DeleteKey(context.WithoutCancel(ctx), x.account, key.ID)
		return
	}
	shown := shownKey(key)
	shown.Secret = secret
	x.succeed(shown)
}

// ownerAdmitted answers when the user who shall own a key, if one shall, is missing from the directory, by the rule that
// holds for the owners of devices.
func (x *exchange) ownerAdmitted(owner string) bool {
	if x.api.cfg.Directory == nil || owner == "" {
		return true
	}
	missing, err := x.api.cfg.Directory.OwnerMissing(x.account, owner)
	switch {
	case err != nil:
		x.unavailable(err)
	case missing:
		x.invalid(schema.One("owner_id", "not_found", schema.Detail{"message": "The owner is not a user of this account", "cause": owner}))
	}
	return !missing && err == nil
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
