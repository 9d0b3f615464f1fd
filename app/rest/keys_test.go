package rest

import (
	"context"
	"sync"
	"testing"
	"time"

	"metaflows/app/auth"
	"metaflows/app/store/storetest"
)

// keyLab is a lab with API keys and real tokens, and without a limit.
type keyLab struct {
	*lab
	keys  *auth.Auth
	vault *storetest.Bucket // where they are kept
}

func newKeyLab(t testing.TB) *keyLab {
	t.Helper()
	l := &keyLab{lab: newLab(t)}
	l.keys, l.vault = newKeys(t)
	l.api.cfg.Authenticator, l.api.cfg.APIKeys, l.api.cfg.Strangers, l.api.cfg.Known = l.keys, l.keys, nil, nil
	return l
}

// newKeys are API keys in memory, ready to be used until the test ends.
func newKeys(t testing.TB) (*auth.Auth, *storetest.Bucket) {
	t.Helper()
	vault := storetest.NewBucket()
	records := vault.Instance()
	keys, err := auth.New(auth.Config{Records: records, AdminToken: adminToken})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { keys.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	records.Load()
	for deadline := time.Now().Add(10 * time.Second); keys.Err() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(keys.Err())
		}
	}
	return keys, vault
}
