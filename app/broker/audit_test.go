package broker

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const event = "metaflows.v1.event.acme.c1.call.started"

// lab is an embedded server with the event stream, a bucket of documents, and an auditor.
type lab struct {
	*testing.T
	broker *Broker
	events jetstream.JetStream
	docs   jetstream.KeyValue
	stream jetstream.Stream

	auditor *nats.Conn
	audit   jetstream.JetStream
	mu      sync.Mutex
	refused []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{T: t, broker: open(t, Config{})}
	ctx := t.Context()
	l.events, _ = jetstream.New(l.broker.Events())
	documents, _ := jetstream.New(l.broker.Documents())
	var err error
	if l.stream, err = l.events.CreateStream(ctx, collecting(jetstream.StreamConfig{Name: EventStream, AllowDirect: true})); err != nil {
		t.Fatal(err)
	}
	if l.docs, err = documents.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "metaflows_documents"}); err != nil {
		t.Fatal(err)
	}
	if l.auditor, err = login(l.broker, nats.UserInfo(AuditUser, "secret"), nats.CustomInboxPrefix(AuditInbox), nats.ErrorHandler(l.refuse)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.auditor.Close)
	l.audit, _ = jetstream.New(l.auditor)
	l.publish()
	return l
}

func collecting(c jetstream.StreamConfig) jetstream.StreamConfig {
	CollectEvents(&c)
	return c
}

func (l *lab) refuse(_ *nats.Conn, _ *nats.Subscription, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = append(l.refused, strings.ToLower(err.Error()))
}

func (l *lab) publish() {
	l.Helper()
	if _, err := l.events.Publish(l.Context(), PublishSubject(event), []byte(`{}`)); err != nil {
		l.Fatal(err)
	}
}

// wasRefused waits until the server has said that it refuses what.
func (l *lab) wasRefused(what string) {
	l.Helper()
	for range 200 {
		l.mu.Lock()
		for _, r := range l.refused {
			if strings.Contains(r, "permissions violation") && strings.Contains(r, strings.ToLower(what)) {
				l.mu.Unlock()
				return
			}
		}
		l.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	l.Errorf("%s was not refused: %q", what, l.refused)
}

// untouched fails unless the stream holds n messages, unchanged.
func (l *lab) untouched(n uint64, after string) {
	l.Helper()
	_ = l.auditor.Flush()
	time.Sleep(100 * time.Millisecond) // a stored answer would need no longer
	info, err := l.stream.Info(context.Background())
	if err != nil {
		l.Fatalf("after %s: %v", after, err)
	}
	if info.State.Msgs != n || info.State.LastSeq != n || !CollectsEvents(info.Config) {
		l.Errorf("after %s: %+v", after, info.State)
	}
}

func TestAuditReadsEvents(t *testing.T) {
	l := newLab(t)
	got := make(chan string, 16)
	if _, err := l.auditor.Subscribe(EventSubjects, func(m *nats.Msg) { got <- "live " + m.Subject }); err != nil {
		t.Fatal(err)
	}
	stream, err := l.audit.Stream(t.Context(), EventStream)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := stream.GetMsg(t.Context(), 1); err != nil || m.Subject != event {
		t.Error(m, err)
	}
	if _, err := l.audit.AccountInfo(t.Context()); err != nil {
		t.Error(err)
	}
	ordered, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c1, err := ordered.Consume(func(m jetstream.Msg) { got <- "ordered " + m.Subject() })
	if err != nil {
		t.Fatal(err)
	}
	defer c1.Stop()
	durable, err := stream.CreateOrUpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	c2, err := durable.Consume(func(m jetstream.Msg) {
		if err := m.DoubleAck(context.Background()); err != nil {
			t.Error(err)
		}
		got <- "durable " + m.Subject()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Stop()
	old, err := l.auditor.JetStream() // push consumers, as older clients make them
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Subscribe(EventSubjects, func(m *nats.Msg) { got <- "push " + m.Subject }, nats.OrderedConsumer(), nats.BindStream(EventStream)); err != nil {
		t.Fatal(err)
	}
	_ = l.auditor.Flush()
	l.publish()
	count := map[string]int{}
	for range 7 {
		select {
		case s := <-got:
			count[s]++
		case <-time.After(5 * time.Second):
			t.Fatal(count)
		}
	}
	if count["live "+event] != 1 || count["ordered "+event] != 2 || count["durable "+event] != 2 || count["push "+event] != 2 {
		t.Error(count)
	}
	if err := stream.DeleteConsumer(t.Context(), "billing"); err != nil {
		t.Error(err)
	}
}

func TestAuditCannotPublish(t *testing.T) {
	l := newLab(t)
	for _, subject := range []string{event, PublishSubject(event), "metaflows.v1.command.acme.c1", "$KV.metaflows_documents.x", "_INBOX.x", AuditInbox + ".x", "$SYS.REQ.SERVER.PING", "$JS.ACK.OTHER.c.1.1.1.1.1"} {
		if err := l.auditor.Publish(subject, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		l.wasRefused(`"` + subject + `"`)
	}
	l.untouched(1, "publishing")
}

// The place for an answer is not checked by the server: none of them may end in the stream.
func TestAuditCannotPublishByAnswer(t *testing.T) {
	l := newLab(t)
	c, err := l.audit.CreateOrUpdateConsumer(t.Context(), EventStream, jetstream.ConsumerConfig{Durable: "d"})
	if err != nil {
		t.Fatal(err)
	}
	forged := "metaflows.v1.event.acme.c1.call.ended"
	for subject, body := range map[string]string{
		"$JS.API.INFO":                                          "",
		"$JS.API.STREAM.INFO." + EventStream:                    "",
		"$JS.API.STREAM.MSG.GET." + EventStream:                 `{"seq":1}`,
		"$JS.API.DIRECT.GET." + EventStream:                     `{"seq":1}`,
		"$JS.API.DIRECT.GET." + EventStream + "." + event:       "",
		"$JS.API.CONSUMER.NAMES." + EventStream:                 "",
		"$JS.API.CONSUMER.LIST." + EventStream:                  "",
		"$JS.API.CONSUMER.INFO." + EventStream + ".d":           "",
		"$JS.API.CONSUMER.MSG.NEXT." + EventStream + ".d":       "1",
		"$JS.ACK." + EventStream + ".d.1.1.1.1700000000.0":      "+NXT",
		"$JS.API.CONSUMER.CREATE." + EventStream + ".x":         "{}",
		"$JS.API.CONSUMER.DURABLE.CREATE." + EventStream + ".x": "{}",
		"$JS.API.CONSUMER.DELETE." + EventStream + ".x":         "",
	} {
		if err := l.auditor.PublishRequest(subject, forged, []byte(body)); err != nil {
			t.Fatal(err)
		}
		l.untouched(1, subject)
	}
	_ = c
}

// push makes a push consumer as the auditor, and gives the server's reason where it refuses.
func (l *lab) push(to, key string) (refused string) {
	l.Helper()
	body, _ := json.Marshal(map[string]any{"stream_name": EventStream, "config": map[string]any{
		"name": "p", key: to, "ack_policy": "none",
	}})
	m, err := l.auditor.Request("$JS.API.CONSUMER.CREATE."+EventStream+".p", body, 2*time.Second)
	if err != nil {
		l.Fatal(to, err)
	}
	var answer struct {
		Name  string
		Error struct{ Description string }
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil || (answer.Name == "p") == (answer.Error.Description != "") {
		l.Fatalf("%s: %v: %s", to, err, m.Data)
	}
	return answer.Error.Description
}

// A push consumer's messages are sent by the server itself, to where the consumer says, into the stream, too, and to who hears
// events. So it may say an auditor's inbox alone, in whatever case the key is written.
func TestAuditCannotPublishByPush(t *testing.T) {
	l := newLab(t)
	for _, to := range []string{
		event, "metaflows.v1.event.>", PublishSubject(event), "metaflows.v1.command.acme.c1", "metaflows.probe", "_INBOX.x", AuditInbox + "x.y", AuditInbox,
		"$JS.API.STREAM.PURGE." + EventStream, "$JS.API.STREAM.DELETE." + EventStream,
	} {
		for _, key := range []string{"deliver_subject", "Deliver_Subject"} {
			if said := l.push(to, key); !strings.Contains(said, "inboxes only") {
				t.Errorf("%s: %q", to, said)
			}
			l.untouched(1, "a push consumer to "+to)
		}
	}
	if said := l.push(AuditInbox+".x.y", "deliver_subject"); said != "" {
		t.Errorf("an inbox of its own: %q", said)
	}
}

// Nobody subscribes inside EVENTS to a subject that can be guessed: what an auditor might send there after all is not heard.
func TestPushReachesNobody(t *testing.T) {
	l := newLab(t)
	publisher, _ := jetstream.New(l.broker.Events()) // as package events publishes
	ack, err := publisher.PublishAsync(PublishSubject(event), []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	<-ack.Ok()
	conns, err := l.broker.engine.ns.Connz(&server.ConnzOptions{Subscriptions: true, Username: true, Account: "EVENTS"})
	if err != nil {
		t.Fatal(err)
	}
	inbox := regexp.MustCompile(`^_INBOX_[A-Z2-7]{26}\.`)
	var inboxes int
	for _, c := range conns.Conns {
		for _, subject := range c.Subs {
			if inbox.MatchString(subject) {
				inboxes++
			} else {
				t.Errorf("%s subscribes to %s in EVENTS: an auditor can have events sent there", c.Name, subject)
			}
		}
	}
	if inboxes == 0 {
		t.Error("no inbox was found: is this still the right place to look?")
	}
}

func TestAuditCannotChangeTheStream(t *testing.T) {
	l := newLab(t)
	for what, try := range map[string]func(context.Context) error{
		"STREAM.UPDATE.": func(ctx context.Context) error {
			_, err := l.audit.UpdateStream(ctx, jetstream.StreamConfig{Name: EventStream, Subjects: []string{"x"}})
			return err
		},
		"STREAM.DELETE.": func(ctx context.Context) error { return l.audit.DeleteStream(ctx, EventStream) },
		"STREAM.PURGE.": func(ctx context.Context) error {
			s, err := l.audit.Stream(ctx, EventStream)
			if err != nil {
				return nil // the test fails: reading is allowed
			}
			return s.Purge(ctx)
		},
		"STREAM.MSG.DELETE.": func(ctx context.Context) error {
			s, err := l.audit.Stream(ctx, EventStream)
			if err != nil {
				return nil
			}
			return s.DeleteMsg(ctx, 1)
		},
		"STREAM.CREATE.": func(ctx context.Context) error {
			_, err := l.audit.CreateStream(ctx, jetstream.StreamConfig{Name: "MINE", Subjects: []string{"mine.>"}})
			return err
		},
		"STREAM.NAMES": func(ctx context.Context) error {
			return drain(l.audit.StreamNames(ctx))
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := try(ctx); err == nil {
			t.Errorf("%s succeeded", what)
		}
		cancel()
		l.wasRefused("$JS.API." + what)
	}
	l.untouched(1, "all requests")
}

func drain(names jetstream.StreamNameLister) error {
	for range names.Name() {
	}
	return names.Err()
}

func TestAuditSeesNothingElse(t *testing.T) {
	l := newLab(t)
	for _, subject := range []string{">", "_INBOX.>", "*", "$JS.>", "$KV.>", "$KV.metaflows_documents.>", "$SYS.>", "_R_.>", "metaflows.>", "metaflows.v1.command.>", AuditInbox + "x.>"} {
		if _, err := l.auditor.Subscribe(subject, func(m *nats.Msg) { t.Errorf("%s saw %s", subject, m.Subject) }); err != nil {
			t.Fatal(err)
		}
		l.wasRefused(`"` + subject + `"`)
	}
	if _, err := l.docs.Put(t.Context(), "secret", []byte("document")); err != nil {
		t.Fatal(err)
	}
	l.publish() // its acknowledgement is a reply to another client
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if kv, err := l.audit.KeyValue(ctx, "metaflows_documents"); err == nil {
		t.Error("the auditor opened", kv.Bucket())
	}
	l.wasRefused("$JS.API.STREAM.INFO.KV_metaflows_documents")
	time.Sleep(100 * time.Millisecond)
}

func TestOnlyAuditMayLogIn(t *testing.T) {
	l := newLab(t)
	for name, opts := range map[string][]nats.Option{
		"no login":         nil,
		"wrong password":   {nats.UserInfo(AuditUser, "wrong")},
		"empty password":   {nats.UserInfo(AuditUser, "")},
		"unknown user":     {nats.UserInfo("admin", "secret")},
		"internal user":    {nats.UserInfo(eventsUser, "secret")},
		"internal user 2":  {nats.UserInfo(documentsUser, "")},
		"token for a user": {nats.Token("secret")},
	} {
		if nc, err := login(l.broker, opts...); err == nil {
			nc.Close()
			t.Errorf("%s: logged in", name)
		}
	}
}

// The internal users' password does not help from outside.
func TestInternalUsersStayInside(t *testing.T) {
	engine, err := startEngine(Config{Dir: t.TempDir(), AuditPassword: "secret", Log: quiet()}, "inside")
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{log: quiet(), engine: engine}
	defer engine.end()
	if b.gate, err = openGate("127.0.0.1:0", "secret", engine.InProcessConn, quiet()); err != nil {
		t.Fatal(err)
	}
	defer b.gate.close()
	for _, user := range []string{eventsUser, documentsUser} {
		if nc, err := login(b, nats.UserInfo(user, "inside")); err == nil {
			nc.Close()
			t.Errorf("%s logged in over TCP", user)
		}
		nc, err := nats.Connect("", nats.InProcessServer(engine), nats.UserInfo(user, "inside"))
		if err != nil {
			t.Error(user, err)
			continue
		}
		nc.Close()
	}
}
