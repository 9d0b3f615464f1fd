package events_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/app/events"
	"metaflows/app/events/eventstest"
	"metaflows/flows/calls"
)

// What a subscriber gets is as the schemas say: ids that cannot stand in a subject, no account, no id given, and what the
// publisher tells by itself, that events were lost.
func TestPublishedEventsAreAsTheirSchemas(t *testing.T) {
	s := brokertest.Start(t)
	b, err := broker.Open(broker.Config{URL: s.URL(), Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	s.Stop()
	p := events.New(events.Config{Conn: b.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 8 << 20, Limit: 3})
	for _, n := range []calls.Notice{
		{Type: "call.started", Account: "a.b c>*~", Call: "1700.5-é", Channel: "1700.5", UniqueID: "1700.5", Endpoint: "PJSIP/bob"},
		{Type: "call.ended", Call: "1700.6", Reason: "busy"},
		{Type: "document.changed", Account: "acme", Document: "user", Path: "/v2/accounts/acme/users/u/metaflows", Result: "removed"},
		{Type: "call.started", Call: "lost"},
	} {
		p.Publish(n)
	}
	s.Again()
	conn, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	came := make(chan *nats.Msg, 16)
	if _, err := conn.ChanSubscribe(broker.EventSubjects, came); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for deadline := time.After(20 * time.Second); len(types) < 4; {
		select {
		case m := <-came:
			types[m.Header.Get("ce-type")]++
			if err := eventstest.Check(m.Subject, m.Header, m.Data); err != nil {
				t.Error(err)
			}
		case <-deadline:
			t.Fatalf("there came only %v", types)
		}
	}
	if err := p.Close(t.Context()); err != nil || types["metaflows.v1.events.lost"] != 1 {
		t.Error(err, types)
	}
}
