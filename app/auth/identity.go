package auth

import (
	"errors"
	"time"
)

// Role is what somebody may do, in classes.
type Role int

// The roles. The zero Role may do nothing.
const (
	User         Role = iota + 1 // own user and devices of one account
	AccountAdmin                 // one account
	SuperAdmin                   // everything
)

func (r Role) String() string {
	switch r {
	case User:
		return "user"
	case AccountAdmin:
		return "account_admin"
	case SuperAdmin:
		return "super_admin"
	}
	return "nobody"
}

// Methods are how somebody has logged in; Kazoo's word for API keys.
const (
	MethodAdmin  = "admin"
	MethodAPIKey = "cb_api_auth"
)

// Identity is who makes a request.
type Identity struct {
	Role    Role
	Account string    // "" for SuperAdmin
	Owner   string    // the user's id for role User
	KeyID   string    // the API key behind it; "" for SuperAdmin
	TokenID string    // of the token; "" for SuperAdmin
	Method  string    // MethodAdmin or MethodAPIKey
	Expires time.Time // zero: never
}

// Why somebody is not let in, or something cannot be done.
var (
	// ErrInvalid: there is no token, or it is a JWT that is not one of ours.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired: the token was one of ours and holds no longer: its hour is over, it was logged out, or its API key is gone.
	ErrExpired = errors.New("expired token")
	// ErrUnknown: the token is neither a JWT nor the admin token. Kazoo answers as if it had expired
	// (app/rest/README.md, Errors).
	ErrUnknown = errors.New("unknown token")
	// ErrNoKey: there is no such API key.
	ErrNoKey = errors.New("no such API key")
	// ErrCrowded: so many tokens of the API key were ended within the hour that no more are noted; revoking the key ends all.
	ErrCrowded = errors.New("too many tokens of this API key were ended within an hour")
	// ErrUnavailable: keys are not loaded yet, or NATS cannot be asked to change one.
	ErrUnavailable = errors.New("API keys are not available")
)
