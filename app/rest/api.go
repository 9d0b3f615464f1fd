package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"metaflows/app/auth"
	"metaflows/app/schema"
	"metaflows/app/simulate"
	"metaflows/app/store"
	"metaflows/flows"
	"metaflows/flows/calls"
)

// Documents are where the API keeps documents. *store.Store is one; its errors are ErrInvalid, ErrTooLarge, ErrConflict,
// ErrUnavailable and *LimitError.
type Documents interface {
	Get(store.Place) (doc store.Document, ok bool, err error)
	Put(ctx context.Context, p store.Place, raw []byte, expect store.Expect) (revision uint64, err error)
	Delete(ctx context.Context, p store.Place, expect store.Expect) (revision uint64, err error)
	Effective(flows.Owner) *flows.Effective
	Accounts() ([]string, error)
	Places(account string) ([]store.Place, error)
}

// Authenticator says who has a token. *auth.Auth is one; its errors are auth.ErrInvalid (no such token), auth.ErrExpired,
// auth.ErrUnknown and auth.ErrUnavailable. How long it takes must not depend on what a wrong token is.
type Authenticator interface {
	Authenticate(token string) (auth.Identity, error)
}

// Owners know whose a device is: what a user may see of an account depends on it.
type Owners interface {
	OwnerOf(account, device string) (user string, ok bool)
}

// Limiter bounds how much one client may ask of one account, "" for none; it counts cost. When it does not allow it, wait is
// after how long it may. GiveBack is for what was allowed and need not have been paid. It does not block.
type Limiter interface {
	Allow(client, account string, cost int) (wait time.Duration, ok bool)
	GiveBack(client, account string, cost int)
}

// Config is what the API needs.
type Config struct {
	Documents     Documents
	Schemas       *schema.Schemas
	Authenticator Authenticator
	Modules       calls.Modules      // as they tell about themselves; they are not run
	Simulator     simulate.Simulator // its Conflicts are those of Schemas
	APIKeys       APIKeys
	Directory     Directory  // nil: there is none, and every account, user and device may have documents
	Owners        Owners     // nil: no device has an owner
	Live          Live       // nil: there are no live calls
	Strangers     Limiter    // of requests without a valid token, and of logins; nil: there is no limit
	Known         Limiter    // of requests with one, each of which costs 1; likewise
	Stories       Stories    // nil: nobody knows what was published about calls
	Recordings    Recordings // nil: nobody knows what was recorded
	Node          string     // the Asterisk node's name; answers carry its hash
	Version       string     // of metaflows
	Log           *slog.Logger
	// Parts are looked at by /readyz: a name, and why it is not ready, nil when it is.
	Parts func() []Part
	// Metrics answers GET /metrics, without a token: it must tell no secrets. nil: there is no such URI.
	Metrics http.Handler
}

// Part is one part of the process for /readyz. Err must be fit for anybody to read.
type Part struct {
	Name string
	Err  error
}

// API is the HTTP API. It may be used by any goroutine.
type API struct {
	cfg  Config
	node string
	mux  *http.ServeMux

	actions map[string]channelAction

	listeners   *listeners
	description []byte // of the API, as /openapi.json tells it
}

// New makes the API.
func New(cfg Config) (*API, error) {
	if cfg.Authenticator == nil || cfg.APIKeys == nil {
		return nil, errors.New("rest: nobody says who has a token")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Schemas == nil {
		return nil, errors.New("rest: no schemas")
	}
	cfg.Simulator.Conflicts = cfg.Schemas.Conflicts // as the effective view tells them
	a := &API{cfg: cfg, node: nodeHash(cfg.Node), mux: http.NewServeMux(), actions: channelActions(cfg.Modules), listeners: newListeners()}
	a.mux.HandleFunc("/healthz", a.health)
	a.mux.HandleFunc("/readyz", a.ready)
	if cfg.Metrics != nil {
		a.mux.HandleFunc("/metrics", a.metrics)
	}
	a.mux.HandleFunc("/v1", a.gone)
	a.mux.HandleFunc("/v1/", a.gone)
	a.mux.HandleFunc("/", a.nowhere)
	routes := a.routes()
	a.mount(routes)
	description, err := describeAPI(routes, cfg.Schemas, a.actions, cfg.Version)
	if err != nil {
		return nil, err
	}
	a.description = description
	a.mux.HandleFunc("/openapi.json", a.openAPI)
	return a, nil
}
