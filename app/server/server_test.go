package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/app/config"
	"metaflows/app/egress"
	"metaflows/docker/logtest"
	"metaflows/flows/calls"
)

type lab struct {
	*testing.T
	Addresses
	log   *logtest.Log
	token string
	stop  func() error
}

// settingsFor are the defaults, with an Asterisk that is away and free ports.
func settingsFor(dir string) config.Config {
	var c config.Config
	c.ARI.URL, c.ARI.Username, c.ARI.Password, c.ARI.Application = "http://127.0.0.1:1/ari", "metaflows", "ari-password-1234", "metaflows"
	c.Node, c.NATS.Listen, c.HTTP.Addr, c.DataDir = "n1", "127.0.0.1:0", "127.0.0.1:0", dir
	c.Events.MaxAge, c.Events.MaxBytes = time.Hour, 8<<20
	c.BindingDigit, c.DigitTimeout, c.Precedence, c.Directory, c.PatternSearch, c.Absorb = "*", 800*time.Millisecond, "device", "open", "start", "armed"
	c.BlockedAddresses = egress.Default
	c.Recording.Max, c.Log.Level, c.Log.Format = time.Hour, "debug", "text"
	return c
}

func start(t *testing.T, cfg config.Config) *lab {
	t.Helper()
	l := &lab{T: t, log: &logtest.Log{}}
	ctx, cancel := context.WithCancel(context.Background())
	listening := make(chan Addresses, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, cfg, Options{Log: cfg.Logger(l.log), Version: "1.2.3", Listening: func(a Addresses) { listening <- a }})
	}()
	l.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = l.stop() })
	select {
	case l.Addresses = <-listening:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	l.token = cfg.AdminToken
	if l.token == "" {
		l.token = l.secret(l.AdminTokenFile)
	}
	return l
}

func (l *lab) secret(path string) string {
	l.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		l.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		l.Errorf("%s: %v", path, info.Mode())
	}
	return strings.TrimSpace(string(raw))
}

func (l *lab) do(method, path, body string) (int, string) {
	l.Helper()
	r, err := http.NewRequestWithContext(l.Context(), method, "http://"+l.HTTP+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		l.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		l.Fatal(err)
	}
	return w.StatusCode, string(text)
}

func (l *lab) audit() jetstream.JetStream {
	l.Helper()
	nc, err := nats.Connect("nats://"+l.NATS, nats.UserInfo(broker.AuditUser, l.secret(l.AuditPasswordFile)), nats.CustomInboxPrefix(broker.AuditInbox))
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		l.Fatal(err)
	}
	return js
}

const document = `{"data":{"patterns":{"2(\\d+)":{"module":"transfer"}},"numbers":{"9":{"module":"record_call"}}}}`

// TestWithoutAsterisk: the API answers, documents are kept and told, NATS listens, and it all outlives a restart.
func TestWithoutAsterisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	l := start(t, settingsFor(dir))
	if status, body := l.do("GET", "/healthz", ""); status != 200 {
		t.Error(status, body)
	}
	var status int
	var body string
	for range 1000 { // the stream is looked at beside the start
		if status, body = l.do("GET", "/readyz", ""); strings.Contains(body, `"nats":{"ok":true}`) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	var ready struct {
		Parts map[string]struct {
			OK      bool
			Problem string
		}
	}
	if err := json.Unmarshal([]byte(body), &ready); err != nil || status != 503 || ready.Parts["asterisk"].OK || !strings.HasPrefix(ready.Parts["asterisk"].Problem, "Asterisk at 127.0.0.1:1: ") ||
		!ready.Parts["nats"].OK || !ready.Parts["documents"].OK || !ready.Parts["logins"].OK || !ready.Parts["directory"].OK || len(ready.Parts) != 6 {
		t.Error(status, body)
	}
	for _, path := range []string{"/v2/accounts/acme/metaflows", "/v2/accounts/acme/users/alice/metaflows", "/v2/accounts/acme/devices/desk/metaflows"} {
		if status, body := l.do("POST", path, document); status != 200 {
			t.Error(status, body)
		}
	}
	began := time.Now()
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Error("the stop took", d)
	}
	log := l.log.String()

	token := l.token
	l = start(t, settingsFor(dir))
	if l.token != token {
		t.Error("a new admin token was made")
	}
	_, first := l.do("GET", "/v2/accounts/acme/metaflows", "")
	if !strings.Contains(first, `"data":{"patterns":{"2(\\d+)":{"module":"transfer","data":{"captures":["no_match"],"transfer_type":"blind"}}}`) {
		t.Error(first)
	}
	if status, body := l.do("DELETE", "/v2/accounts/acme/devices/desk/metaflows", ""); status != 200 {
		t.Error(status, body)
	}
	stream, err := l.audit().Stream(t.Context(), broker.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for seq := uint64(1); seq <= 4; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		for i := 0; err != nil && i < 100; i++ {
			time.Sleep(10 * time.Millisecond)
			m, err = stream.GetMsg(t.Context(), seq)
		}
		if err != nil {
			t.Fatalf("event %d: %v\n%s", seq, err, l.log)
		}
		subjects = append(subjects, m.Subject)
	}
	if strings.Join(subjects, " ") != strings.Repeat("metaflows.v1.event.acme.~.document.changed ", 3)+"metaflows.v1.event.acme.~.document.changed" {
		t.Error(subjects)
	}
	log += l.log.String()
	for _, secret := range []string{l.token, l.secret(l.AuditPasswordFile), "ari-password-1234"} {
		if strings.Contains(log, secret) {
			t.Error("a secret stands in the log")
		}
	}
	if !strings.Contains(log, l.AdminTokenFile) || !strings.Contains(log, l.AuditPasswordFile) {
		t.Error("the log does not say where the secrets are")
	}
}

func TestGivenToken(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.AdminToken, cfg.NATS.Listen = "a-token-that-was-given", "off"
	l := start(t, cfg)
	if status, body := l.do("GET", "/v2/accounts/a/metaflows", ""); status != 200 || strings.Contains(body, cfg.AdminToken) {
		t.Error(status, body)
	}
	if l.AdminTokenFile != "" || l.NATS != "" {
		t.Error(l.Addresses)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "admin.token")); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestStartFailsInOneLine(t *testing.T) {
	l := start(t, settingsFor(t.TempDir()))
	weak := t.TempDir()
	if err := os.WriteFile(filepath.Join(weak, "audit.password"), []byte("too short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*config.Config){
		"in use by another metaflows": func(c *config.Config) { c.DataDir = filepath.Dir(l.AdminTokenFile) },
		`METAFLOWS_DATA_DIR="` + filepath.Dir(l.AdminTokenFile) + `" cannot be used`:             func(c *config.Config) { c.DataDir = filepath.Dir(l.AdminTokenFile) },
		`METAFLOWS_NATS_LISTEN="192.0.2.1:4222"`:                                                 func(c *config.Config) { c.NATS.Listen = "192.0.2.1:4222" },
		`METAFLOWS_NATS_LISTEN="` + l.NATS + `"`:                                                 func(c *config.Config) { c.NATS.Listen = l.NATS },
		filepath.Join(weak, "audit.password") + " has a wrong content":                           func(c *config.Config) { c.DataDir = weak },
		"METAFLOWS_HTTP_ADDR":                                                                    func(c *config.Config) { c.HTTP.Addr = l.HTTP },
		`METAFLOWS_PPROF_ADDR="0.0.0.0:0" cannot be listened on: it is not of this machine only`: func(c *config.Config) { c.Pprof.Addr = "0.0.0.0:0" },
		"address already in use":                                                                 func(c *config.Config) { c.NATS.Listen = l.NATS },
		"ARI URL":                                                                                func(c *config.Config) { c.ARI.URL = "ftp://x" },
		`METAFLOWS_DATA_DIR="/dev/null/x" cannot be used`:                                        func(c *config.Config) { c.DataDir = "/dev/null/x" },
	} {
		cfg := settingsFor(t.TempDir())
		change(&cfg)
		began := time.Now()
		err := Run(t.Context(), cfg, Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", want, err)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s: after %v", want, d)
		}
	}
}

// An external NATS may come later than we.
func TestExternalNATSComesLater(t *testing.T) {
	nc := brokertest.Start(t)
	nc.Stop()
	cfg := settingsFor(t.TempDir())
	cfg.NATS.URL = strings.Replace(nc.URL(), "nats://", "nats://metaflows:hunter2@", 1)
	l := start(t, cfg)
	if status, _ := l.do("GET", "/v2/accounts/acme/metaflows", ""); status != 503 {
		t.Error(status)
	}
	if _, body := l.do("GET", "/readyz", ""); !strings.Contains(body, `"nats":{"ok":false`) || !strings.Contains(body, `"documents":{"ok":false`) {
		t.Error(body)
	}
	if status, body := l.do("POST", "/v2/accounts/acme/metaflows", document); status != 503 {
		t.Error(status, body)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, body := l.do("GET", "/readyz", ""); strings.Contains(body, "connection refused") && !strings.Contains(body, "hunter2") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("readyz does not give the reason")
		}
	}
	if log := l.log.String(); !strings.Contains(log, "NATS cannot be reached") || !strings.Contains(log, "connection refused") ||
		strings.Contains(log, "headers not supported") || strings.Contains(log, "hunter2") {
		t.Error(log)
	}
	nc.Again()
	l.posts(document)
}

// NATS is away at the start: codes are as in documents.json, which the process before has left.
func TestStartWithoutNATS(t *testing.T) {
	nc := brokertest.Start(t)
	cfg := settingsFor(t.TempDir())
	cfg.NATS.URL, cfg.AdminToken = nc.URL(), "a-token-that-was-given"
	l := start(t, cfg)
	l.posts(document)
	l.wellIs("directory") // which is kept once it was loaded
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	file := filepath.Join(cfg.DataDir, "documents.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	nc.Stop()
	l = start(t, cfg)
	if status, body := l.do("GET", "/v2/accounts/acme/metaflows", ""); status != 200 || !strings.Contains(body, `"record_call"`) {
		t.Error(status, body)
	}
	if _, body := l.do("GET", "/readyz", ""); !strings.Contains(body, `"documents":{"ok":false,"problem":"documents are as of 2`) || !strings.Contains(body, "from documents.json; ") {
		t.Error(body)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l = start(t, cfg)
	_, body := l.do("GET", "/readyz", "")
	for _, want := range []string{
		`"documents":{"ok":false,"problem":"there are no codes: documents.json does not exist; `,
		`"directory":{"ok":false,"problem":"accounts, users and devices are as of 2`,
		`"logins":{"ok":false,"problem":"nobody but the super-admin can log in: API keys are not known; `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s\nwant %s", body, want)
		}
	}
}

// With an external NATS and a given token a folder that cannot be used is no reason not to start.
func TestExternalNATSWithoutAFolder(t *testing.T) {
	cfg := settingsFor("/dev/null/x")
	cfg.NATS.URL, cfg.AdminToken = brokertest.Start(t).URL(), "a-token-that-was-given"
	l := start(t, cfg)
	l.posts(document)
	l.wellIs("documents")
	if log := l.log.String(); strings.Count(log, "METAFLOWS_DATA_DIR cannot be used") != 1 {
		t.Error(log)
	}
}

// wellIs waits until /readyz says that a part is well.
func (l *lab) wellIs(part string) {
	l.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, body := l.do("GET", "/readyz", "")
		if strings.Contains(body, `"`+part+`":{"ok":true}`) {
			return
		}
		if time.Now().After(deadline) {
			l.Fatal(body)
		}
	}
}

// posts stores a document of the account acme as soon as that can be done.
func (l *lab) posts(document string) {
	l.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, body := l.do("POST", "/v2/accounts/acme/metaflows", document)
		if status == 200 {
			return
		}
		if time.Now().After(deadline) {
			l.Fatal(status, body)
		}
	}
}

// A NATS server without JetStream is of no use, and is told as what it is.
func TestExternalNATSWithoutJetStream(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.NATS.URL = brokertest.Plain(t)
	l := start(t, cfg)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, body := l.do("GET", "/readyz", "")
		if strings.Count(body, "JetStream is not enabled") == 5 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(body)
		}
	}
}

func TestChannelVars(t *testing.T) {
	log := &logtest.Log{}
	c := &channelVars{log: slog.New(slog.NewTextHandler(log, nil))}
	all := map[string]string{}
	for _, name := range ChannelVars {
		all[name] = ""
	}
	c.check(calls.Channel{Vars: all})
	if c.err() != nil || log.String() != "" {
		t.Error(c.err(), log)
	}
	delete(all, "METAFLOWS_ROLE")
	for range 3 {
		c.check(calls.Channel{Vars: all})
	}
	if err := c.err(); err == nil || !strings.Contains(err.Error(), ChannelVarsLine) {
		t.Error(err)
	}
	if s := log.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, ChannelVarsLine) {
		t.Error(s)
	}
	all["METAFLOWS_ROLE"] = "x"
	if c.check(calls.Channel{Vars: all}); c.err() != nil {
		t.Error(c.err())
	}
}
