package broker

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What nats-server says when it can write no more opens it again: what was stored is there, connections and the auditor
// come back by themselves, and the port stays.
func TestOpenedAgain(t *testing.T) {
	l := newLab(t)
	if _, err := l.docs.Put(t.Context(), "k", []byte("document")); err != nil {
		t.Fatal(err)
	}
	address, before := l.broker.Addr(), l.broker.engine.ns
	serverLog{log: quiet(), broken: l.broker.engine.breaks}.Errorf("Critical write error: %v", errors.New("write: no space left on device"))
	until(t, "the server is another one", func() bool {
		l.broker.engine.mu.Lock()
		defer l.broker.engine.mu.Unlock()
		return l.broker.engine.ns != nil && l.broker.engine.ns != before
	})
	until(t, "the connections are back", func() bool { return l.broker.Err() == nil && l.auditor.IsConnected() })
	if l.broker.Addr() != address {
		t.Error("it listens at", l.broker.Addr())
	}
	l.untouched(1, "the opening")
	l.publish()
	if e, err := l.docs.Get(t.Context(), "k"); err != nil || string(e.Value()) != "document" {
		t.Error("the document is", e, err)
	}
	info, err := l.audit.Stream(t.Context(), EventStream)
	if err != nil || info.CachedInfo().State.Msgs != 2 {
		t.Error("the auditor sees", info, err)
	}
	if l.broker.Failure() != nil {
		t.Error(l.broker.Failure())
	}
}

// A server that is closed says why, and refuses at once.
func TestClosedSaysWhy(t *testing.T) {
	b := open(t, Config{})
	b.engine.close(errors.New("write: no space left on device"))
	if err := b.Err(); err == nil || err.Error() != "not connected: write: no space left on device" {
		t.Error(err)
	}
	if nc, err := login(b, nats.UserInfo(AuditUser, "secret"), nats.Timeout(time.Second)); err == nil {
		nc.Close()
		t.Error("somebody got in")
	}
	js, _ := jetstream.New(b.Documents())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := js.AccountInfo(ctx); err == nil {
		t.Error("JetStream answers")
	}
}

// A server that cannot be opened again for too long is given up, and says why.
func TestGivenUp(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	b.engine.giveUp = time.Second
	b.engine.cfg.Dir = filepath.Join(dir, "missing") // as a folder that cannot be written; read after breaks only
	b.engine.breaks("Critical write error")
	select {
	case <-b.Failed():
	case <-time.After(15 * time.Second):
		t.Fatal("it is not given up")
	}
	if err := b.Failure(); err == nil || !strings.Contains(err.Error(), "could not be opened again for 1s") || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	if b.Err() == nil {
		t.Error("it says that NATS can be used")
	}
}

// A server that can be opened again, and each time can write no more a moment later, is given up as well.
func TestOpenedInVain(t *testing.T) {
	b := open(t, Config{})
	b.engine.giveUp = time.Second
	go func() {
		for t.Context().Err() == nil {
			if b.engine.err() == nil {
				b.engine.breaks("Critical write error")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	select {
	case <-b.Failed():
	case <-time.After(15 * time.Second):
		t.Fatal("it is not given up")
	}
	if err := b.Failure(); err == nil || !strings.Contains(err.Error(), "again and again for 1s") || !strings.Contains(err.Error(), "Critical write error") {
		t.Error(err)
	}
	if b.Err() == nil {
		t.Error("it says that NATS can be used")
	}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatal("in vain it was waited until " + what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
