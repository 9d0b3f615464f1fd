package recordings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

// IndexBucket is the name of the KV bucket of the index; a key is <account>.<id>.
const IndexBucket = "metaflows_recording_index"

// index is what was recorded, in NATS: nothing of it is in memory.
type index struct {
	kv     jetstream.KeyValue
	stream jetstream.Stream // below it
}

func openIndex(ctx context.Context, js jetstream.JetStream, deleted *broker.Deleted) (index, error) {
	bucket, err := broker.OpenBucket(ctx, js, jetstream.KeyValueConfig{Bucket: IndexBucket, Description: "what was recorded", History: 1}, deleted)
	if err != nil {
		return index{}, err
	}
	stream, err := js.Stream(ctx, "KV_"+IndexBucket)
	return index{kv: bucket, stream: stream}, err
}

// get is an entry and its revision; nil where there is none, or none that can be understood.
func (x index) get(ctx context.Context, key string) (*Entry, uint64, error) {
	stored, err := x.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the index of recordings: %w", broker.Explain(err))
	}
	e := &Entry{}
	if json.Unmarshal(stored.Value(), e) != nil || e.ID == "" {
		return nil, stored.Revision(), nil
	}
	return e, stored.Revision(), nil
}

// change changes an entry, which is given empty where there is none, unless nothing is to be changed. Who else changes it
// meanwhile has done so before. The entry is as it stands then.
func (x index) change(ctx context.Context, key string, change func(*Entry) bool) (*Entry, error) {
	for {
		e, revision, err := x.get(ctx, key)
		if err != nil {
			return nil, err
		}
		if e == nil {
			e = &Entry{}
		}
		if !change(e) {
			return e, nil
		}
		raw, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		if revision == 0 {
			_, err = x.kv.Create(ctx, key, raw)
		} else {
			_, err = x.kv.Update(ctx, key, raw, revision)
		}
		switch {
		case err == nil:
			return e, nil
		case !errors.Is(err, jetstream.ErrKeyExists) && !errors.Is(err, jetstream.ErrKeyRevisionMismatch):
			return nil, fmt.Errorf("write the index of recordings: %w", broker.Explain(err))
		}
	}
}

// remove removes an entry, and leaves no mark of that, as a deletion does.
func (x index) remove(ctx context.Context, key string) error {
	return x.stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+IndexBucket+"."+key))
}
