package recordings

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"metaflows/flows/calls"
)

var (
	errNoTry = errors.New("not tried") // Asterisk is not there
	errLost  = errors.New("Asterisk has no file of it")
	errFull  = errors.New("it is larger than METAFLOWS_RECORDINGS_MAX_BYTES lets the object store be")
)

// refused is the answer of a server that did not take a recording.
type refused struct {
	status int
	after  time.Duration // not to be asked again before; 0: it does not say
}

func (r *refused) Error() string {
	return fmt.Sprintf("it answers %d %s", r.status, http.StatusText(r.status))
}

// reasonOf is the word for what ends a delivery at once; "" for what may pass.
func reasonOf(err error) string {
	refusal, is := errors.AsType[*refused](err)
	switch {
	case errors.Is(err, errLost):
		return "lost"
	case errors.Is(err, errFull):
		return "full"
	case is && refusal.status == http.StatusGone:
		return "gone"
	}
	return ""
}

// deliver brings a recording to where it is to be, and says how that state is called and how many bytes there were.
func (r *Recordings) deliver(ctx context.Context, s *stores, key string, e *Entry) (State, int64, error) {
	if e.Delivery.URL == "" {
		objects, err := r.openObjects(ctx, s)
		if err != nil {
			return "", 0, err
		}
		file, size, err := r.file(ctx, e)
		if err != nil {
			return "", 0, err
		}
		defer file.Close()
		return Kept, size, objects.put(ctx, e, key, size, file, func(key string) { r.evicted(ctx, s, key) })
	}
	size, sum, err := r.measure(ctx, e)
	if err != nil {
		return "", 0, err
	}
	return Delivered, size, r.sender.send(ctx, e.target(), parcel{
		method: e.method(), size: size, header: map[string]string{
			"Content-Type": e.contentType(), "Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":",
			"Idempotency-Key": e.ID, "Webhook-Id": e.ID,
		},
		open: func() (io.ReadCloser, error) {
			file, now, err := r.file(ctx, e)
			if err == nil && now != size {
				file.Close()
				err = errors.New("the file in Asterisk's folder has changed")
			}
			return file, err
		},
	})
}

// file opens Asterisk's file.
func (r *Recordings) file(ctx context.Context, e *Entry) (io.ReadCloser, int64, error) {
	file, size, err := r.cfg.Asterisk.StoredRecordingFile(ctx, e.Told.Recording)
	switch {
	case errors.Is(err, calls.ErrGone):
		err = errLost
	case errors.Is(err, calls.ErrDetached), err != nil && !r.cfg.Connected():
		err = fmt.Errorf("%w: %w", errNoTry, err)
	}
	return file, size, err
}

// measure reads the file for its length and SHA-256, which are told before the file is.
func (r *Recordings) measure(ctx context.Context, e *Entry) (size int64, sum []byte, err error) {
	file, size, err := r.file(ctx, e)
	if err != nil {
		return 0, nil, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return 0, nil, fmt.Errorf("read Asterisk's file: %w", err)
	}
	return size, hash.Sum(nil), nil
}

// where is where a recording goes, as far as it may be told: a path or a query may hold a secret.
func (e *Entry) where() string {
	if e.Delivery.URL == "" {
		return ObjectBucket
	}
	u, err := url.Parse(e.Delivery.URL)
	if err != nil {
		return "a URL"
	}
	return u.Host
}

// evicted forgets a recording for which there is no room in the object store any more.
func (r *Recordings) evicted(ctx context.Context, s *stores, key string) {
	e, _, err := s.index.get(ctx, key)
	if err == nil && e != nil {
		err = s.index.remove(ctx, key)
	}
	if err != nil {
		r.cfg.Log.Warn("a recording that was removed from the object store stays in the index", "key", key, "error", err)
	}
	if e != nil {
		e.Done = time.Now()
		r.cfg.Publisher.Publish(e.event("recording.deleted", "deleted", "no_room"))
		r.cfg.Log.Warn("the oldest recording was removed from the object store for a new one", "recording", e.Told.Recording, "of", e.Began.Format(time.RFC3339))
	}
}
