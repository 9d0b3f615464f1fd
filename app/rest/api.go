package rest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"path"

	"metaflows/app/store"
	"metaflows/flows"
)

// Documents are where the API keeps documents. *store.Store is one; its errors are ErrInvalid and ErrUnavailable.
type Documents interface {
	Get(store.Place) (doc store.Document, ok bool, err error)
	Put(ctx context.Context, p store.Place, raw []byte, expect store.Expect) (revision uint64, err error)
	Delete(ctx context.Context, p store.Place, expect store.Expect) (revision uint64, err error)
	Effective(flows.Owner) *flows.Effective
}

// Config is what the API needs.
type Config struct {
	Documents  Documents
	AdminToken string
	Node       string // the Asterisk node's name; answers carry its hash
	Version    string // of metaflows
	Log        *slog.Logger
	// Parts are looked at by /readyz: a name, and why it is not ready, nil when it is.
	Parts func() []Part
}

// Part is one part of the process for /readyz. Err must be fit for anybody to read.
type Part struct {
	Name string
	Err  error
}

// API is the HTTP API. It may be used by any goroutine.
type API struct {
	cfg     Config
	schemas *schemas
	token   [sha256.Size]byte
	node    string
	mux     *http.ServeMux
}

// New makes the API.
func New(cfg Config) (*API, error) {
	if cfg.AdminToken == "" {
		return nil, fmt.Errorf("rest: no admin token")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s, err := loadSchemas()
	if err != nil {
		return nil, fmt.Errorf("rest: schemas: %w", err)
	}
	a := &API{cfg: cfg, schemas: s, token: sha256.Sum256([]byte(cfg.AdminToken)), node: nodeHash(cfg.Node), mux: http.NewServeMux()}
	a.mux.HandleFunc("/healthz", a.health)
	a.mux.HandleFunc("/readyz", a.ready)
	a.mux.HandleFunc("/v2/accounts/{account}/metaflows", a.metaflows(flows.ScopeAccount))
	a.mux.HandleFunc("/v2/accounts/{account}/users/{id}/metaflows", a.metaflows(flows.ScopeUser))
	a.mux.HandleFunc("/v2/accounts/{account}/devices/{id}/metaflows", a.metaflows(flows.ScopeDevice))
	a.mux.HandleFunc("/", a.notFound)
	return a, nil
}

func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	a.begin(w, r).fail(http.StatusNotFound, "not_found", map[string]string{"message": "not found"})
}

// clean says whether a path has no empty part and none that is . or .., but for a slash at its end.
func clean(p string) bool {
	c := path.Clean(p)
	return p == c || c != "/" && p == c+"/"
}

// ServeHTTP answers a request, whatever happens in it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http's own sentinel, as it is documented
				panic(p)
			}
			a.cfg.Log.Error("a request ended in a panic", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p))
			a.begin(w, r).fail(http.StatusInternalServerError, "unspecified_fault", map[string]string{"message": "unspecified fault"})
		}
	}()
	if !clean(r.URL.EscapedPath()) { // the mux would redirect, in HTML
		a.notFound(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}
