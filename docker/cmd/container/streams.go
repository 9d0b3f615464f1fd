package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/recordings"
)

// What metaflows keeps in NATS. It makes all of it itself, with one replica; what is there already keeps its replicas. The live
// calls are in memory, and each entry is gone when nobody refreshes it.
var buckets = []jetstream.KeyValueConfig{
	{Bucket: "metaflows_documents"},
	{Bucket: "metaflows_auth"},
	{Bucket: "metaflows_recording_index"},
	{Bucket: "metaflows_calls", TTL: time.Minute, Storage: jetstream.MemoryStorage},
}

// streamsCommand makes, before metaflows does, what must outlive one of several NATS servers.
func streamsCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	replicas := flags.Int("replicas", 3, "the `number` of servers that hold each")
	return func(ctx context.Context) error {
		s, err := load()
		if err != nil {
			return err
		}
		url, err := s.Logins.read(natsURL)
		if err != nil {
			return fmt.Errorf("NATS's URL: %w", err)
		}
		return retry(ctx, out, func(ctx context.Context) error { return makeStreams(ctx, out, url, *replicas) })
	}
}

// oneTry bounds a try: a cluster that has no leader yet leaves requests without an answer.
const oneTry = 5 * time.Second

func makeStreams(ctx context.Context, out io.Writer, url string, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	conn, err := nats.Connect(url, nats.Name("lab streams"))
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	_, err = js.Stream(ctx, broker.EventStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		events := jetstream.StreamConfig{Name: broker.EventStream, AllowDirect: true, Replicas: replicas}
		broker.CollectEvents(&events)
		_, err = js.CreateStream(ctx, events)
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", broker.EventStream, err)
	}
	for _, bucket := range buckets {
		_, err := js.KeyValue(ctx, bucket.Bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			bucket.Replicas = replicas
			_, err = js.CreateKeyValue(ctx, bucket)
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", bucket.Bucket, err)
		}
	}
	if err := makeRecordings(ctx, js, replicas); err != nil {
		return fmt.Errorf("recordings: %w", err)
	}
	fmt.Fprintln(out, "the streams are there")
	return nil
}

// makeRecordings makes the queue and the store of what was recorded.
func makeRecordings(ctx context.Context, js jetstream.JetStream, replicas int) error {
	_, err := js.Stream(ctx, recordings.QueueStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name: recordings.QueueStream, Subjects: []string{"metaflows.v1.delivery.*"}, Retention: jetstream.WorkQueuePolicy, Duplicates: 10 * time.Minute, Replicas: replicas,
		})
	}
	if err != nil {
		return err
	}
	_, err = js.ObjectStore(ctx, recordings.ObjectBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: recordings.ObjectBucket, MaxBytes: 1 << 30, Replicas: replicas})
	}
	return err
}
