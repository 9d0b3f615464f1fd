package store

import (
	"context"
	"errors"
	"testing"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/flows"
)

// An account's documents hold as soon as they are read, before all are loaded; until then nothing is answered and nothing
// changed, and whoever asks is told that it will be.
func TestAhead(t *testing.T) {
	b, err := broker.Open(broker.Config{URL: brokertest.Start(t).URL(), Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	eventually(t, "connected", b.Documents().IsConnected)
	fill(t, b.Documents(), 100, sites["accounts"])
	s, err := New(Config{Conn: b.Documents(), Quota: NewQuota(nil)})
	if err != nil {
		t.Fatal(err)
	}
	device := Place{Account: "account3", Scope: flows.ScopeDevice, ID: "device7"}
	other := Place{Account: "account4", Scope: flows.ScopeAccount}
	for _, account := range []string{"account3", "account3", "", "a.b", "*", ">", "nobody"} {
		s.Ahead(account)
	}
	eventually(t, "codes of the account", func() bool { return s.Effective(device.Owner()).Node("numbers.9") != nil })
	if s.Effective(other.Owner()).Node("numbers.9") != nil {
		t.Error("another account was read")
	}
	if _, _, err := s.Get(device); !errors.Is(err, ErrLoading) || !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), other, []byte(`{}`), Any); !errors.Is(err, ErrLoading) || !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	<-s.Ready()
	if at, err := s.Places("account3"); err != nil || len(at) != 10 {
		t.Error(at, err)
	}
	if doc, ok, err := s.Get(device); err != nil || !ok || doc.Revision != 38 {
		t.Error(doc.Revision, ok, err)
	}
	if s.Ahead("account5"); s.ahead != nil {
		t.Error("something is read ahead though all is loaded")
	}
}
