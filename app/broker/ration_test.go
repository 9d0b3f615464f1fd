package broker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// An auditor has 32 consumers at most, of any kind; the process's own are beside them, and one that is deleted makes room.
func TestAuditHasFewConsumers(t *testing.T) {
	l := newLab(t)
	create := func(js jetstream.JetStream, cfg jetstream.ConsumerConfig) error {
		_, err := js.CreateOrUpdateConsumer(t.Context(), EventStream, cfg)
		return err
	}
	for i := range maxAuditConsumers {
		cfg := jetstream.ConsumerConfig{FilterSubject: event}
		if i%2 == 0 {
			cfg = jetstream.ConsumerConfig{Durable: fmt.Sprint("d", i)}
		}
		if err := create(l.audit, cfg); err != nil {
			t.Fatal(i, err)
		}
	}
	tooMany := func(err error) bool {
		api, ok := errors.AsType[*jetstream.APIError](err)
		return ok && api.ErrorCode == 10026
	}
	for _, cfg := range []jetstream.ConsumerConfig{{}, {FilterSubject: event}, {Durable: "more"}, {Name: "other"}} {
		if err := create(l.audit, cfg); !tooMany(err) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if err := create(l.audit, jetstream.ConsumerConfig{Durable: "d0", Description: "changed"}); err != nil {
		t.Error("one that is there cannot be changed:", err)
	}
	if err := create(l.events, jetstream.ConsumerConfig{Name: OwnConsumer + "x"}); err != nil {
		t.Error("the process has no consumer of its own:", err)
	}
	if err := l.audit.DeleteConsumer(t.Context(), EventStream, "d0"); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []jetstream.ConsumerConfig{{Name: OwnConsumer + "y"}, {Durable: OwnConsumer + "y"}} {
		if err := create(l.audit, cfg); err == nil {
			t.Error("an auditor made one in the process's name")
		}
	}
	if err := create(l.audit, jetstream.ConsumerConfig{Durable: "again"}); err != nil {
		t.Error("there is no room after one was deleted:", err)
	}
	if err := create(l.audit, jetstream.ConsumerConfig{Durable: "more"}); !tooMany(err) {
		t.Error(err)
	}
}
