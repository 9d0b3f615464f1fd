package auth

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/app/store"
	"metaflows/docker/logtest"
)

// instance runs an Auth on NATS until the test ends, or stop is called.
func instance(t *testing.T, cfg broker.Config, quota ...*store.Quota) (a *Auth, log *logtest.Log, stop func()) {
	t.Helper()
	cfg.Node, cfg.Listen, cfg.AuditPassword, cfg.MaxStore = "n1", "off", "x", 1<<30
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	log = &logtest.Log{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := store.RecordsConfig{Conn: b.Documents(), Bucket: Bucket, Prefix: Prefix, Log: logger}
	if len(quota) > 0 {
		c.Quota, c.Counts = quota[0], Counts
	}
	records, err := store.NewRecords(c)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = New(Config{Records: records, AdminToken: adminToken, Log: logger}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { records.Run(ctx) })
	running.Go(func() { a.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait(); b.Close() })
	t.Cleanup(stop)
	return a, log, stop
}

// TestNATS: two instances that start at once on one NATS share the signing key, the API keys, and what is revoked.
func TestNATS(t *testing.T) {
	ns := brokertest.Start(t)
	one, log1, _ := instance(t, broker.Config{URL: ns.URL()})
	two, log2, _ := instance(t, broker.Config{URL: ns.URL()})
	waitFor(t, func() bool { return one.Err() == nil && two.Err() == nil })
	if n := strings.Count(log1.String()+log2.String(), "a key to sign tokens was made"); n != 1 {
		t.Errorf("%d signing keys were made", n)
	}
	key, secret, err := one.CreateKey(t.Context(), "acme", "alice", "laptop")
	if err != nil {
		t.Fatal(err)
	}
	first, id, err := one.Login(secret) // at once: the instance that made a key knows it
	if err != nil {
		t.Fatal(err)
	}
	var second string
	waitFor(t, func() bool { second, _, err = two.Login(secret); return err == nil })
	for _, a := range []*Auth{one, two} {
		for _, token := range []string{first, second} {
			if got, err := a.Authenticate(token); err != nil || got.Account != "acme" || got.Role != User || got.Owner != "alice" || got.KeyID != key.ID {
				t.Error(got, err)
			}
		}
	}
	ends := func(a *Auth, token string) {
		t.Helper()
		waitFor(t, func() bool { _, err := a.Authenticate(token); return errors.Is(err, ErrExpired) })
	}
	if err := two.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ends(two, first)
	ends(one, first)
	if _, err := one.Authenticate(second); err != nil {
		t.Error("the other token has ended too:", err)
	}
	var all sync.WaitGroup // log-outs in both at once: the store lets one of them through, the other comes again
	for range 5 {
		for _, a := range []*Auth{one, two} {
			token, id, err := a.Login(secret)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				if err := a.Logout(t.Context(), id); err != nil {
					t.Error(err)
				}
				ends(one, token)
				ends(two, token)
			})
		}
	}
	all.Wait()
	if err := two.DeleteKey(t.Context(), "acme", key.ID); err != nil {
		t.Fatal(err)
	}
	ends(one, second)
	ends(two, second)
}

// TestRestart: keys, tokens and log-outs are kept by the embedded NATS.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	before, _, stop := instance(t, broker.Config{Dir: dir})
	waitFor(t, func() bool { return before.Err() == nil })
	_, secret, err := before.CreateKey(t.Context(), "acme", "", "")
	if err != nil {
		t.Fatal(err)
	}
	kept, want, _ := before.Login(secret)
	ended, id, _ := before.Login(secret)
	if err := before.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	stop()
	after, log, _ := instance(t, broker.Config{Dir: dir})
	waitFor(t, func() bool { return after.Err() == nil })
	if got, err := after.Authenticate(kept); err != nil || got != want {
		t.Error(got, err)
	}
	if _, err := after.Authenticate(ended); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
	if strings.Contains(log.String(), "a key to sign tokens was made") {
		t.Error(log)
	}
}

// An account has no more API keys than its limit, whoever's they are; a log-out needs no room, and a key that is gone makes some.
func TestLimitOfKeys(t *testing.T) {
	quota := store.NewQuota(map[store.Kind]int64{store.APIKeys: 2, store.Bytes: 1})
	a, _, _ := instance(t, broker.Config{Dir: t.TempDir()}, quota)
	waitFor(t, func() bool { return a.Err() == nil })
	key, secret, err := a.CreateKey(t.Context(), "acme", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateKey(t.Context(), "acme", "alice", ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.CreateKey(t.Context(), "acme", "", "")
	if limit, ok := errors.AsType[*store.LimitError](err); !ok || errors.Is(err, ErrUnavailable) || limit.Use != 2 || limit.Limit != 2 || limit.Kind != store.APIKeys {
		t.Fatal("a third key:", err)
	}
	if keys, err := a.Keys("acme"); err != nil || len(keys) != 2 {
		t.Error(keys, err)
	}
	if _, _, err := a.CreateKey(t.Context(), "other", "", ""); err != nil {
		t.Error("of another account:", err)
	}
	token, id, err := a.Login(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Logout(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := a.Authenticate(token); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
	if err := a.DeleteKey(t.Context(), "acme", key.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateKey(t.Context(), "acme", "", ""); err != nil {
		t.Error(err)
	}
	if high := quota.Highest(); high["api_keys"] != 2 || high["bytes"] != 0 {
		t.Error(high)
	}
}
