package events

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/flows/calls"
)

// subscribe gives what a plain subscriber of the events hears; nothing of it is lost.
func subscribe(t *testing.T, conn *nats.Conn) func(last string) []string {
	t.Helper()
	sub, err := conn.SubscribeSync("metaflows.v1.event.>")
	if err != nil || conn.Flush() != nil {
		t.Fatal(err)
	}
	return func(last string) (ids []string) {
		t.Helper()
		for {
			m, err := sub.NextMsg(10 * time.Second)
			if err != nil {
				t.Fatalf("%s is not heard, but %q: %v", last, ids, err)
			}
			id := m.Header.Get("ce-id")
			if ids = append(ids, id); id == last {
				return ids
			}
		}
	}
}

// storedIDs are the ids of what the stream holds.
func storedIDs(t *testing.T, b *broker.Broker, n int) (ids []string) {
	t.Helper()
	for _, m := range stored(t, b, n) {
		ids = append(ids, m.Header["ce-id"][0])
	}
	return ids
}

func want(t *testing.T, who string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s: %q, want %q", who, got, want)
	}
}

// TestSubscriberHearsOnce: what is told again, by this process or by one that was started after it, is heard once.
func TestSubscriberHearsOnce(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	p.Publish(calls.Notice{Type: "call.started", ID: "1", Call: "c"})
	stored(t, b, 1)
	heard := subscribe(t, b.Events())
	for range 3 {
		p.Publish(calls.Notice{Type: "call.started", ID: "1", Call: "c"})
		p.Publish(calls.Notice{Type: "call.answered", ID: "2", Call: "c"})
	}
	again := New(Config{Conn: b.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 64 << 20})
	again.Publish(calls.Notice{Type: "call.answered", ID: "2", Call: "c"})
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Publish(calls.Notice{Type: "call.ended", ID: "3", Call: "c"})
	want(t, "the subscriber", heard("3"), "2", "3")
	want(t, "the stream", storedIDs(t, b, 3), "1", "2", "3")
}

// TestSubscriberHearsWhatIsStored: while the stream refuses an event, nobody hears it, however often it is tried.
func TestSubscriberHearsWhatIsStored(t *testing.T) {
	address := brokertest.Configured(t, `
		accounts {
			A {jetstream: {max_file: 1MB, max_mem: 0}, users: [{user: a, password: a}]}
		}`)
	b, err := broker.Open(broker.Config{URL: (&url.URL{Scheme: "nats", User: url.UserPassword("a", "a"), Host: address}).String(), Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	unlimited := jetstream.StreamConfig{Name: broker.EventStream, MaxAge: time.Hour, AllowDirect: true} // nothing is kept free for it
	broker.CollectEvents(&unlimited)
	if _, err := js.CreateStream(t.Context(), unlimited); err != nil {
		t.Fatal(err)
	}
	p := New(Config{Conn: b.Events(), Node: "n1"})
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	heard := subscribe(t, b.Events())
	p.Publish(calls.Notice{Type: "call.started", ID: "1", Call: "c"})
	want(t, "the subscriber", heard("1"), "1")
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FILLER", Subjects: []string{"filler"}}); err != nil {
		t.Fatal(err)
	}
	for full := false; !full; {
		_, err := js.Publish(t.Context(), "filler", bytes.Repeat([]byte("x"), 20<<10))
		full = err != nil
	}
	for { // until there is no room for the smallest
		if _, err := js.Publish(t.Context(), "filler", nil); err != nil {
			break
		}
	}
	p.Publish(calls.Notice{Type: "action.started", ID: "2", Call: "c"})
	deadline := time.Now().Add(10 * time.Second)
	for p.Err() == nil {
		if time.Now().After(deadline) {
			t.Fatal("the stream takes it: is the account full?")
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(1500 * time.Millisecond) // some tries
	if err := js.DeleteStream(t.Context(), "FILLER"); err != nil {
		t.Fatal(err)
	}
	p.Publish(calls.Notice{Type: "action.finished", ID: "3", Call: "c"})
	want(t, "the subscriber", heard("3"), "2", "3")
	want(t, "the stream", storedIDs(t, b, 3), "1", "2", "3")
}

// TestSubscriberDoesNotHearWhatIsLost: an event that is too large for the stream is heard by nobody.
func TestSubscriberDoesNotHearWhatIsLost(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	p.Publish(calls.Notice{Type: "call.started", ID: "1", Call: "c"})
	stored(t, b, 1)
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	small := s.CachedInfo().Config
	small.MaxMsgSize = 1024
	if _, err := js.UpdateStream(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	heard := subscribe(t, b.Events())
	p.Publish(calls.Notice{Type: "call.answered", ID: "2", Call: "c", Reason: strings.Repeat("x", 2000)})
	p.Publish(calls.Notice{Type: "call.ended", ID: "3", Call: "c"})
	want(t, "the subscriber", heard("3"), "3")
}

// TestSubscriberAcrossAnOutage: NATS is stopped while calls tell their stories; stream and subscriber have each event once,
// each call's in order.
func TestSubscriberAcrossAnOutage(t *testing.T) {
	s := brokertest.Start(t)
	b := external(t, s)
	p := start(t, b, 0)
	p.Publish(calls.Notice{Type: "call.started", ID: "first", Call: "x"})
	stored(t, b, 1)
	ear, err := nats.Connect(s.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	back := make(chan struct{}, 8)
	ear.SetReconnectHandler(func(*nats.Conn) { back <- struct{}{} })
	sub, err := ear.SubscribeSync("metaflows.v1.event.>")
	if err != nil || ear.Flush() != nil {
		t.Fatal(err)
	}
	const talks, each = 10, 60
	for n := range each {
		for c := range talks {
			p.Publish(calls.Notice{Type: "code.armed", ID: fmt.Sprintf("%d-%d", c, n), Call: fmt.Sprint(c)})
		}
		if n == each/2 {
			s.Stop()
		}
		time.Sleep(time.Millisecond)
	}
	s.Again()
	<-back
	p.Publish(calls.Notice{Type: "call.ended", ID: "last", Call: "x"})
	all := storedIDs(t, b, talks*each+2)
	if len(all) != talks*each+2 {
		t.Errorf("%d are stored, want %d", len(all), talks*each+2)
	}
	last, times := map[string]int{}, map[string]int{}
	for {
		m, err := sub.NextMsg(time.Second)
		if err != nil {
			break
		}
		id := m.Header.Get("ce-id")
		if times[id]++; times[id] > 1 {
			t.Errorf("%s is heard again", id)
		}
		var c, n int
		if _, err := fmt.Sscanf(id, "%d-%d", &c, &n); err != nil {
			continue
		}
		if before, ok := last[fmt.Sprint(c)]; ok && n <= before {
			t.Errorf("call %d: %d after %d", c, n, before)
		}
		last[fmt.Sprint(c)] = n
	}
	if len(times) < talks*each/2 { // what is stored while the subscriber is away is not heard
		t.Errorf("%d are heard", len(times))
	}
}

// TestOldStreamIsChangedInPlace: the stream that an earlier version has made keeps what it holds and goes on.
func TestOldStreamIsChangedInPlace(t *testing.T) {
	b := embedded(t)
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	old := jetstream.StreamConfig{
		Name: streamName, Description: "ours", Subjects: []string{"metaflows.v1.event.>"}, AllowDirect: true, MaxBytes: 32 << 20, MaxAge: time.Hour,
	}
	if _, err := js.CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	durable, err := js.CreateConsumer(t.Context(), streamName, jetstream.ConsumerConfig{Durable: "billing", FilterSubject: "metaflows.v1.event.*.*.call.*"})
	if err != nil {
		t.Fatal(err)
	}
	n := notice{Notice: calls.Notice{Type: "call.started", ID: "old", Account: "acme", Call: "c", Node: "n1", Time: time.Now()}}
	m, err := n.message()
	if err != nil {
		t.Fatal(err)
	}
	m.Subject = "metaflows.v1.event.acme.c.call.started"
	if _, err := js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	p := start(t, b, 0)
	heard := subscribe(t, b.Events())
	p.Publish(n.Notice) // a repeat
	p.Publish(calls.Notice{Type: "call.ended", ID: "new", Account: "acme", Call: "c"})
	want(t, "the subscriber", heard("new"), "new")
	want(t, "the stream", storedIDs(t, b, 2), "old", "new")
	for _, id := range []string{"old", "new"} {
		m, err := durable.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil || m.Headers().Get("ce-id") != id || m.Ack() != nil {
			t.Fatalf("a consumer that was there reads %v: %v; want %s", m, err, id)
		}
	}
	s, err := js.Stream(t.Context(), streamName)
	if err != nil || s.CachedInfo().Config.Description != "ours" {
		t.Error(s, err)
	}
}
