package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	openTimeout = 5 * time.Second
	lookTimeout = time.Second
)

// Bucket is a KV bucket, and when it was made: a watch does not notice that its bucket has gone and that another of the same
// name is in its place.
type Bucket struct {
	jetstream.KeyValue
	Made  time.Time     // by NATS's clock
	Ahead time.Duration // of our clock, when it was opened
}

// OpenBucket finds a bucket, or makes it, unless it is being deleted. It blocks for 5 s at most.
func OpenBucket(ctx context.Context, js jetstream.JetStream, cfg jetstream.KeyValueConfig, deleted *Deleted) (*Bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	kv, err := js.KeyValue(ctx, cfg.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		if err = deleted.Gone(); err == nil {
			kv, err = js.CreateKeyValue(ctx, cfg)
		}
	}
	b := &Bucket{KeyValue: kv}
	var info *jetstream.StreamInfo
	if err == nil {
		deleted.There()
		info, err = b.info(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", cfg.Bucket, Explain(err))
	}
	b.Made, b.Ahead = info.Created, time.Since(info.TimeStamp)
	return b, nil
}

// Same says whether the bucket is there, and still the one that was opened, as far as NATS says. It blocks for 1 s at most.
func (b *Bucket) Same(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	info, err := b.info(ctx)
	if err != nil {
		return !errors.Is(err, jetstream.ErrStreamNotFound) && !errors.Is(err, jetstream.ErrBucketNotFound)
	}
	return info.Created.Equal(b.Made)
}

func (b *Bucket) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	status, err := b.Status(ctx)
	if err != nil {
		return nil, err
	}
	return status.(*jetstream.KeyValueBucketStatus).StreamInfo(), nil
}
