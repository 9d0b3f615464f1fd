package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"metaflows/app/store"
)

// TokenLife is how long a token holds at most (Kazoo's default).
const TokenLife = time.Hour

const (
	issuer          = "metaflows"
	maxToken        = 4 << 10 // bytes; longer ones are none of ours, and are not looked at
	signingBytes    = 32      // of the key; RFC 7518 3.2 wants as many as the hash has
	signingRecord   = "signing_key"
	retrySigningKey = time.Second
	retryLogout     = 10 * time.Millisecond
	maxLoggedOut    = 5000 // of one API key in TokenLife: they stand in one record, which NATS must take
)

// claims are what a token says (RFC 7519 4): Kazoo's names where Kazoo has one.
type claims struct {
	Account string `json:"account_id"`
	Owner   string `json:"owner_id,omitempty"`
	KeyID   string `json:"key_id"`
	Method  string `json:"method"`
	jwt.RegisteredClaims
}

// newParser accepts HS256 alone: a token that names another algorithm, or none, does not choose how it is checked
// (RFC 8725 3.1).
func newParser() *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithStrictDecoding(),
	)
}

// sign makes a token for an API key.
func (a *Auth) sign(key Key) (string, Identity, error) {
	now := time.Now()
	c := claims{Account: key.Account, Owner: key.Owner, KeyID: key.ID, Method: MethodAPIKey, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TokenLife)), ID: rand.Text(),
	}}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(a.signingKey())
	if err != nil {
		return "", Identity{}, fmt.Errorf("%w: a token cannot be signed", ErrUnavailable)
	}
	return token, identity(key, &c), nil
}

func identity(key Key, c *claims) Identity {
	id := Identity{
		Role: AccountAdmin, Account: key.Account, Owner: key.Owner, KeyID: key.ID, TokenID: c.ID, Method: MethodAPIKey, Expires: c.ExpiresAt.Time,
	}
	if key.Owner != "" {
		id.Role = User
	}
	return id
}

// verify says whose JWT this is. What its API key says counts, not what it says itself.
func (a *Auth) verify(token string) (Identity, error) {
	if err := a.Err(); err != nil {
		return Identity{}, err
	}
	var c claims
	_, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.signingKey(), nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired): // told only of what we have signed
		return Identity{}, ErrExpired
	case err != nil: // not wrapped: it may quote the token
		return Identity{}, ErrInvalid
	}
	e := a.entry(recordOf(c.Account, c.KeyID))
	if e == nil || e.loggedOut(c.ID) {
		return Identity{}, ErrExpired
	}
	return identity(e.key, &c), nil
}

// Logout ends a token before its time, in all instances. The token is noted with its API key until it would have ended by
// itself. A super-admin's cannot be ended. Logout waits for NATS; the error is ErrCrowded, or wraps ErrUnavailable.
func (a *Auth) Logout(ctx context.Context, id Identity) error {
	name := recordOf(id.Account, id.KeyID)
	for {
		e := a.entry(name)
		if e == nil { // and the token with it
			return nil
		}
		kept := e.kept
		kept.LoggedOut = maps.Clone(kept.LoggedOut)
		if kept.LoggedOut == nil {
			kept.LoggedOut = map[string]int64{}
		}
		now := time.Now().Unix()
		maps.DeleteFunc(kept.LoggedOut, func(_ string, expires int64) bool { return expires <= now })
		if len(kept.LoggedOut) >= maxLoggedOut {
			return ErrCrowded
		}
		kept.LoggedOut[id.TokenID] = id.Expires.Unix()
		err := a.put(ctx, name, kept, store.Revision(e.revision))
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, store.ErrConflict):
			return unavailable(err)
		}
		select { // somebody else's change is on its way
		case <-ctx.Done():
			return unavailable(ctx.Err())
		case <-time.After(retryLogout):
		}
	}
}

// keptSigningKey is how the signing key is kept.
type keptSigningKey struct {
	HS256 []byte `json:"hs256"` // base64
}

// makeSigningKey stores a new signing key, unless there is one.
func (a *Auth) makeSigningKey(ctx context.Context) error {
	key := make([]byte, signingBytes)
	_, _ = rand.Read(key) // never fails
	raw, err := json.Marshal(keptSigningKey{HS256: key})
	if err == nil {
		_, err = a.records.Put(ctx, signingRecord, raw, store.Absent)
	}
	a.look(signingRecord)
	if err == nil {
		a.log.Info("a key to sign tokens was made", "bucket", Bucket)
	}
	return err
}

func (a *Auth) signingKey() []byte {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.signing
}

// lacksSigningKey says whether one has to be made. One that is there and cannot be read may be that of a newer version.
func (a *Auth) lacksSigningKey() bool {
	_, there, err := a.records.Get(signingRecord)
	return err == nil && !there
}

// lookSigning takes the signing key from its record. The caller holds the lock.
func (a *Auth) lookSigning(r store.Record, ok bool) {
	a.signing = nil
	if ok {
		var kept keptSigningKey
		if err := json.Unmarshal(r.Raw, &kept); err == nil && len(kept.HS256) == signingBytes {
			a.signing = kept.HS256
			return
		}
		a.log.Error("the key to sign tokens cannot be read, nobody can log in; delete its record and one is made", "bucket", Bucket, "key", Prefix+"."+signingRecord,
			"do", "nats kv del "+Bucket+" "+Prefix+"."+signingRecord)
		return
	}
	select {
	case a.missing <- struct{}{}:
	default:
	}
}
