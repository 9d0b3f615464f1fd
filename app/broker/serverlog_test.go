package broker

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/docker/logtest"
)

// What a client may not do is refused and stands in the log, but costs nobody anything: it is no error of ours.
func TestAClientsMistakesAreNoErrors(t *testing.T) {
	var log logtest.Log
	b := open(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	auditor, err := login(b, nats.UserInfo(AuditUser, "secret"), nats.CustomInboxPrefix(AuditInbox))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(auditor.Close)
	audit, err := jetstream.New(auditor, jetstream.WithDefaultTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	names := audit.StreamNames(t.Context())
	for name := range names.Name() {
		t.Error("it was told of the stream", name)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		said := log.String()
		if strings.Contains(said, "STREAM.NAMES") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the log does not tell of it:\n", said)
		}
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") {
			t.Error(line)
		}
	}
	for line, theirs := range map[string]bool{
		`127.0.0.1:4711 - cid:7 - authentication error`:                        true,
		`127.0.0.1:4711 - cid:7 - Subscription Violation - Subject "x"`:        true,
		`127.0.0.1:4711 - cid:7 - "v1:go" - Publish Violation - Subject "x y"`: true,
		`JetStream resource limits exceeded for server`:                        false,
		`127.0.0.1:4711 - cid:7 - Problem registering with account "EVENTS"`:   false,
	} {
		if clients(line) != theirs {
			t.Errorf("%q counts as a client's mistake: %v", line, !theirs)
		}
	}
}
