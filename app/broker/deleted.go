package broker

import (
	"errors"
	"time"
)

// deletion is how long NATS may take to delete a stream. Its server says that there is none as soon as it begins, and takes
// the stream's folder away at the end, also from under a stream of the same name that somebody has made meanwhile: that one is
// there then, and until the server starts again it neither stores anything nor answers who wants it to
// (nats-server 2.15, stream.stop and fileStore.Delete).
const deletion = 3 * time.Second

// errDeleted is why a stream that is not there is not made.
var errDeleted = errors.New("it was deleted, and is made again once NATS has had the time to take its files away")

// Deleted keeps a stream from being made while one of its name is being deleted. The zero Deleted has seen none, a nil one never
// will: what is in memory has no files. It belongs to one goroutine.
type Deleted struct {
	seen  bool
	since time.Time // not there since; zero: it was there last
}

// There notes that the stream is there, or was.
func (d *Deleted) There() {
	if d != nil {
		*d = Deleted{seen: true}
	}
}

// Gone notes that the stream is not there, and says why it must not be made yet; nil when it may be.
func (d *Deleted) Gone() error {
	if d == nil || !d.seen {
		return nil
	}
	if d.since.IsZero() {
		d.since = time.Now()
	}
	if time.Since(d.since) < deletion {
		return errDeleted
	}
	return nil
}
