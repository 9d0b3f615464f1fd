package events

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
	"metaflows/flows/calls"
)

var _ calls.Publisher = (*Publisher)(nil)

func embedded(t testing.TB) *broker.Broker {
	t.Helper()
	b, err := broker.Open(broker.Config{Dir: t.TempDir(), Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func external(t *testing.T, s *brokertest.Server) *broker.Broker {
	t.Helper()
	b, err := broker.Open(broker.Config{URL: s.URL(), Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func start(t testing.TB, b *broker.Broker, limit int) *Publisher {
	t.Helper()
	return startLogging(t, b, limit, t.Output())
}

func startLogging(t testing.TB, b *broker.Broker, limit int, log io.Writer) *Publisher {
	t.Helper()
	p := New(Config{Conn: b.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 64 << 20, Limit: limit, Log: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.Close(ctx)
	})
	return p
}

// stored reads the stream from its beginning until it holds n messages.
func stored(t testing.TB, b *broker.Broker, n int) []*jetstream.RawStreamMsg {
	t.Helper()
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	var messages []*jetstream.RawStreamMsg
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		s, err := js.Stream(t.Context(), streamName)
		if err != nil || s.CachedInfo().State.Msgs < uint64(n) {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		time.Sleep(50 * time.Millisecond) // one too many would have come
		for i := len(messages) + 1; ; i++ {
			m, err := s.GetMsg(t.Context(), uint64(i))
			if err != nil {
				return messages
			}
			messages = append(messages, m)
		}
	}
	t.Fatalf("the stream does not reach %d messages", n)
	return nil
}

func TestEventAsDesigned(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.FixedZone("", 3600))
	p.Publish(calls.Notice{
		Type: "code.matched", ID: "c.1:matched", Time: at, Account: "acme", Call: "1700.5", Path: `patterns.2(\d+)<&`, Digits: 5, Duration: 12,
	})
	p.Publish(calls.Notice{Type: "call.started"})
	m := stored(t, b, 2)
	if m[0].Subject != "metaflows.v1.event.acme.1700=2E5.code.matched" || m[1].Subject != "metaflows.v1.event.~.~.call.started" {
		t.Error(m[0].Subject, m[1].Subject)
	}
	for key, want := range map[string]string{
		"ce-specversion": "1.0", "ce-id": "c.1:matched", "ce-source": "/metaflows/n1", "ce-type": "metaflows.v1.code.matched",
		"ce-subject": "1700.5", "ce-time": "2026-03-04T04:06:07.089Z", "Nats-Msg-Id": "c.1:matched",
	} {
		if got := m[0].Header[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", key, got)
		}
	}
	if got := m[1].Header["ce-id"]; len(got) != 1 || got[0] == "" || m[1].Header["ce-subject"] != nil {
		t.Error(m[1].Header)
	}
	if got := string(m[0].Data); got != `{"type":"code.matched","time":"2026-03-04T04:06:07.089Z","account":"acme","call":"1700.5","node":"n1","path":"patterns.2(\\d+)<&","digits":5,"duration_ms":12}` {
		t.Error(got)
	}
}

func TestStreamLimits(t *testing.T) {
	b := embedded(t)
	start(t, b, 0).Publish(calls.Notice{Type: "call.started"})
	stored(t, b, 1)
	p := New(Config{Conn: b.Events(), Node: "n1", MaxAge: time.Minute, MaxBytes: 2 << 20})
	if err := p.Close(context.Background()); err != nil || p.Err() != nil {
		t.Fatal(err, p.Err())
	}
	js, _ := jetstream.New(b.Events())
	s, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.CachedInfo().Config; c.MaxAge != time.Minute || c.MaxBytes != 2<<20 || c.Duplicates != time.Minute || c.Discard != jetstream.DiscardOld {
		t.Errorf("%+v", c)
	}
}

// A repeat after a restart has the same id, and the stream keeps one.
func TestRepeatIsStoredOnce(t *testing.T) {
	b := embedded(t)
	for range 2 {
		p := New(Config{Conn: b.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 2 << 20})
		p.Publish(calls.Notice{Type: "call.started", ID: "same", Call: "c"})
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(stored(t, b, 1)); n != 1 {
		t.Error(n)
	}
}

// Calls tell their stories while the server goes away twice: each notice arrives once, each call's in order.
func TestOutage(t *testing.T) {
	s := brokertest.Start(t)
	b := external(t, s)
	p := start(t, b, 0)
	const talks, each = 20, 100
	for n := range each {
		for c := range talks {
			p.Publish(calls.Notice{Type: "code.matched", ID: fmt.Sprintf("%d-%d", c, n), Account: "acme", Call: fmt.Sprint(c), Digits: n + 1})
		}
		switch n {
		case each / 3:
			s.Stop()
		case 2 * each / 3:
			s.Again()
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.Stop()
	for c := range talks {
		p.Publish(calls.Notice{Type: "call.ended", ID: fmt.Sprint(c, "-end"), Account: "acme", Call: fmt.Sprint(c), Digits: each + 1})
	}
	time.Sleep(300 * time.Millisecond)
	if p.Err() == nil {
		t.Error("the publisher does not notice that NATS is away")
	}
	if n := p.Backlog(); n < talks { // some of them are under way
		t.Errorf("%d events wait, want %d and more", n, talks)
	}
	s.Again()
	messages := stored(t, b, talks*(each+1))
	if len(messages) != talks*(each+1) {
		t.Errorf("%d messages", len(messages))
	}
	last := map[string]int{}
	for _, m := range messages {
		var n calls.Notice
		if err := json.Unmarshal(m.Data, &n); err != nil {
			t.Fatal(err)
		}
		if n.Digits != last[n.Call]+1 {
			t.Errorf("call %s: %d after %d", n.Call, n.Digits, last[n.Call])
		}
		last[n.Call] = n.Digits
	}
	if p.Err() != nil || p.Lost() != 0 || p.Published() != talks*(each+1) || p.Backlog() != 0 {
		t.Error(p.Err(), p.Lost(), p.Published(), p.Backlog())
	}
}

func TestLostIsTold(t *testing.T) {
	s := brokertest.Start(t)
	b := external(t, s)
	s.Stop()
	log := &logtest.Log{}
	p := startLogging(t, b, 5, log)
	began := time.Now()
	for i := range 12 {
		p.Publish(calls.Notice{Type: "call.started", Call: "c", Digits: i + 1})
	}
	if d := time.Since(began); d > 100*time.Millisecond {
		t.Error("Publish waited", d)
	}
	if p.Lost() != 7 || p.Waiting() != 5 {
		t.Error(p.Lost(), p.Waiting())
	}
	s.Again()
	messages := stored(t, b, 6)
	told := 0
	for _, m := range messages {
		if m.Subject == "metaflows.v1.event.~.~.events.lost" && strings.Contains(string(m.Data), `"count":7`) {
			told++
		}
	}
	if len(messages) != 6 || told != 1 {
		t.Errorf("%d messages, told %d times", len(messages), told)
	}
	if log := log.String(); strings.Count(log, "events are being lost") != 1 || strings.Count(log, `msg="events were lost" count=7`) != 1 {
		t.Error(log)
	}
}

func TestCloseSaysWhatIsLeft(t *testing.T) {
	s := brokertest.Start(t)
	b := external(t, s)
	s.Stop()
	p := start(t, b, 0)
	for range 3 {
		p.Publish(calls.Notice{Type: "call.started", Call: "c"})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); err == nil || !strings.HasPrefix(err.Error(), "3 events are lost: ") {
		t.Error(err)
	}
}

func TestTooLargeDoesNotHoldUpTheRest(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	p.Publish(calls.Notice{Type: "call.started", Call: "c", Reason: strings.Repeat("x", 2<<20)})
	p.Publish(calls.Notice{Type: "call.ended", Call: "c"})
	m := stored(t, b, 2)
	if len(m) != 2 || p.Lost() != 1 {
		t.Error(len(m), p.Lost())
	}
}

func TestStreamComesBack(t *testing.T) {
	b, log := embedded(t), &logtest.Log{}
	p := startLogging(t, b, 0, log)
	p.Publish(calls.Notice{Type: "call.started", Call: "c"})
	stored(t, b, 1)
	js, _ := jetstream.New(b.Events())
	if err := js.DeleteStream(t.Context(), streamName); err != nil {
		t.Fatal(err)
	}
	p.Publish(calls.Notice{Type: "call.ended", Call: "c"})
	if m := stored(t, b, 1); !strings.HasSuffix(m[0].Subject, "call.ended") {
		t.Error(m[0].Subject)
	}
	if !strings.Contains(log.String(), "it was deleted, and is made again") { // at once, the server would take its files away, too
		t.Error(log)
	}
}

func BenchmarkPublish(b *testing.B) {
	p := &Publisher{cfg: Config{Limit: 1 << 30}, wake: make(chan struct{}, 1)}
	b.ReportAllocs()
	for b.Loop() {
		p.Publish(calls.Notice{Type: "call.started", ID: "x", Call: "c", Time: time.Unix(0, 0)})
		p.queue = p.queue[:0]
	}
}

// A new stream has moderate limits; one that is there keeps its own, unless others are set.
func TestLimitsOfTheStream(t *testing.T) {
	b := embedded(t)
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	limits := func(age time.Duration, size int64) jetstream.StreamConfig {
		t.Helper()
		p := New(Config{Conn: b.Events(), Node: "n1", MaxAge: age, MaxBytes: size})
		defer func() { _ = p.Close(t.Context()) }()
		for deadline := time.Now().Add(10 * time.Second); p.Err() != nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(p.Err())
			}
		}
		s, err := js.Stream(t.Context(), streamName)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().Config
	}
	if c := limits(0, 0); c.MaxAge != 7*24*time.Hour || c.MaxBytes != 256<<20 || c.Duplicates != duplicates {
		t.Error("a new stream:", c.MaxAge, c.MaxBytes, c.Duplicates)
	}
	if c := limits(720*time.Hour, 1<<30); c.MaxAge != 720*time.Hour || c.MaxBytes != 1<<30 {
		t.Error("limits that are set:", c.MaxAge, c.MaxBytes)
	}
	if c := limits(0, 0); c.MaxAge != 720*time.Hour || c.MaxBytes != 1<<30 || c.Duplicates != duplicates {
		t.Error("limits that are there:", c.MaxAge, c.MaxBytes, c.Duplicates)
	}
	if c := limits(0, 2<<20); c.MaxAge != 720*time.Hour || c.MaxBytes != 2<<20 {
		t.Error("one that is set:", c.MaxAge, c.MaxBytes)
	}
}
