package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/docker/program"
	"metaflows/flows/calls"
)

// Stream reads the stream of events as it is kept, once and in order, over any number of metaflows' runs.
type Stream struct {
	program *program.Program
	next    uint64 // sequence number of the first event that was not read
}

// NewStream is a reader that begins with the oldest event.
func NewStream(p *program.Program) *Stream { return &Stream{program: p, next: 1} }

// Read returns the events that were stored since the last Read.
func (s *Stream) Read(ctx context.Context) (list []calls.Notice, err error) {
	conn, err := login(s.program)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, broker.EventStream)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", broker.EventStream, err)
	}
	for last := stream.CachedInfo().State.LastSeq; s.next <= last; s.next++ {
		m, err := stream.GetMsg(ctx, s.next)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // over the stream's limits
		}
		if err != nil {
			return list, fmt.Errorf("read stream %s: event %d: %w", broker.EventStream, s.next, err)
		}
		list = append(list, NoticeOf(m.Header, m.Data))
	}
	return list, nil
}

// Latest tells the last events of the stream, for errors.
func Latest(p *program.Program, most int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	list, err := NewStream(p).Read(ctx)
	if err != nil {
		return err.Error()
	}
	return story(list[max(0, len(list)-most):])
}
