package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/app/store"
	"metaflows/app/store/storetest"
)

func TestAdminToken(t *testing.T) {
	l := newLab(t, 1)
	id, err := l.Authenticate(adminToken)
	if err != nil || id != (Identity{Role: SuperAdmin, Method: "admin"}) {
		t.Error(id, err)
	}
	for _, c := range []struct {
		token string
		want  error
	}{
		{"", ErrInvalid}, {adminToken + "x", ErrUnknown}, {adminToken[1:], ErrUnknown}, {"admin", ErrUnknown}, {"a.b", ErrUnknown}, {"a.b.c.d", ErrUnknown},
		{"a.b.c", ErrInvalid}, {"..", ErrInvalid}, {strings.Repeat("a", maxToken+1), ErrInvalid}, {strings.Repeat(".", 1<<18), ErrInvalid},
	} {
		if id, err := l.Authenticate(c.token); !errors.Is(err, c.want) || id != (Identity{}) {
			t.Errorf("%.40q: %v %v, want %v", c.token, id, err, c.want)
		}
	}
	if _, err := New(Config{Records: l.bucket.Instance()}); err == nil {
		t.Error("made without an admin token")
	}
}

func TestLogin(t *testing.T) {
	l := newLab(t, 1)
	for _, c := range []struct {
		account, owner string
		role           Role
	}{{"acme", "", AccountAdmin}, {"acme", "alice", User}, {"other", "", AccountAdmin}} {
		key, secret := l.key(c.account, c.owner)
		if len(secret) != KeyLength || key.Prefix != secret[:8] || key.Account != c.account || key.Owner != c.owner || len(key.ID) != 32 || key.Created.IsZero() || key.Name != "for tests" {
			t.Errorf("%+v", key)
		}
		token, id := l.login(secret)
		got, err := l.Authenticate(token)
		if err != nil || got != id || id.Role != c.role || id.Account != c.account || id.Owner != c.owner || id.KeyID != key.ID || id.Method != "cb_api_auth" || id.TokenID == "" {
			t.Errorf("%+v %+v %v", id, got, err)
		}
		if again, other := l.login(secret); again == token || other.TokenID == id.TokenID {
			t.Error("two tokens are the same")
		}
		if _, err := l.Authenticate(secret); !errors.Is(err, ErrUnknown) {
			t.Errorf("an API key is taken as a token: %v", err)
		}
		for _, wrong := range []string{"", secret[1:], secret + "x", secret[:63] + "!", strings.ToLower(secret), secret[:8] + strings.Repeat("a", 56), token, adminToken, strings.Repeat("x", 64)} {
			if token, id, err := l.Login(wrong); !errors.Is(err, ErrNoKey) || token != "" || id != (Identity{}) {
				t.Errorf("%.8q...: %v", wrong, err)
			}
		}
	}
}

// TestExpiry: a token holds for an hour to the second, also in an instance that has not made it.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 2)
		synctest.Wait()
		_, secret := l.key("acme", "")
		token, id := l.login(secret)
		left := time.Until(id.Expires)
		if left > time.Hour || left <= time.Hour-time.Second {
			t.Error("holds for", left)
		}
		time.Sleep(left - time.Millisecond)
		for _, a := range []*Auth{l.Auth, l.others[0]} {
			if got, err := a.Authenticate(token); err != nil || got != id {
				t.Error(got, err)
			}
		}
		time.Sleep(time.Millisecond)
		for _, a := range []*Auth{l.Auth, l.others[0]} {
			if _, err := a.Authenticate(token); !errors.Is(err, ErrExpired) {
				t.Error(err)
			}
		}
		if _, _, err := l.Login(secret); err != nil {
			t.Error("the API key has ended with its token:", err)
		}
	})
}

// TestInstances: one signing key, whoever is first, and keys and revocations for all.
func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 5)
		synctest.Wait()
		if n := strings.Count(l.log.String(), "a key to sign tokens was made"); n != 1 {
			t.Errorf("%d signing keys were made", n)
		}
		first, secret := l.key("acme", "")
		mine, id := l.login(secret)
		other, _ := l.login(secret)
		check := func(token string, want error) {
			t.Helper()
			for i, a := range append(l.others, l.Auth) {
				if _, err := a.Authenticate(token); !errors.Is(err, want) {
					t.Errorf("instance %d: %v, want %v", i, err, want)
				}
			}
		}
		check(mine, nil)
		if err := l.others[0].Logout(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		check(mine, ErrExpired)
		check(other, nil)
		if err := l.others[1].DeleteKey(t.Context(), "acme", first.ID); err != nil {
			t.Fatal(err)
		}
		check(other, ErrExpired)
		if _, _, err := l.Login(secret); !errors.Is(err, ErrNoKey) {
			t.Error(err)
		}
		if err := l.Logout(t.Context(), id); err != nil {
			t.Error("a token that has ended cannot be logged out:", err)
		}
	})
}

// TestSigningKeyLost: what was signed by a key that is gone is not ours; a new key is made at once. One that cannot be
// read is not replaced: it may be that of a newer version.
func TestSigningKeyLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 2)
		synctest.Wait()
		_, secret := l.key("acme", "")
		token, _ := l.login(secret)
		before := l.secretKey()
		if _, err := l.first.Delete(t.Context(), signingRecord, store.Any); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if bytes.Equal(before, l.secretKey()) || l.Err() != nil || l.others[0].Err() != nil {
			t.Error("no new key", l.Err(), l.others[0].Err())
		}
		if _, err := l.Authenticate(token); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
		if fresh, _ := l.login(secret); fresh == token {
			t.Error("the same token")
		}
		_, _ = l.first.Put(t.Context(), signingRecord, []byte(`{"hs256":"c2hvcnQ="}`), store.Any)
		time.Sleep(time.Hour)
		if n := strings.Count(l.log.String(), "cannot be read, nobody can log in"); n != 2 {
			t.Errorf("two instances say %d times that the key cannot be read", n)
		}
		if _, _, err := l.Login(secret); !errors.Is(err, ErrUnavailable) || l.Err() == nil || !strings.Contains(l.log.String(), "cannot be read, nobody can log in") {
			t.Error(err, l.Err())
		}
	})
}

// TestLogout: what is noted is forgotten when the token would have ended; log-outs at once are all kept.
func TestLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 2)
		synctest.Wait()
		key, secret := l.key("acme", "alice")
		var tokens []string
		var all sync.WaitGroup
		for i := range 20 {
			token, id := l.login(secret)
			tokens = append(tokens, token)
			a := []*Auth{l.Auth, l.others[0]}[i%2]
			all.Go(func() {
				if err := a.Logout(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, token := range tokens {
			if _, err := l.Authenticate(token); !errors.Is(err, ErrExpired) {
				t.Fatal(err)
			}
		}
		noted := func() int { return len(l.entry(recordOf("acme", key.ID)).kept.LoggedOut) }
		if noted() != 20 {
			t.Error(noted(), "are noted")
		}
		time.Sleep(TokenLife)
		_, id := l.login(secret)
		if err := l.Logout(t.Context(), id); err != nil || noted() != 1 {
			t.Error(err, noted(), "are noted after an hour")
		}
		l.bucket.SetAway(true)
		token, id := l.login(secret)
		if err := l.Logout(t.Context(), id); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		if _, err := l.Authenticate(token); err != nil {
			t.Error("said to be unavailable, and done:", err)
		}
	})
}

func TestKeys(t *testing.T) {
	l := newLab(t, 1)
	if keys, err := l.Keys("acme"); err != nil || len(keys) != 0 {
		t.Error(keys, err)
	}
	a, _ := l.key("acme", "")
	b, _ := l.key("acme", "alice")
	c, _ := l.key("acme", "alice")
	other, otherSecret := l.key("acme2", "alice")
	keys, err := l.Keys("acme")
	if err != nil || len(keys) != 3 || keys[0].ID >= keys[1].ID || keys[1].ID >= keys[2].ID {
		t.Error(keys, err)
	}
	if got, err := l.Key("acme", b.ID); err != nil || got != b {
		t.Error(got, err)
	}
	if _, err := l.Key("acme", other.ID); !errors.Is(err, ErrNoKey) {
		t.Error("another account's key is shown:", err)
	}
	if err := l.DeleteKey(t.Context(), "acme", other.ID); !errors.Is(err, ErrNoKey) {
		t.Error("another account's key is revoked:", err)
	}
	if err := l.Forget(t.Context(), "acme", "alice"); err != nil {
		t.Fatal(err)
	}
	if keys, _ := l.Keys("acme"); len(keys) != 1 || keys[0] != a {
		t.Error(keys)
	}
	if _, err := l.Key("acme", c.ID); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if err := l.Forget(t.Context(), "acme", ""); err != nil {
		t.Fatal(err)
	}
	if keys, _ := l.Keys("acme"); len(keys) != 0 {
		t.Error(keys)
	}
	if _, _, err := l.Login(otherSecret); err != nil {
		t.Error("another account's key went with them:", err)
	}
	if len(l.byPrefix) != 1 {
		t.Errorf("%d prefixes are left", len(l.byPrefix))
	}
}

// TestSamePrefix: keys that begin alike are told apart.
func TestSamePrefix(t *testing.T) {
	l := newLab(t, 1)
	key, secret := l.key("acme", "")
	twin := secret[:8] + strings.Repeat("z", 56)
	r, _, _ := l.first.Get(recordOf("acme", key.ID))
	hash := fmt.Sprintf("%x", sum(twin))
	raw := strings.ReplaceAll(string(r.Raw), fmt.Sprintf("%x", sum(secret)), hash)
	if _, err := l.first.Put(t.Context(), recordOf("twins", "t1"), []byte(raw), store.Absent); err != nil {
		t.Fatal(err)
	}
	if _, id := l.login(twin); id.Account != "twins" {
		t.Errorf("%+v", id)
	}
	if _, id := l.login(secret); id.Account != "acme" {
		t.Errorf("%+v", id)
	}
}

func TestUnreadableKey(t *testing.T) {
	l := newLab(t, 1)
	key, secret := l.key("acme", "")
	for _, raw := range []string{``, `[]`, `{}`, `{"hash":"00","prefix":"abcdefgh"}`, `{"hash":"` + strings.Repeat("zz", 32) + `","prefix":"abcdefgh"}`, `{"hash":"` + strings.Repeat("00", 32) + `","prefix":""}`} {
		if _, err := l.first.Put(t.Context(), recordOf("acme", key.ID), []byte(raw), store.Any); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Login(secret); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if !strings.Contains(l.log.String(), "opens nothing") {
		t.Error(l.log)
	}
}

// TestUnavailable: before anything is loaded only the super-admin is known, and nobody is refused for what is not known.
func TestUnavailable(t *testing.T) {
	from := newLab(t, 1)
	_, secret := from.key("acme", "")
	token, _ := from.login(secret)
	a, err := New(Config{Records: from.bucket.Instance(), AdminToken: adminToken})
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrUnavailable) {
			t.Error(what, err)
		}
	}
	_, err = a.Authenticate(token)
	check("authenticate", err)
	_, _, err = a.Login(secret)
	check("login", err)
	_, err = a.Keys("acme")
	check("keys", err)
	_, err = a.Key("acme", "k")
	check("key", err)
	check("delete", a.DeleteKey(t.Context(), "acme", "k"))
	check("forget", a.Forget(t.Context(), "acme", ""))
	if _, err := a.Authenticate(adminToken); err != nil || a.Err() == nil {
		t.Error(err, a.Err())
	}
	from.bucket.SetAway(true)
	_, _, err = from.CreateKey(t.Context(), "acme", "", "")
	check("create", err)
	if _, err := from.Authenticate(token); err != nil {
		t.Error("NATS is away, and a token that is known is refused:", err)
	}
}

// TestNothingIsTold: no secret stands in the log or in an error, whatever is done.
func TestNothingIsTold(t *testing.T) {
	l := newLab(t, 2)
	key, secret := l.key("acme", "alice")
	token, id := l.login(secret)
	var errs []string
	note := func(err error) {
		if err != nil {
			errs = append(errs, err.Error())
		}
	}
	for _, try := range []string{token, token + "x", token[:len(token)-4], secret, adminToken + "x", token + "." + token} {
		_, err := l.Authenticate(try)
		note(err)
		_, _, err = l.Login(try)
		note(err)
	}
	note(l.Logout(t.Context(), id))
	_, err := l.Authenticate(token)
	note(err)
	note(l.DeleteKey(t.Context(), "acme", key.ID))
	note(l.DeleteKey(t.Context(), "acme", key.ID))
	_, _ = l.first.Put(t.Context(), recordOf("acme", key.ID), []byte(`{"hash":"`+secret+`"}`), store.Any)
	_, _ = l.first.Put(t.Context(), signingRecord, []byte(`{"hs256":"`+base64.StdEncoding.EncodeToString([]byte(secret))+`"}`), store.Any)
	l.bucket.SetAway(true)
	_, _, err = l.CreateKey(t.Context(), "acme", "", "")
	note(err)
	text := l.log.String() + strings.Join(errs, "\n")
	if len(errs) < 10 || strings.Count(text, "level=") < 4 {
		t.Fatalf("too little was said: %d errors\n%s", len(errs), text)
	}
	signing := l.secretKey()
	for what, s := range map[string]string{
		"an API key": secret, "an API key's beginning": secret[:12], "a token": token, "a token's signature": token[strings.LastIndex(token, "."):], "a token's claims": strings.Split(token, ".")[1],
		"the admin token": adminToken, "the signing key": base64.StdEncoding.EncodeToString(signing), "the signing key (hex)": hex.EncodeToString(signing), "a hash": fmt.Sprintf("%x", sum(secret)),
	} {
		if strings.Contains(text, s) {
			t.Errorf("%s is told:\n%s", what, text)
		}
	}
}

func TestNewSecret(t *testing.T) {
	seen := map[string]bool{}
	count := map[rune]int{}
	for range 2000 {
		s := newSecret()
		if len(s) != KeyLength || seen[s] {
			t.Fatal(s)
		}
		seen[s] = true
		for _, r := range s {
			count[r]++
		}
	}
	if len(count) != 62 {
		t.Errorf("%d different characters", len(count))
	}
	for r, n := range count { // 2064 each on average, standard deviation 45
		if !strings.ContainsRune(alphabet, r) || n < 2064-8*45 || n > 2064+8*45 {
			t.Errorf("%q: %d times", r, n)
		}
	}
}

// behind are the records of an instance that hears of others' changes only when it asks.
type behind struct {
	*storetest.Records
	asked   bool
	changed func(key string)
}

func (r *behind) Changed(changed func(key string)) {
	r.changed = changed
	r.Records.Changed(func(key string) {
		if r.asked || !strings.Contains(key, ".api_key.") {
			changed(key)
		}
	})
}

func (r *behind) List(prefix string) ([]store.Record, error) {
	if !r.asked && strings.Contains(prefix, ".api_key.") {
		return nil, nil
	}
	return r.Records.List(prefix)
}

func (r *behind) Refresh(context.Context) error {
	r.asked = true
	list, err := r.Records.List("")
	for _, record := range list {
		r.changed(record.Key)
	}
	return err
}

// TestForgetOfAnothers: a key that another instance has just made is revoked too.
func TestForgetOfAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1)
		records := &behind{Records: l.bucket.Instance()}
		late, err := New(Config{Records: records, AdminToken: adminToken})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go late.Run(ctx)
		records.Load()
		synctest.Wait()
		_, secret := l.key("acme", "alice")
		if err := late.Forget(t.Context(), "acme", "alice"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Login(secret); !errors.Is(err, ErrNoKey) {
			t.Error("the key of who is gone opens:", err)
		}
		cancel()
		synctest.Wait()
	})
}

// TestLogoutCrowded: no more log-outs are noted with a key than one record can have, until their tokens have ended.
func TestLogoutCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1)
		synctest.Wait()
		key, secret := l.key("acme", "alice")
		name := recordOf("acme", key.ID)
		kept := l.entry(name).kept
		kept.LoggedOut = map[string]int64{}
		for len(kept.LoggedOut) < maxLoggedOut {
			kept.LoggedOut[rand.Text()] = time.Now().Add(TokenLife).Unix()
		}
		if err := l.put(t.Context(), name, kept, store.Any); err != nil {
			t.Fatal(err)
		}
		token, id := l.login(secret)
		if err := l.Logout(t.Context(), id); !errors.Is(err, ErrCrowded) || len(l.bucket.All()[name]) > 512<<10 {
			t.Error(err, len(l.bucket.All()[name]))
		}
		if _, err := l.Authenticate(token); err != nil {
			t.Error("not ended, and holds no longer:", err)
		}
		time.Sleep(TokenLife)
		_, id = l.login(secret)
		if err := l.Logout(t.Context(), id); err != nil {
			t.Error(err)
		}
	})
}
