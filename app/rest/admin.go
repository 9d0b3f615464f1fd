package rest

import (
	"crypto/sha256"
	"crypto/subtle"

	"metaflows/app/auth"
)

// AdminToken is an Authenticator that knows one token, whose owner may do everything.
type AdminToken string

// Authenticate compares in a time that does not depend on the token.
func (a AdminToken) Authenticate(token string) (auth.Identity, error) {
	want, got := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(token))
	if a == "" || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return auth.Identity{}, auth.ErrInvalid
	}
	return auth.Identity{Role: auth.SuperAdmin, Method: auth.MethodAdmin}, nil
}
