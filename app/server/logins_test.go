package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/app/broker/brokertest"
)

// as makes a request with a token, "" for none, and reads the answer.
func (l *lab) as(token, method, path, body string) (status int, answer struct {
	AuthToken string `json:"auth_token"`
	Data      map[string]any
}) {
	l.Helper()
	admin := l.token
	defer func() { l.token = admin }()
	l.token = token
	status, text := l.do(method, path, body)
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		answer.Data = nil // of another type
	}
	return status, answer
}

// until asks until the answer has a status: what another instance has done comes by NATS.
func (l *lab) until(token, method, path, body string, want int) (token2 string) {
	l.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		status, answer := l.as(token, method, path, body)
		if status == want {
			return answer.AuthToken
		}
		if time.Now().After(deadline) {
			l.Fatalf("%s %s: %d, want %d", method, path, status, want)
		}
	}
}

func (l *lab) makeKey(account string) (id, key, login string) {
	l.Helper()
	l.until(l.token, "GET", "/v2/accounts/"+account+"/api_keys", "", 200) // the logins are loaded
	status, answer := l.as(l.token, "PUT", "/v2/accounts/"+account+"/api_keys", `{"data":{"name":"for tests"}}`)
	id, _ = answer.Data["id"].(string)
	key, _ = answer.Data["api_key"].(string)
	if status != 201 || len(key) != 64 {
		l.Fatal(status, len(key))
	}
	return id, key, `{"data":{"api_key":"` + key + `"}}`
}

// TestTwoInstances: what one process on a NATS server has signed, stored or revoked, the other knows.
func TestTwoInstances(t *testing.T) {
	server := brokertest.Start(t)
	run := func(node string) *lab {
		cfg := settingsFor(t.TempDir())
		cfg.NATS.URL, cfg.AdminToken, cfg.Node = server.URL(), "a-token-that-was-given", node
		return start(t, cfg)
	}
	one, two := run("n1"), run("n2")
	one.until(one.token, "GET", "/v2/accounts/acme/api_keys", "", 200)
	two.until(two.token, "GET", "/v2/accounts/acme/api_keys", "", 200)
	const document = "/v2/accounts/acme/metaflows"
	id, _, login := one.makeKey("acme")
	first := one.until("", "PUT", "/v2/api_auth", login, 201)
	second := two.until("", "PUT", "/v2/api_auth", login, 201)
	for _, l := range []*lab{one, two} {
		l.until(first, "GET", document, "", 200)
		l.until(second, "GET", document, "", 200)
	}
	two.until(first, "DELETE", "/v2/token_auth", "", 200)
	one.until(first, "GET", document, "", 401)
	one.until(second, "GET", document, "", 200)
	one.until(second, "DELETE", "/v2/accounts/acme/api_keys/"+id, "", 200)
	two.until(second, "GET", document, "", 401)
	two.until("", "PUT", "/v2/api_auth", login, 404)
}

// TestNoSecretIsTold: keys and tokens, right ones and wrong ones, stand in no log line, in no file but as what is stored,
// and outlive a restart.
func TestNoSecretIsTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	l := start(t, settingsFor(dir))
	_, key, login := l.makeKey("acme")
	token := l.until("", "PUT", "/v2/api_auth", login, 201)
	_, _, lostLogin := l.makeKey("acme")
	ended := l.until("", "PUT", "/v2/api_auth", lostLogin, 201)
	wrong := strings.Repeat("Wr0ng", 13)[:64]
	const document = "/v2/accounts/acme/metaflows"
	l.until("", "GET", document+"?auth_token="+token, "", 200)
	l.until("", "POST", document, `{"data":{"auth_token":"`+token+`"}}`, 200)
	l.until("", "POST", document, `{"auth_token":"`+token+`x","data":{}}`, 401)
	l.until("", "GET", document+"?auth_token="+wrong, "", 401)
	l.until(key, "GET", document, "", 401)
	l.until(l.token+"x", "GET", document, "", 401)
	l.until(token, "GET", "/v2/accounts/other/metaflows", "", 403)
	l.until("", "PUT", "/v2/api_auth", `{"data":{"api_key":"`+wrong+`"}}`, 404)
	l.until("", "PUT", "/v2/api_auth", `{"data":{"api_key":"`+wrong+`1"}}`, 400)
	l.until(ended, "DELETE", "/v2/token_auth", "", 200)
	first := l.log.String()
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, settingsFor(dir))
	again.until(token, "GET", document, "", 200)
	again.until(ended, "GET", document, "", 401)
	if strings.Contains(again.log.String(), "a key to sign tokens was made") {
		t.Error("a restart makes another signing key")
	}
	if err := again.stop(); err != nil {
		t.Fatal(err)
	}

	secrets := map[string]string{
		"the API key": key, "the API key's end": key[8:], "the token": token, "the token's signature": token[strings.LastIndex(token, ".")+1:], "the ended token": ended,
		"a wrong key": wrong, "the admin token": l.token,
	}
	for what, secret := range secrets {
		if strings.Contains(first+again.log.String(), secret) {
			t.Errorf("%s stands in the log", what)
		}
	}
	if !strings.Contains(first, "msg=login ") || !strings.Contains(first, "API key made") {
		t.Error("nothing was logged:", first)
	}
	delete(secrets, "the admin token") // it is kept in a file of its own
	signing := ""
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for what, secret := range secrets {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s stands in %s", what, path)
			}
		}
		if _, rest, ok := strings.Cut(string(raw), `{"hs256":"`); ok {
			signing, _, _ = strings.Cut(rest, `"`)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if signing == "" || strings.Contains(first+again.log.String(), signing) {
		t.Errorf("the signing key was not found (%q), or stands in the log", signing)
	}
}

// TestRateLimitIsSet: METAFLOWS_AUTH_RATE_LIMIT bounds what a client without a token may ask. Who has one is not slowed by it,
// nor by what strangers ask from the same address.
func TestRateLimitIsSet(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.NATS.Listen, cfg.Auth.RateLimit = "off", 1
	l := start(t, cfg)
	token := l.token
	l.token = ""
	passed := 0
	for range 20 {
		if status, _ := l.do("GET", "/v2/schemas", ""); status == 200 {
			passed++
		} else if status != 429 {
			t.Error(status)
		}
	}
	if passed < 10 || passed > 15 { // ten at once, and one a second
		t.Errorf("%d of 20 passed", passed)
	}
	for range 20 {
		if status, _ := l.do("GET", "/v2/accounts/acme/metaflows", ""); status != 401 && status != 429 {
			t.Error(status)
		}
	}
	l.token = token
	for i := range 1000 {
		if status, body := l.do("GET", "/v2/accounts/acme/metaflows", ""); status != 200 {
			t.Fatal(i, status, body)
		}
	}
}

// TestAdministratorsAreNotSlowed: 1,000 requests a second with a token, 10,000 at once.
func TestAdministratorsAreNotSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strangers, known := limiters(10)
		for range 10_000 {
			if _, ok := known.Allow("192.0.2.1", "acme", 1); !ok {
				t.Fatal("refused at once")
			}
		}
		for range 60 {
			if _, ok := known.Allow("192.0.2.1", "acme", 1); ok {
				t.Fatal("there is no limit")
			}
			time.Sleep(time.Second)
			for i := range 1000 {
				if _, ok := known.Allow("192.0.2.1", "acme", 1); !ok {
					t.Fatal("refused after", i)
				}
			}
		}
		if _, ok := strangers.Allow("192.0.2.1", "", 100); !ok {
			t.Error("strangers pay for who has a token")
		}
		if strangers, known := limiters(0); strangers != nil || known != nil {
			t.Error("0 is a limit")
		}
	})
}
