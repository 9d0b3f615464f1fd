package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func sum(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

func part(v any) string {
	raw, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// TestForgedTokens: nothing but what we have signed, as we sign it, is a token.
func TestForgedTokens(t *testing.T) {
	l := newLab(t, 1)
	key, secret := l.key("acme", "alice")
	good, id := l.login(secret)
	pieces := strings.Split(good, ".")
	secretKey := l.secretKey()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})

	right := func() jwt.MapClaims {
		return jwt.MapClaims{
			"iss": "metaflows", "account_id": "acme", "owner_id": "alice", "key_id": key.ID, "jti": "j", "method": "cb_api_auth",
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		}
	}
	signed := func(method jwt.SigningMethod, key any, change ...any) string {
		t.Helper()
		c := right()
		for i := 0; i+1 < len(change); i += 2 {
			if c[change[i].(string)] = change[i+1]; change[i+1] == nil {
				delete(c, change[i].(string))
			}
		}
		s, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	headed := func(header map[string]any) string { // signed with the right key, under a header of its own
		t.Helper()
		text := part(header) + "." + part(right())
		sig, err := jwt.SigningMethodHS256.Sign(text, secretKey)
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(sig)
	}

	if got, err := l.Authenticate(signed(jwt.SigningMethodHS256, secretKey)); err != nil || got.Account != "acme" || got.Role != User {
		t.Fatal("the test signs otherwise than the package:", got, err)
	}
	if got, err := l.Authenticate(signed(jwt.SigningMethodHS256, secretKey, "owner_id", nil)); err != nil || got.Role != User || got.Owner != "alice" {
		t.Error("what a token says counts more than its API key:", got, err)
	}
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"alg none":                       {signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), ErrInvalid},
		"alg none, with a signature":     {part(map[string]string{"alg": "none", "typ": "JWT"}) + "." + part(right()) + "." + pieces[2], ErrInvalid},
		"alg None":                       {part(map[string]string{"alg": "None"}) + "." + part(right()) + ".", ErrInvalid},
		"alg empty":                      {headed(map[string]any{"alg": ""}), ErrInvalid},
		"no alg":                         {headed(map[string]any{"typ": "JWT"}), ErrInvalid},
		"alg a number":                   {headed(map[string]any{"alg": 256}), ErrInvalid},
		"alg hs256":                      {headed(map[string]any{"alg": "hs256"}), ErrInvalid},
		"HS256 key said to be RS256":     {headed(map[string]any{"alg": "RS256"}), ErrInvalid},
		"RS256, own key":                 {signed(jwt.SigningMethodRS256, private), ErrInvalid},
		"PS256, own key":                 {signed(jwt.SigningMethodPS256, private), ErrInvalid},
		"ES256, own key":                 {signed(jwt.SigningMethodES256, curve), ErrInvalid},
		"HS256, a public key as secret":  {signed(jwt.SigningMethodHS256, publicPEM), ErrInvalid},
		"HS384, the right key":           {signed(jwt.SigningMethodHS384, secretKey), ErrInvalid},
		"HS512, the right key":           {signed(jwt.SigningMethodHS512, secretKey), ErrInvalid},
		"HS256, empty key":               {signed(jwt.SigningMethodHS256, []byte{}), ErrInvalid},
		"HS256, another key":             {signed(jwt.SigningMethodHS256, []byte("0123456789abcdef0123456789abcdef")), ErrInvalid},
		"HS256, the API key":             {signed(jwt.SigningMethodHS256, []byte(secret)), ErrInvalid},
		"signature cut":                  {good[:len(good)-2], ErrInvalid},
		"no signature":                   {pieces[0] + "." + pieces[1] + ".", ErrInvalid},
		"another's signature":            {pieces[0] + "." + part(right()) + "." + pieces[2], ErrInvalid},
		"padded":                         {good + "=", ErrInvalid},
		"a line after it":                {good + "\n", ErrInvalid},
		"a line in it":                   {good[:30] + "\r\n" + good[30:], ErrInvalid},
		"no issuer":                      {signed(jwt.SigningMethodHS256, secretKey, "iss", nil), ErrInvalid},
		"Kazoo's issuer":                 {signed(jwt.SigningMethodHS256, secretKey, "iss", "kazoo"), ErrInvalid},
		"no expiry":                      {signed(jwt.SigningMethodHS256, secretKey, "exp", nil), ErrInvalid},
		"expiry 0":                       {signed(jwt.SigningMethodHS256, secretKey, "exp", 0), ErrExpired},
		"expiry a text":                  {signed(jwt.SigningMethodHS256, secretKey, "exp", "tomorrow"), ErrInvalid},
		"expired":                        {signed(jwt.SigningMethodHS256, secretKey, "exp", time.Now().Add(-time.Second).Unix()), ErrExpired},
		"expired, another key":           {signed(jwt.SigningMethodHS256, []byte("0123456789abcdef0123456789abcdef"), "exp", 1), ErrInvalid},
		"not yet":                        {signed(jwt.SigningMethodHS256, secretKey, "nbf", time.Now().Add(time.Hour).Unix()), ErrInvalid},
		"another account with this key":  {signed(jwt.SigningMethodHS256, secretKey, "account_id", "other"), ErrExpired},
		"no key":                         {signed(jwt.SigningMethodHS256, secretKey, "key_id", nil), ErrExpired},
		"a key that is none":             {signed(jwt.SigningMethodHS256, secretKey, "key_id", "0"), ErrExpired},
		"a key by a way around":          {signed(jwt.SigningMethodHS256, secretKey, "account_id", "acme.api_key."+key.ID, "key_id", ""), ErrExpired},
		"claims are a list":              {pieces[0] + "." + part([]int{1}) + "." + pieces[2], ErrInvalid},
		"a header with a key of its own": {headed(map[string]any{"alg": "RS256", "jwk": map[string]string{"kty": "oct"}}), ErrInvalid},
	} {
		if got, err := l.Authenticate(c.token); !errors.Is(err, c.want) || got != (Identity{}) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
	}
	if got, err := l.Authenticate(good); err != nil || got != id {
		t.Error("the right one is refused after all that:", err)
	}
}

// FuzzAuthenticate: a text that we have not signed opens nothing, and ends nothing.
func FuzzAuthenticate(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AA", strings.Repeat("A", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		l := newLab(t, 1)
		if id, err := l.Authenticate(token); err == nil || id != (Identity{}) {
			t.Errorf("%q: %+v", token, id)
		}
		if _, id, err := l.Login(token); !errors.Is(err, ErrNoKey) || id != (Identity{}) {
			t.Errorf("%q: %+v", token, id)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	l := newLab(b, 1)
	_, secret := l.key("acme", "")
	token, _ := l.login(secret)
	for b.Loop() {
		if _, err := l.Authenticate(token); err != nil {
			b.Fatal(err)
		}
	}
}
