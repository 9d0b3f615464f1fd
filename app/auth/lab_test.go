package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"metaflows/app/store/storetest"
	"metaflows/docker/logtest"
)

const adminToken = "an-admin-token-for-tests"

// lab is one or more instances on one bucket.
type lab struct {
	testing.TB
	*Auth  // the first instance
	others []*Auth
	bucket *storetest.Bucket
	first  *storetest.Records // of the first instance
	log    *logtest.Log
}

// newLab starts instances. They run until the test's context ends.
func newLab(t testing.TB, instances int) *lab {
	t.Helper()
	l := &lab{TB: t, bucket: storetest.NewBucket(), log: &logtest.Log{}}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); running.Wait() })
	var started []*storetest.Records
	for i := range instances {
		m := l.bucket.Instance()
		a, err := New(Config{Records: m, AdminToken: adminToken, Log: slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			l.Auth, l.first = a, m
		} else {
			l.others = append(l.others, a)
		}
		started = append(started, m)
		running.Go(func() { a.Run(ctx) })
	}
	for _, m := range started {
		m.Load()
	}
	waitFor(t, func() bool { return l.Err() == nil })
	return l
}

// key makes an API key.
func (l *lab) key(account, owner string) (Key, string) {
	l.Helper()
	k, secret, err := l.CreateKey(l.Context(), account, owner, "for tests")
	if err != nil {
		l.Fatal(err)
	}
	return k, secret
}

// login exchanges an API key for a token.
func (l *lab) login(secret string) (string, Identity) {
	l.Helper()
	token, id, err := l.Login(secret)
	if err != nil {
		l.Fatal(err)
	}
	return token, id
}

// secretKey is the signing key as it is stored.
func (l *lab) secretKey() []byte {
	l.Helper()
	var kept keptSigningKey
	if err := json.Unmarshal([]byte(l.bucket.All()[signingRecord]), &kept); err != nil {
		l.Fatal(err)
	}
	return kept.HS256
}

// waitFor waits for what another goroutine does.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-time.After(time.Millisecond):
		}
	}
}
