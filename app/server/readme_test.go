package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/app/events"
	"metaflows/app/recordings"
	"metaflows/flows/calls"
)

// The accounts that app/README.md gives for an external NATS are enough for metaflows, and for an auditor with a pull consumer
// that was made for it; the auditor can make none.
func TestReadmeAccounts(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```text\naccounts {")
	accounts, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("app/README.md has no accounts")
	}
	accounts = "accounts {" + strings.ReplaceAll(accounts, `password: "..."`, `password: "secret"`)
	// What app/README.md says to add for a pull consumer, at its three places, and an administrator who makes it.
	for _, subject := range []string{"$JS.API.CONSUMER.MSG.NEXT.METAFLOWS_EVENTS.billing", "$JS.ACK.METAFLOWS_EVENTS.billing.>"} {
		accounts = strings.Replace(accounts, "    exports: [\n", "    exports: [\n      {service: \""+subject+"\", response_type: Stream, accounts: [AUDIT]}\n", 1)
		accounts = strings.Replace(accounts, "    imports: [\n", "    imports: [\n      {service: {account: METAFLOWS, subject: \""+subject+"\"}}\n", 1)
		accounts = strings.Replace(accounts, `"$JS.API.INFO", "$JS.API.STREAM`, `"`+subject+`", "$JS.API.INFO", "$JS.API.STREAM`, 1)
	}
	accounts = strings.Replace(accounts, "    users: [{user: metaflows", "    users: [{user: admin, password: \"secret\"}, {user: metaflows", 1)
	address := brokertest.Configured(t, accounts)

	cfg := settingsFor(t.TempDir())
	cfg.NATS.URL = "nats://metaflows:secret@" + address
	l := start(t, cfg)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, body := l.do("GET", "/readyz", "")
		if strings.Contains(body, `"nats":{"ok":true}`) && strings.Contains(body, `"documents":{"ok":true}`) &&
			strings.Contains(body, `"directory":{"ok":true}`) && strings.Contains(body, `"logins":{"ok":true}`) && strings.Contains(body, `"calls":{"ok":true}`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(body)
		}
	}
	if status, body := l.do("POST", "/v2/accounts/acme/metaflows", document); status != 200 {
		t.Fatal(status, body)
	}
	if status, body := l.do("PUT", "/v2/accounts", `{"data":{"id":"acme","name":"Acme"}}`); status != 201 {
		t.Fatal(status, body)
	}
	if status, body := l.do("PUT", "/v2/accounts/acme/api_keys", `{"data":{"name":"crm"}}`); status != 201 {
		t.Fatal(status, body)
	}

	// Another process on that NATS knows of everything, also of what it has to ask NATS for: what was in its way.
	other := settingsFor(t.TempDir())
	other.NATS.URL, other.Node, other.AdminToken = cfg.NATS.URL, "n2", "a-token-that-was-given"
	second := start(t, other)
	_, _, credentials := l.makeKey("acme")
	token := second.until("", "PUT", "/v2/api_auth", credentials, 201)
	l.until(token, "PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice","username":"alice"}}`, 201)
	second.until(token, "GET", "/v2/accounts/acme/users/alice", "", 200)
	second.until(token, "PATCH", "/v2/accounts/acme/users/alice", `{"data":{"name":"Alice"}}`, 200)
	second.until(token, "POST", "/v2/accounts/acme/metaflows", document, 200)
	l.until(token, "DELETE", "/v2/accounts/acme/users/alice", "", 200)
	l.until(token, "DELETE", "/v2/token_auth", "", 200)
	second.until(token, "GET", "/v2/accounts/acme/metaflows", "", 401)
	for _, each := range []*lab{l, second} {
		if log := each.log.String(); strings.Contains(log, "ermission") {
			t.Error("NATS does not let metaflows:", log)
		}
	}
	if status, body := l.do("GET", "/v2/accounts/acme/calls/none/events", ""); status != 404 {
		t.Error("the story of a call cannot be looked for:", status, body)
	}

	if line := next(l.listen("/v2/accounts/acme/events", "0"), "data: "); !strings.Contains(line, "document.changed") {
		t.Error("events cannot be followed:", line)
	}

	login := func(user string, opts ...nats.Option) jetstream.JetStream {
		nc, err := nats.Connect("nats://"+address, append(opts, nats.UserInfo(user, "secret"))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		return js
	}
	reading, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if _, err := events.Unfinished(reading, login("metaflows").Conn(), cfg.Node, time.Unix(0, 0), time.Now()); err != nil {
		t.Error("what has ended while metaflows was away cannot be found:", err)
	}
	if _, err := login("admin").CreateConsumer(t.Context(), broker.EventStream, jetstream.ConsumerConfig{Durable: "billing"}); err != nil {
		t.Fatal(err)
	}
	record(t, login("metaflows").Conn())
	audit := login(broker.AuditUser, nats.CustomInboxPrefix(broker.AuditInbox))
	answers := audit.Conn().NewInbox()
	sub, err := audit.Conn().SubscribeSync(answers)
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.Conn().PublishRequest("$JS.API.CONSUMER.MSG.NEXT.METAFLOWS_EVENTS.billing", answers, []byte(`{"batch":1,"expires":5000000000}`)); err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(m.Subject, ".document.changed") {
		t.Error(m.Subject)
	}
	if _, err := audit.Conn().Request(m.Reply, []byte("+ACK"), 2*time.Second); err != nil {
		t.Error("the acknowledgement:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := audit.CreateConsumer(ctx, broker.EventStream, jetstream.ConsumerConfig{Durable: "mine"}); err == nil {
		t.Error("the auditor made a consumer")
	}
}

// record brings two recordings into an object store that has room for one.
func record(t *testing.T, conn *nats.Conn) {
	told := make(publisher, 10)
	rec, err := recordings.New(recordings.Config{
		Conn: conn, Node: "n3", Asterisk: oneFile{}, Connected: func() bool { return true }, Publisher: told, Webhook: func(string) (string, string) { return "", "" }, Log: slog.New(slog.DiscardHandler),
		DeliveryFor: time.Minute, MaxBytes: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer rec.Wait()
	defer end()
	rec.Start(ctx)
	for _, name := range []string{"acme/c/1", "acme/c/2"} {
		for _, kind := range []string{"recording.started", "recording.stored", ""} {
			if kind != "" {
				rec.Publish(calls.Notice{Type: kind, Account: "acme", Call: "c", Recording: name})
			}
			select {
			case n := <-told:
				if kind == "" && name == "acme/c/2" && n.Type == "recording.deleted" {
					n = <-told
				}
				if kind == "" && n.Type != "recording.delivered" {
					t.Errorf("%+v", n)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("a recording is not delivered")
			}
		}
	}
	list, err := rec.List(ctx, "acme")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	sound, err := rec.Open(ctx, "acme", list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, sound); n != list[0].Size || err != nil {
		t.Errorf("%d bytes of sound, %v", n, err)
	}
	if err := rec.Delete(ctx, "acme", list[0].ID); err != nil {
		t.Error(err)
	}
	if err := conn.LastError(); err != nil {
		t.Error("NATS does not let metaflows:", err)
	}
}

// oneFile is an Asterisk that has recorded silence.
type oneFile struct{}

func (oneFile) StoredRecordingFile(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(make([]byte, 600_000))), 600_000, nil
}

func (oneFile) DeleteStoredRecording(string) error { return nil }

// publisher is a calls.Publisher.
type publisher chan calls.Notice

func (p publisher) Publish(n calls.Notice) { p <- n }
