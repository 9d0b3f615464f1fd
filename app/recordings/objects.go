package recordings

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

// ObjectBucket is the name of the object store.
const ObjectBucket = "metaflows_recordings"

const (
	objectStream  = "OBJ_" + ObjectBucket
	defaultObject = 10 << 30  // bytes of a new object store
	chunkSize     = 128 << 10 // as the client's own
)

// objects is the object store. An object is put here, and not by the client, which would have up to 4000 chunks of 128 KiB under
// way and leave those of a put that was killed for ever: here one is, and a put that comes again begins by removing them.
type objects struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	store  jetstream.ObjectStore
	mu     sync.Mutex // one put at a time, so that there is room for it when it begins
}

func openObjects(ctx context.Context, js jetstream.JetStream, maxBytes int64) (*objects, error) {
	stream, err := js.Stream(ctx, objectStream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		if _, err = js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: ObjectBucket, Description: "what was recorded and goes nowhere else", MaxBytes: cmp.Or(maxBytes, defaultObject),
		}); err == nil {
			stream, err = js.Stream(ctx, objectStream)
		}
	case err == nil && maxBytes > 0 && stream.CachedInfo().Config.MaxBytes != maxBytes:
		cfg := stream.CachedInfo().Config
		cfg.MaxBytes = maxBytes
		stream, err = js.UpdateStream(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	store, err := js.ObjectStore(ctx, ObjectBucket)
	return &objects{js: js, stream: stream, store: store}, err
}

// object is the name of an entry's object.
func (e *Entry) object(key string) string { return key + "." + e.Format }

func metaSubject(object string) string {
	return "$O." + ObjectBucket + ".M." + base64.URLEncoding.EncodeToString([]byte(object))
}

func chunkSubject(id string) string { return "$O." + ObjectBucket + ".C." + id }

// put stores a file under the entry's name, in place of what is there, and removes the oldest objects where there is no room for
// it; evicted is told of the keys of their entries. It is there when put returns. errFull: there can be no room.
func (o *objects) put(ctx context.Context, e *Entry, key string, size int64, file io.Reader, evicted func(key string)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.makeRoom(ctx, size, evicted); err != nil {
		return err
	}
	chunks := chunkSubject(e.ID)
	if err := o.stream.Purge(ctx, jetstream.WithPurgeSubject(chunks)); err != nil {
		return fmt.Errorf("write the object store: %w", broker.Explain(err))
	}
	info := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{
			Name: e.object(key), Description: "recording " + e.Told.Recording, Headers: nats.Header{"Content-Type": {e.contentType()}},
			Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkSize},
		},
		Bucket: ObjectBucket, NUID: e.ID,
	}
	sum, chunk := sha256.New(), make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(file, chunk)
		if n > 0 {
			sum.Write(chunk[:n])
			info.Size += uint64(n)
			info.Chunks++
			if err := o.write(ctx, nats.NewMsg(chunks), chunk[:n]); err != nil {
				return err
			}
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read Asterisk's file: %w", err)
		}
		if err != nil {
			break
		}
	}
	if info.Size != uint64(size) {
		return fmt.Errorf("read Asterisk's file: it ends after %d bytes of %d", info.Size, size)
	}
	info.Digest = jetstream.GetObjectDigestValue(sum)
	raw, err := json.Marshal(info)
	if err != nil {
		return err
	}
	m := nats.NewMsg(metaSubject(info.Name))
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	return o.write(ctx, m, raw)
}

// write stores one message.
func (o *objects) write(ctx context.Context, m *nats.Msg, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m.Data = data
	_, err := o.js.PublishMsg(ctx, m, jetstream.WithExpectStream(objectStream))
	if err != nil {
		return fmt.Errorf("write the object store: %w", broker.Explain(err))
	}
	return nil
}

// makeRoom removes the oldest objects until there is room for one more, and for what NATS needs beside.
func (o *objects) makeRoom(ctx context.Context, size int64, evicted func(key string)) error {
	info, err := o.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at the object store: %w", broker.Explain(err))
	}
	size += size/64 + 64<<10
	most, free := info.Config.MaxBytes, info.Config.MaxBytes-int64(info.State.Bytes)
	if most <= 0 || size <= free {
		return nil
	}
	if size > most {
		return errFull
	}
	all, err := o.store.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return fmt.Errorf("list the object store: %w", broker.Explain(err))
	}
	slices.SortFunc(all, func(a, b *jetstream.ObjectInfo) int { return a.ModTime.Compare(b.ModTime) })
	for _, old := range all {
		if size <= free {
			break
		}
		if err := o.remove(ctx, old.Name, old.NUID); err != nil {
			return err
		}
		free += int64(old.Size)
		evicted(strings.TrimSuffix(old.Name, path.Ext(old.Name)))
	}
	return nil
}

// remove removes an object and all that it has left.
func (o *objects) remove(ctx context.Context, name, id string) error {
	err := o.stream.Purge(ctx, jetstream.WithPurgeSubject(metaSubject(name)))
	if err = errors.Join(err, o.stream.Purge(ctx, jetstream.WithPurgeSubject(chunkSubject(id)))); err != nil {
		return fmt.Errorf("remove from the object store: %w", broker.Explain(err))
	}
	return nil
}
