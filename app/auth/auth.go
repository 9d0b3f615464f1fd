package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"metaflows/app/store"
)

// Bucket is the KV bucket of everything secret; Prefix begins its keys.
const (
	Bucket = "metaflows_auth"
	Prefix = "auth"
)

// Counts is what the records count as in a store.Quota. Their bytes do not: a log-out must never be refused for them.
var Counts = map[string][]store.Kind{keyRecords: {store.APIKeys}}

// Records are where API keys and the signing key are kept. *store.Records is one. Get and List read memory only.
type Records interface {
	Ready() <-chan struct{}
	Get(key string) (store.Record, bool, error)
	List(prefix string) ([]store.Record, error)
	Put(ctx context.Context, key string, raw []byte, expect store.Expect) (revision uint64, err error)
	Delete(ctx context.Context, key string, expect store.Expect) (revision uint64, err error)
	Changed(func(key string))
	Refresh(ctx context.Context) error
}

// Config is what an Auth needs.
type Config struct {
	Records    Records // not running yet
	AdminToken string
	Log        *slog.Logger
}

// Auth knows API keys and tokens. Its methods may be called by any goroutine.
type Auth struct {
	records Records
	log     *slog.Logger
	admin   [sha256.Size]byte
	parser  *jwt.Parser
	missing chan struct{} // one slot: there is no signing key
	ready   chan struct{} // closed when keys are loaded and tokens can be signed

	mu       sync.RWMutex
	loaded   bool                // everything that is stored has been looked at
	signing  []byte              // nil: none yet
	entries  map[string]*entry   // API keys by the key of their record
	byPrefix map[string][]*entry // the same by the characters that everybody may see
}

// New makes an Auth; Run makes it sign tokens. Records must run after New.
func New(cfg Config) (*Auth, error) {
	if cfg.AdminToken == "" {
		return nil, errors.New("auth: no admin token")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Auth{
		records: cfg.Records, log: cfg.Log, admin: sha256.Sum256([]byte(cfg.AdminToken)), parser: newParser(),
		missing: make(chan struct{}, 1), ready: make(chan struct{}), entries: map[string]*entry{}, byPrefix: map[string][]*entry{},
	}
	cfg.Records.Changed(a.look)
	return a, nil
}

// Run makes the signing key where there is none, now and whenever it is lost, until ctx ends.
func (a *Auth) Run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-a.records.Ready():
	}
	a.load()
	first := sync.OnceFunc(func() { close(a.ready) })
	for ctx.Err() == nil {
		var again <-chan time.Time
		if a.lacksSigningKey() {
			if err := a.makeSigningKey(ctx); err != nil {
				again = time.After(retrySigningKey)
			}
		}
		if a.Err() == nil {
			first()
		}
		select {
		case <-ctx.Done():
		case <-a.missing:
		case <-again:
		}
	}
}

// load looks at everything that is stored. What changes meanwhile is told.
func (a *Auth) load() {
	records, err := a.records.List("")
	if err != nil { // not after Ready
		a.log.Error("API keys cannot be loaded", "error", err, "do", "start metaflows again; report it, with the lines around it")
		return
	}
	for _, r := range records {
		a.look(r.Key)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded = true
}

// Ready is closed by Run when for the first time anybody can log in.
func (a *Auth) Ready() <-chan struct{} { return a.ready }

// Err says why nobody but the super-admin can log in; nil when all can.
func (a *Auth) Err() error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	switch {
	case !a.loaded:
		return errNotLoaded
	case a.signing == nil:
		return errNoSigningKey
	}
	return nil
}

var (
	errNotLoaded    = unavailable(store.ErrLoading)
	errNoSigningKey = fmt.Errorf("%w: there is no key to sign tokens with", ErrUnavailable)
)

// Authenticate says whose token this is. It does not block, and the time it takes does not depend on how much of a wrong
// token is right. The error is ErrInvalid, ErrExpired, ErrUnknown, or ErrUnavailable as long as nothing is loaded.
func (a *Auth) Authenticate(token string) (Identity, error) {
	sum := sha256.Sum256([]byte(token))
	switch {
	case subtle.ConstantTimeCompare(sum[:], a.admin[:]) == 1:
		return Identity{Role: SuperAdmin, Method: MethodAdmin}, nil
	case token == "" || len(token) > maxToken:
		return Identity{}, ErrInvalid
	case strings.Count(token, ".") != 2:
		return Identity{}, ErrUnknown
	case strings.ContainsAny(token, "\r\n"): // which base64 decoders of Go pass over
		return Identity{}, ErrInvalid
	}
	return a.verify(token)
}

// Login exchanges an API key for a token. It does not block. The error is ErrNoKey or ErrUnavailable.
func (a *Auth) Login(apiKey string) (token string, id Identity, err error) {
	if err := a.Err(); err != nil {
		return "", Identity{}, err
	}
	key, ok := a.find(apiKey)
	if !ok {
		return "", Identity{}, ErrNoKey
	}
	return a.sign(key)
}

// unavailable is an error of Records as callers know it.
func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
