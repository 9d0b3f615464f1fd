package rest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"metaflows/app/auth"
	"metaflows/app/directory"
	"metaflows/app/recordings"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/app/store/storetest"
	"metaflows/flows"
)

// unguarded are the routes that anybody may use: a new one has to be named here.
var unguarded = []string{"PUT /v2/api_auth", "GET /v2/schemas", "GET /v2/schemas/{name}", "GET /v2/schemas/events", "GET /v2/schemas/events/{type}"}

// secretMark stands in everything that the victim has stored.
const secretMark = "only-for-acme"

// siege is an API with a victim, account acme with the user alice and her device desk, and those who attack it.
type siege struct {
	*keyLab
	entries *storetest.Bucket // of the directory
	key     string            // id of an API key of acme
	secrets []string          // that nobody may be told
	strange map[string]string
	foreign map[string]string // tokens of other accounts
	admin   string            // of acme's administrator
	bob     string            // of another user of acme
}

// documents are what a directory asks for.
type documents struct{ *memory }

func (d documents) Refresh(context.Context) error { return nil }

// openDirectory gives the API a directory, with the victim in it, and all routes that there are.
func (s *siege) openDirectory(t *testing.T) {
	records := s.entries.Instance()
	records.Load()
	cfg := s.api.cfg
	dir := directory.New(directory.Config{Records: records, Documents: documents{s.docs}, Keys: s.keys, Schemas: cfg.Schemas})
	cfg.Directory, cfg.Owners = dir, dir
	cfg.Stories = stories{"acme/call": {published("call.started", `,"device":"desk","sip_call_id":"`+secretMark+`"`)}}
	cfg.Recordings = recorded{{ID: "recording", Owner: "alice", From: secretMark, State: recordings.Kept, Name: "r.wav", ContentType: "audio/wav", MediaSource: "recorded"}}
	for _, e := range []struct {
		place store.Place
		data  string
	}{
		{store.Place{Account: "acme", Scope: flows.ScopeAccount}, `{"id":"acme","name":"` + secretMark + `"}`},
		{store.Place{Account: "other", Scope: flows.ScopeAccount}, `{"id":"other","name":"other"}`},
		{store.Place{Account: "acme", Scope: flows.ScopeUser}, `{"id":"alice","name":"` + secretMark + `"}`},
		{store.Place{Account: "acme", Scope: flows.ScopeUser}, `{"id":"bob","name":"Bob"}`},
		{store.Place{Account: "acme", Scope: flows.ScopeDevice}, `{"id":"desk","owner_id":"alice","name":"` + secretMark + `"}`},
	} {
		data, err := schema.Parse([]byte(e.data))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Create(t.Context(), e.place, data); err != nil {
			t.Fatal(e.data, err)
		}
	}
	config := reflect.ValueOf(cfg)
	for i := range config.NumField() {
		field := config.Type().Field(i)
		if kind := field.Type.Kind(); (kind == reflect.Interface || kind == reflect.Pointer || kind == reflect.Func) && config.Field(i).IsNil() && field.Name != "Strangers" && field.Name != "Known" {
			t.Errorf("the API is without %s: if routes depend on it they are not attacked", field.Name)
		}
	}
	var err error
	if s.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
}

var attackersKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func besiege(t *testing.T) *siege {
	l := newKeyLab(t)
	s := &siege{keyLab: l, entries: storetest.NewBucket()}
	s.openDirectory(t)
	document := []byte(`{"` + secretMark + `":true}`)
	for _, p := range []store.Place{{Account: "acme", Scope: flows.ScopeAccount}, {Account: "acme", Scope: flows.ScopeUser, ID: "alice"}, {Account: "acme", Scope: flows.ScopeDevice, ID: "desk"}} {
		if _, err := l.docs.set(p, document, store.Any); err != nil {
			t.Fatal(err)
		}
	}
	token := func(account, owner string) (string, auth.Identity, auth.Key, string) {
		name := secretMark
		if account != "acme" {
			name = "of " + account
		}
		key, secret, err := l.keys.CreateKey(t.Context(), account, owner, name)
		if err != nil {
			t.Fatal(err)
		}
		token, id, err := l.keys.Login(secret)
		if err != nil {
			t.Fatal(err)
		}
		s.secrets = append(s.secrets, secret)
		return token, id, key, secret
	}
	good, _, key, secret := token("acme", "")
	s.key, s.admin = key.ID, good
	s.secrets = append(s.secrets, good, secretMark, adminToken)
	ended, endedID, _, _ := token("acme", "")
	revoked, _, revokedKey, _ := token("acme", "")
	lost, _, lostKey, _ := token("acme", "")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(l.keys.Logout(t.Context(), endedID))
	check(l.keys.DeleteKey(t.Context(), "acme", revokedKey.ID))
	_, err := l.vault.Instance().Delete(t.Context(), "acme.api_key."+lostKey.ID, store.Any) // as by another instance
	check(err)

	var kept struct{ HS256 []byte }
	check(json.Unmarshal([]byte(l.vault.All()["signing_key"]), &kept))
	private, err := attackersKey()
	check(err)
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	check(err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	sign := func(method jwt.SigningMethod, with any, expires time.Time) string {
		text, err := jwt.NewWithClaims(method, jwt.MapClaims{
			"iss": "metaflows", "account_id": "acme", "key_id": key.ID, "method": "cb_api_auth", "jti": "j", "iat": 1, "exp": expires.Unix(),
		}).SignedString(with)
		check(err)
		return text
	}
	later := time.Now().Add(time.Hour)
	if _, err := l.keys.Authenticate(sign(jwt.SigningMethodHS256, kept.HS256, later)); err != nil {
		t.Fatal("the test signs otherwise than the API, it would prove nothing:", err)
	}
	s.strange = map[string]string{
		"no token":              "",
		"malformed":             "a.b.c",
		"a word":                "admin",
		"an API key":            secret,
		"a token cut":           good[:len(good)-3],
		"a token and more":      good + "x",
		"alg none":              sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, later),
		"RS256":                 sign(jwt.SigningMethodRS256, private, later),
		"RS256 key as HS256's":  sign(jwt.SigningMethodHS256, public, later),
		"another algorithm":     sign(jwt.SigningMethodHS512, kept.HS256, later),
		"an empty key":          sign(jwt.SigningMethodHS256, []byte{}, later),
		"expired":               sign(jwt.SigningMethodHS256, kept.HS256, time.Now().Add(-time.Second)),
		"logged out":            ended,
		"API key revoked":       revoked,
		"API key deleted in KV": lost,
	}
	s.foreign = map[string]string{}
	s.foreign["another account's administrator"], _, _, _ = token("other", "")
	s.foreign["another account's user"], _, _, _ = token("other", "alice")
	s.bob, _, _, _ = token("acme", "bob")
	return s
}

// state is everything that is stored.
func (s *siege) state() string {
	s.docs.mu.Lock()
	defer s.docs.mu.Unlock()
	return fmt.Sprint(s.docs.docs, s.docs.revision, s.vault.All(), s.entries.All(), s.calls.sent) // maps print sorted
}

var pathVariable = regexp.MustCompile(`\{([a-z_]+)\.*\}`)

// path is a route's pattern with the victim's ids, and with another account's id where one is given.
func (s *siege) path(pattern, account string) string {
	ids := map[string]string{"account": account, "user": "alice", "device": "desk", "key": s.key, "channel": "1.alice"}
	return pathVariable.ReplaceAllStringFunc(pattern, func(v string) string {
		name := pathVariable.FindStringSubmatch(v)[1]
		if ids[name] == "" {
			return name
		}
		return ids[name]
	})
}

// send sends one request without the lab's token; carry puts the token into it.
func (s *siege) send(method, path, token string, carry func(method, path, token string) (string, string, []string)) *httptest.ResponseRecorder {
	path, body, header := carry(method, path, token)
	return s.do(method, path, body, append([]string{"X-Auth-Token: ", "X-Request-ID: r1"}, header...)...)
}

// carriers are the ways in which a token comes (app/rest/README.md, Logging in).
var carriers = map[string]func(method, path, token string) (string, string, []string){
	"X-Auth-Token": func(_, path, token string) (string, string, []string) {
		return path, `{"data":{"binding_digit":"#"}}`, []string{"X-Auth-Token: " + token}
	},
	"Bearer": func(_, path, token string) (string, string, []string) {
		return path, `{"data":{"binding_digit":"#"}}`, []string{"Authorization: Bearer " + token}
	},
	"query": func(_, path, token string) (string, string, []string) {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		return path + sep + "auth_token=" + token, `{"data":{"binding_digit":"#"}}`, nil
	},
	"data": func(_, path, token string) (string, string, []string) {
		return path, `{"data":{"binding_digit":"#","auth_token":"` + token + `"}}`, nil
	},
	"envelope": func(_, path, token string) (string, string, []string) {
		return path, `{"auth_token":"` + token + `","data":{"binding_digit":"#"}}`, nil
	},
}

// requests are all that a route answers, by its methods and by POSTs that mean them.
func requests(r route) (all [][2]string) {
	for method := range strings.FieldsSeq(r.methods) {
		all = append(all, [2]string{method, r.pattern}, [2]string{"POST", r.pattern + "?verb=" + method})
	}
	return all
}

// told is an answer without what differs by the time and by the token that was sent, which is echoed.
func told(w *httptest.ResponseRecorder, token string) string {
	text := regexp.MustCompile(`"timestamp":"[^"]*"`).ReplaceAllString(w.Body.String(), "")
	if token != "" {
		text = strings.ReplaceAll(text, token, "(own)")
	}
	return fmt.Sprint(w.Code, w.Header(), text)
}

// quiet fails when an answer has a secret in it, other than the token that was sent.
func (s *siege) quiet(what string, w *httptest.ResponseRecorder, token string) {
	s.Helper()
	text := told(w, token)
	for _, secret := range s.secrets {
		if secret != token && strings.Contains(text, secret) {
			s.Errorf("%s is told a secret: %s", what, text)
		}
	}
}

// TestAttacks: every route of the API against everybody who must not use it. A refused request gets the right status, is
// told nothing, not even whether the account exists, and changes nothing.
func TestAttacks(t *testing.T) {
	s := besiege(t)
	routes := s.api.routes()
	before, sent := s.state(), 0
	ways := slices.Sorted(maps.Keys(carriers))
	refused := func(what string, method, pattern, token string, carry func(string, string, string) (string, string, []string), status int, accounts ...string) {
		t.Helper()
		var first string
		for _, account := range append(accounts, "acme", "nobody") {
			w := s.send(method, s.path(pattern, account), token, carry)
			sent++
			what := fmt.Sprintf("%s %s: %s", method, s.path(pattern, account), what)
			if w.Code != status {
				t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, status)
			}
			s.quiet(what, w, token)
			if strings.Contains(w.Body.String(), `"version"`) != (status == 403) {
				t.Errorf("%s: %s", what, w.Body)
			}
			if first == "" {
				first = told(w, token)
			}
			if told(w, token) != first {
				t.Errorf("%s is told another thing than for acme:\n%s\n%s", what, told(w, token), first)
			}
		}
		if now := s.state(); now != before {
			t.Fatalf("%s %s: %s has changed something:\n%s\n%s", method, pattern, what, before, now)
		}
	}
	var free []string
	for _, r := range routes {
		if r.who == open {
			for method := range strings.FieldsSeq(r.methods) {
				free = append(free, method+" "+r.pattern)
			}
			continue
		}
		patterns := requests(r)
		if rest, ok := strings.CutPrefix(r.pattern, accountsPath); ok {
			alias := r
			alias.pattern = accountPath + rest
			patterns = append(patterns, requests(alias)...)
		}
		for _, request := range patterns {
			method, pattern := request[0], request[1]
			for i, attack := range slices.Sorted(maps.Keys(s.strange)) {
				token, way := s.strange[attack], ways[i%len(ways)] // every way on every route, every attack by X-Auth-Token
				refused(attack, method, pattern, token, carriers["X-Auth-Token"], 401, "a.b", strings.Repeat("x", 65))
				refused(attack+" by "+way, method, pattern, token, carriers[way], 401)
			}
			if !strings.HasPrefix(pattern, accountsPath) {
				s.aboutWhoAsks(r, method, pattern, before)
				continue
			}
			for attack, token := range s.foreign {
				refused(attack, method, pattern, token, carriers["X-Auth-Token"], 403, "a.b")
			}
			reads := method == "GET" || strings.HasSuffix(pattern, "?verb=GET")
			if r.who == superAdmin {
				s.insiderRefused("the account's administrator", s.admin, method, pattern, before)
			}
			if r.who != members || !reads { // what every user may change would have to be named here
				s.insiderRefused("another user of the account", s.bob, method, pattern, before)
				sent++
			} else if method == "GET" {
				s.quiet("another user of the account: "+pattern, s.send("GET", s.path(pattern, "acme"), s.bob, carriers["X-Auth-Token"]), s.bob)
			}
		}
	}
	slices.Sort(free)
	if want := slices.Sorted(slices.Values(unguarded)); !slices.Equal(free, want) {
		t.Errorf("routes without a login are %v; the test knows of %v", free, want)
	}
	log := s.log.String()
	for _, secret := range append(slices.Collect(maps.Values(s.strange)), append(s.secrets, slices.Collect(maps.Values(s.foreign))...)...) {
		if len(secret) > 10 && secret != secretMark && strings.Contains(log, secret) {
			t.Errorf("a secret stands in the log: %s", secret)
		}
	}
	t.Logf("%d routes, %d requests refused", len(routes), sent)
}

// aboutWhoAsks: where the path names no account, strangers are told of themselves only, and what is the super-admin's is his.
func (s *siege) aboutWhoAsks(r route, method, pattern, before string) {
	s.Helper()
	for who, token := range s.foreign {
		if method != "GET" && r.who != superAdmin {
			continue
		}
		path := s.path(pattern, "acme")
		w := s.send(method, path, token, carriers["X-Auth-Token"])
		if w.Code != 403 && (r.who == superAdmin || w.Code != 200 && w.Code != 404) {
			s.Errorf("%s %s: %s: %d %s", method, path, who, w.Code, w.Body)
		}
		s.quiet(method+" "+path+" "+who, w, token)
		if s.state() != before {
			s.Fatalf("%s %s: %s has changed something", method, pattern, who)
		}
	}
}

// insiderRefused: somebody of the account is refused what is not his, is told nothing, and changes nothing.
func (s *siege) insiderRefused(who, token, method, pattern, before string) {
	s.Helper()
	path := s.path(pattern, "acme")
	w := s.send(method, path, token, carriers["X-Auth-Token"])
	if w.Code != 403 {
		s.Errorf("%s %s: %s: %d %s", method, path, who, w.Code, w.Body)
	}
	s.quiet(method+" "+path+" "+who, w, token)
	if s.state() != before {
		s.Fatalf("%s %s: %s has changed something", method, path, who)
	}
}

// TestAttacksReachTheirRoutes: what the attacks are refused, the super-admin is not; else they would be refused for
// something else.
func TestAttacksReachTheirRoutes(t *testing.T) {
	for _, r := range newLab(t).api.routes() {
		for method := range strings.FieldsSeq(r.methods) {
			s := besiege(t)
			w := s.send(method, s.path(r.pattern, "acme"), adminToken, carriers["X-Auth-Token"])
			ended := r.pattern == "/v2/token_auth" && method == "DELETE" // not for the admin token
			if w.Code == 401 || w.Code == 405 || w.Code >= 500 || w.Code == 403 && !ended || strings.Contains(w.Body.String(), `"message":"not_found"`) {
				t.Errorf("%s %s: %d %s", method, r.pattern, w.Code, w.Body)
			}
		}
	}
}
