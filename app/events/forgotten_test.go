package events

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows"
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
	if err := p.ensureStream(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	short := s.CachedInfo().Config
	short.Duplicates = 100 * time.Millisecond
	if _, err := js.UpdateStream(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	made := func(id string) *item {
		n := notice{Notice: flows.Notice{Type: "code.armed", ID: id, Account: "acme", Call: "c", Time: time.Now()}}
		m, err := n.message()
		if err != nil {
			t.Fatal(err)
		}
		return &item{lane: n.lane(), message: m}
	}
	first := made("1")
	publish := func(it *item) (duplicate bool) {
		t.Helper()
		ack, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: broker.PublishSubject(it.message.Subject), Header: it.message.Header, Data: it.message.Data})
		if err != nil {
			t.Fatal(err)
		}
		return ack.Duplicate
	}
	publish(first)
	probe := made("probe")
	probe.message.Subject += ".probe" // of another lane
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
	first.sent = time.Now().Add(-duplicates)
	second := made("2")
	for range 2 { // it is in the same lane
		if err := p.round(ctx, js, []*item{first, second}); err != nil {
			t.Fatal(err)
		}
	}
	if !first.done || !second.done {
		t.Errorf("sent: the first %v, the second %v", first.done, second.done)
	}
	last, err := s.GetLastMsgForSubject(ctx, first.message.Subject)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(first.message.Subject))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.State.Subjects[first.message.Subject]; got != 2 || last.Header.Get(jetstream.MsgIDHeader) != "2" {
		t.Errorf("there are %d, the last is %s; want 2, and the last 2", got, last.Header.Get(jetstream.MsgIDHeader))
	}
}
