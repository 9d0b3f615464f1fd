package events

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// TestForgotten: a notice that the stream has, and of which it has forgotten that by now, is not there twice; another of the
// same subject is.
func TestForgotten(t *testing.T) {
	b := embedded(t)
	p := &Publisher{cfg: Config{Conn: b.Events(), Node: "n1", MaxAge: time.Hour, MaxBytes: 64 << 20, Limit: defaultLimit, Log: slog.New(slog.DiscardHandler)}}
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.ensureStream(t.Context(), js)
	if err != nil {
		t.Fatal(err)
	}
	short := s.CachedInfo().Config
	short.Duplicates = 100 * time.Millisecond
	if _, err := js.UpdateStream(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	made := func(id string) (notice, *nats.Msg) {
		n := notice{Notice: calls.Notice{Type: "code.armed", ID: id, Account: "acme", Call: "c", Time: time.Now()}}
		m, err := n.message()
		if err != nil {
			t.Fatal(err)
		}
		return n, m
	}
	publish := func(m *nats.Msg) (duplicate bool) {
		t.Helper()
		ack, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: broker.PublishSubject(m.Subject), Header: m.Header, Data: m.Data})
		if err != nil {
			t.Fatal(err)
		}
		return ack.Duplicate
	}
	first, message := made("1")
	second, _ := made("2")
	publish(message)
	_, probe := made("probe")
	probe.Subject += ".probe" // of another lane
	publish(probe)
	for !publish(probe) { // it is known at first
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for publish(probe) { // and forgotten after a while, with all before it
		if ctx.Err() != nil {
			t.Fatal("the stream does not forget")
		}
	}
	d, err := newDelivery(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	d.stream = s
	for _, n := range []notice{first, second} {
		d.enqueue(n)
	}
	d.takeIn()
	l := d.lanes.byKey[laneKey{call: "c"}]
	l.sent = time.Now().Add(-duplicates)
	for d.Backlog() > 0 && ctx.Err() == nil {
		d.send(ctx)
		d.wait(ctx, nil)
	}
	if d.Published() != 1 {
		t.Errorf("%d were published, want the second", d.Published())
	}
	last, err := s.GetLastMsgForSubject(ctx, message.Subject)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(message.Subject))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.State.Subjects[message.Subject]; got != 2 || last.Header.Get(jetstream.MsgIDHeader) != "2" {
		t.Errorf("there are %d, the last is %s; want 2, and the last 2", got, last.Header.Get(jetstream.MsgIDHeader))
	}
}
