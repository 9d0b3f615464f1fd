package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
)

// Sound is a recording's file, from where it is now. It is read as it is asked for: no more than a part of it is in memory.
type Sound struct {
	size int64
	open func(skip int64) (io.ReadCloser, error)
	at   int64         // of the next Read
	body io.ReadCloser // nil: to be opened at that place
}

// Read is io.Reader's.
func (s *Sound) Read(p []byte) (n int, err error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if s.body == nil {
		if s.body, err = s.open(s.at); err != nil {
			return 0, err
		}
	}
	n, err = s.body.Read(p)
	if s.at += int64(n); errors.Is(err, io.EOF) && s.at < s.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Seek is io.Seeker's. It reads nothing.
func (s *Sound) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning")
	}
	if offset != s.at {
		_ = s.Close()
	}
	s.at = offset
	return offset, nil
}

// Close ends what was opened.
func (s *Sound) Close() error {
	body := s.body
	if s.body = nil; body == nil {
		return nil
	}
	return body.Close()
}

// read opens an object.
func (o *objects) read(ctx context.Context, e *Entry) *Sound {
	return &Sound{size: e.Size, open: func(skip int64) (io.ReadCloser, error) {
		r := &chunks{ctx: ctx, objects: o, subject: chunkSubject(e.ID)}
		for range skip / chunkSize {
			if err := r.next(); err != nil {
				return nil, err
			}
		}
		if rest := skip % chunkSize; rest > 0 {
			if err := r.next(); err != nil {
				return nil, err
			}
			r.rest = r.rest[min(rest, int64(len(r.rest))):]
		} else {
			r.rest = nil
		}
		return io.NopCloser(r), nil
	}}
}

// chunks reads an object, one chunk after the other.
type chunks struct {
	ctx     context.Context //nolint:containedctx // a reader has no other way to know when it is to end
	objects *objects
	subject string
	after   uint64 // place in the stream
	rest    []byte // of the chunk that was read last
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *chunks) next() error {
	m, err := c.objects.stream.GetMsg(c.ctx, c.after+1, jetstream.WithGetMsgSubject(c.subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("read the object store: %w", broker.Explain(err))
	}
	c.after, c.rest = m.Sequence, m.Data
	return nil
}

// stored opens Asterisk's file.
func (r *Recordings) stored(ctx context.Context, e *Entry) (*Sound, error) {
	file, size, err := r.cfg.Asterisk.StoredRecordingFile(ctx, e.Told.Recording)
	if err != nil {
		return nil, err
	}
	s := &Sound{size: size, body: file}
	s.open = func(skip int64) (io.ReadCloser, error) {
		file, _, err := r.cfg.Asterisk.StoredRecordingFile(ctx, e.Told.Recording)
		if err == nil {
			_, err = io.CopyN(io.Discard, file, skip)
		}
		return file, err
	}
	return s, nil
}
