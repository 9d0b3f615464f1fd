package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// streamed waits until the stream holds the events wanted of a call, in any order, and is an error when others are there, or
// when one of all events is there twice.
func (p *project) streamed(ctx context.Context, call string, want []string) error {
	password, err := p.login(ctx, "nats")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	slices.Sort(want)
	for {
		all, err := p.stream(ctx, password)
		if err != nil {
			return err
		}
		ids, got := map[string]bool{}, []string{}
		for _, n := range all {
			if ids[n.ID] {
				return fmt.Errorf("the stream holds the event %s %s twice", n.ID, n.Type)
			}
			ids[n.ID] = true
			if n.Call == call {
				got = append(got, n.Type)
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			p.say("  %d events of the call, %d of all calls, each once", len(got), len(all))
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the stream holds of the call\n%v, wanted are\n%v", got, want)
		}
	}
}

// stream reads all events with metaflows' own login, which may make a consumer; the auditor may not.
func (p *project) stream(ctx context.Context, password string) (list []calls.Notice, err error) {
	conn, err := p.connect("metaflows", password)
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
		return nil, fmt.Errorf("stream %s: %w", broker.EventStream, err)
	}
	last := stream.CachedInfo().State.LastSeq
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", broker.EventStream, err)
	}
	for uint64(len(list)) < last {
		m, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil {
			return nil, fmt.Errorf("read %s: event %d: %w", broker.EventStream, len(list)+1, err)
		}
		list = append(list, rig.NoticeOf(m.Headers(), m.Data()))
	}
	return list, nil
}
