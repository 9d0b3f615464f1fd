package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// authenticated says whether the request has the admin token: in X-Auth-Token, else as Authorization: Bearer. The time it
// takes does not depend on what the token is.
func (a *API) authenticated(r *http.Request) bool {
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimSpace(rest)
		}
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], a.token[:]) == 1
}

// admit answers a request without a valid login and says whether it may go on. The answer names neither a token nor
// anything that is stored. The admin token is not echoed; it reads "admin".
func (a *API) admit(s *answer, r *http.Request) bool {
	if !a.authenticated(r) {
		a.cfg.Log.Info("request without a valid token", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr)
		s.fail(http.StatusUnauthorized, "invalid_credentials", map[string]string{"message": "invalid credentials"})
		return false
	}
	s.body.AuthToken, s.body.Version = "admin", a.cfg.Version
	return true
}
