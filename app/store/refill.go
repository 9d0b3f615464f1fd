package store

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// refill stores in a bucket of ours what it has lost: what the file holds, or memory. That a bucket has been refilled, or
// had nothing to be refilled with, a mark in it says, written last: a process that is killed between two values leaves a
// bucket without it, and the next one goes on. What the bucket holds already, or has deleted, is later than what is known,
// and stays.
func (m *mirror) refill(ctx context.Context, kv jetstream.KeyValue) error {
	mark := "whole." + m.prefix
	if _, err := kv.Get(ctx, mark); !errors.Is(err, jetstream.ErrKeyNotFound) {
		return err // nil where the mark is there
	}
	m.mu.Lock()
	known := m.values.all()
	m.mu.Unlock()
	lost := 0
	for _, v := range known {
		revision, err := m.publish(ctx, v.key, v.raw, jetstream.WithExpectLastSequencePerSubject(0))
		switch {
		case wrongSequence(err):
			continue
		case err != nil:
			return err
		}
		if lost++; lost == 1 {
			m.log.Error("NATS has lost what it held; what was known last is stored again", "bucket", m.bucket, "known", len(known))
		}
		m.apply(v.key, v.raw, revision)
	}
	_, err := kv.Create(ctx, mark, []byte("{}"))
	if errors.Is(err, jetstream.ErrKeyExists) {
		err = nil
	}
	return err
}
