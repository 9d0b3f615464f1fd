package broker

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func open(t *testing.T, cfg Config) *Broker {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	cfg.AuditPassword, cfg.Node, cfg.MaxStore = "secret", "n1", 1<<30
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestEmbeddedOffListensNowhere(t *testing.T) {
	b := open(t, Config{Listen: "off"})
	if b.Addr() != "" || b.Err() != nil || !b.Embedded() {
		t.Error(b.Addr(), b.Err())
	}
	js, err := jetstream.New(b.Documents())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(context.Background(), jetstream.KeyValueConfig{Bucket: "b"}); err != nil {
		t.Error(err)
	}
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	if _, err := Open(Config{Dir: dir, Listen: "off"}); err == nil || !strings.Contains(err.Error(), "in use by another") {
		t.Error(err)
	}
	b.Close()
	open(t, Config{Dir: dir})
}

func TestAddressInUse(t *testing.T) {
	b := open(t, Config{})
	start := time.Now()
	_, err := Open(Config{Dir: t.TempDir(), Listen: b.Addr(), AuditPassword: "x"})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Error("it took", d)
	}
}

func TestExternalNeverBlocksTheStart(t *testing.T) {
	start := time.Now()
	b, err := Open(Config{URL: "nats://user:hunter2@127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Err(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Error("the start took", d)
	}
	if _, err := Open(Config{URL: "nats://127.0.0.1:1", Creds: filepath.Join(t.TempDir(), "none")}); !os.IsNotExist(unwrap(err)) {
		t.Error(err)
	}
}

func unwrap(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}

func TestRedacted(t *testing.T) {
	for in, want := range map[string]string{
		"nats://h:4222":                     "nats://h:4222",
		"nats://u:p@h:4222, nats://token@i": "nats://xxxxx@h:4222,nats://xxxxx@i",
		"u:p%zz@h":                          "(hidden)",
		"nats:secret":                       "(hidden)",
		"nats://h:4222/?token=secret#x":     "nats://h:4222/",
	} {
		if got := Redacted(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestToken(t *testing.T) {
	for in, want := range map[string]string{
		"": "~", "acme": "acme", "1700000000.12": "1700000000=2E12", "*": "=2A", "a b>": "a=20b=3E", "~": "=7E", "=": "=3D", "é": "=C3=A9",
	} {
		if got := Token(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Token("acme") }); n != 0 {
		t.Error(n, "allocations for a plain token")
	}
}

func FuzzToken(f *testing.F) {
	f.Add("a.b", "a=2Eb")
	f.Fuzz(func(t *testing.T, a, b string) {
		if (a == b) != (Token(a) == Token(b)) {
			t.Errorf("%q and %q: %q and %q", a, b, Token(a), Token(b))
		}
		if strings.ContainsAny(Token(a), ".*> \t\r\n") {
			t.Errorf("%q", Token(a))
		}
	})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func login(b *Broker, opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("nats://"+b.Addr(), opts...)
}
