package events

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
	"metaflows/flows/calls"
)

// keeping is a publisher that leaves events in a file; halt stops it as a process does that has no more time.
func keeping(t *testing.T, b *broker.Broker, file string, log *logtest.Log) (p *Publisher, halt func() error) {
	t.Helper()
	p = New(Config{Conn: b.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 64 << 20, Limit: 100, Pending: file, Log: slog.New(slog.NewTextHandler(log, nil))})
	halt = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		return p.Close(ctx)
	}
	t.Cleanup(func() { _ = halt() })
	return p, halt
}

// What a stop could not publish is published once by the next start, in order, also what the stream had been given
// without our learning of it, and after more than one start without NATS.
func TestPendingIsPublishedOnce(t *testing.T) {
	server := brokertest.Start(t)
	b := external(t, server)
	file, log := filepath.Join(t.TempDir(), "events.pending"), &logtest.Log{}
	p, halt := keeping(t, b, file, log)
	p.Publish(calls.Notice{Type: "call.started", ID: "0", Call: "c1", Account: "acme"})
	stored(t, b, 1)
	server.Stop()
	for i := 1; i <= 5; i++ {
		p.Publish(calls.Notice{Type: "code.matched", ID: fmt.Sprint(i), Call: "c1", Account: "acme", Digits: i, Time: time.UnixMilli(int64(1000 * i)).UTC()})
	}
	p.Publish(calls.Notice{Type: "call.ended", Call: "c2", Account: "acme"}) // it gets an id that stays
	if err := halt(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p, halt = keeping(t, b, file, log)
		if n := p.Backlog(); n != 6 {
			t.Fatal(n, "events were taken up")
		}
		if err := halt(); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	server.Again()
	p, _ = keeping(t, b, file, log)
	got := stored(t, b, 7)
	var ids []string
	for _, m := range got {
		if m.Header.Get("ce-type") == "metaflows.v1.code.matched" {
			ids = append(ids, m.Header.Get("ce-id")+" "+m.Header.Get("ce-time"))
		}
	}
	want := []string{"1 1970-01-01T00:00:01.000Z", "2 1970-01-01T00:00:02.000Z", "3 1970-01-01T00:00:03.000Z", "4 1970-01-01T00:00:04.000Z", "5 1970-01-01T00:00:05.000Z"}
	if len(got) != 7 || !slices.Equal(ids, want) {
		t.Error(len(got), ids)
	}
	gone := func() bool { _, err := os.Stat(file); return os.IsNotExist(err) }
	for deadline := time.Now().Add(10 * time.Second); !gone(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the file is still there")
		}
	}
	if p.Lost() != 0 || strings.Contains(log.String(), "lost") {
		t.Error(p.Lost(), log)
	}
}

// Where the file cannot be written, the error counts what is lost.
func TestPendingCannotBeKept(t *testing.T) {
	server := brokertest.Start(t)
	b := external(t, server)
	p, halt := keeping(t, b, filepath.Join(t.TempDir(), "missing", "events.pending"), &logtest.Log{})
	server.Stop()
	for i := range 3 {
		p.Publish(calls.Notice{Type: "call.ended", ID: fmt.Sprint(i), Call: "c", Account: "acme"})
	}
	if err := halt(); err == nil || !strings.HasPrefix(err.Error(), "3 events are lost: ") || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// A file that is damaged gives what it has, and is kept aside.
func TestPendingIsDamaged(t *testing.T) {
	b := embedded(t)
	file, log := filepath.Join(t.TempDir(), "events.pending"), &logtest.Log{}
	text := `{"type":"call.ended","id":"1","time":"2026-01-01T00:00:00Z","notice":{"call":"c1","account":"acme"}}` + "\n" + `{"type":"call.en` + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	keeping(t, b, file, log)
	if m := stored(t, b, 1); m[0].Subject != "metaflows.v1.event.acme.c1.call.ended" {
		t.Error(m[0].Subject)
	}
	if aside, err := os.ReadFile(file + ".damaged"); err != nil || string(aside) != text {
		t.Errorf("%s %v", aside, err)
	}
	if !strings.Contains(log.String(), "cannot be understood") || !strings.Contains(log.String(), "count=1") {
		t.Error(log)
	}
}
