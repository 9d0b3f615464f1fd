package ari

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// conn is a connection of a transport. Requests are written behind each other, and each is answered when those before it are.
type conn struct {
	net.Conn
	home  *transport
	raw   syscall.RawConn // below TLS; nil where it cannot be looked at
	limit io.LimitedReader
	r     *bufio.Reader
	since time.Time // idle; of home

	mu     sync.Mutex
	open   int    // places that were not left
	last   *place // nil: none is open
	closed bool   // to more requests: those that are open may still be answered
}

// maxHead bounds the head of an answer.
const maxHead = 1 << 20

var (
	errNoAnswer = errors.New("closed without an answer")
	errUnsent   = errors.New("not sent, or the server has not begun with it") // it may be sent again
)

// past is a deadline that ends what is under way.
var past = time.Unix(1, 0)

func (c *conn) start() {
	c.limit = io.LimitedReader{R: c.Conn}
	c.r = bufio.NewReader(&c.limit)
}

// alive says of an idle connection that the server has neither closed it nor said anything more.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true
	}
	open := false
	err := c.raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:])
		open = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && open
}

// place is that of a request on its connection.
type place struct {
	*conn
	used  bool          // the connection has had other requests
	ahead *place        // nil: it is the first
	left  chan struct{} // closed when its answer has been read, or never will be
	next  error         // then: why the answer to the one behind does not come either
}

// write hands a request to the kernel; behind: only while the answer to that one has not been read.
func (c *conn) write(ctx context.Context, ask []byte, behind *place) (*place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || behind != nil && c.last != behind {
		return nil, errUnsent
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(past) })
	n, err := c.Conn.Write(ask)
	if !stop() {
		n, err = len(ask), ctx.Err() // the deadline may be in the next one's way
	}
	if err != nil {
		c.closed = true
		if c.open == 0 {
			c.Close()
		}
		if n == 0 {
			err = errors.Join(errUnsent, err)
		}
		return nil, err
	}
	p := &place{conn: c, ahead: c.last, left: make(chan struct{})}
	c.open++
	c.last = p
	return p, nil
}

// answer waits for the answer and reads it. The request's own time begins when those ahead are answered.
func (p *place) answer(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if p.ahead != nil {
		select {
		case <-p.ahead.left:
			if err := p.ahead.next; err != nil {
				p.leave(err)
				return nil, err
			}
		case <-ctx.Done():
			p.leave(errNoAnswer)
			return nil, ctx.Err()
		}
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.SetReadDeadline(past) })
	resp, err := p.readAnswer(req)
	late := !stop()
	switch {
	case err == nil && resp.Close:
		p.home.closes.Store(true)
		p.leave(errUnsent) // RFC 9112, 9.6
	case err == nil && !late:
		p.leave(nil)
	default: // the deadline may be in the next one's way
		p.leave(errNoAnswer)
	}
	if err != nil && late {
		err = ctx.Err()
	}
	return resp, err
}

// readAnswer reads one answer.
func (c *conn) readAnswer(req *http.Request) (resp *http.Response, err error) {
	c.limit.N = maxAnswer + maxHead
	if _, err := c.r.Peek(1); err != nil {
		return nil, errors.Join(errNoAnswer, err)
	}
	for resp == nil || resp.StatusCode < 200 { // 1xx tell nothing
		if resp, err = http.ReadResponse(c.r, req); err != nil {
			return nil, unexpected(err)
		}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, unexpected(err)
	}
	if len(body) > maxAnswer {
		return nil, errAnswer
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// unexpected makes of an end that it comes too early.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// leave gives the connection to the request behind, or back when it is the last; next: it is not to be used any more, and those
// behind fail by that. Those ahead, of one that does not wait any longer, read on.
func (p *place) leave(next error) {
	c := p.conn
	c.mu.Lock()
	p.next = next
	close(p.left)
	c.open--
	last := c.open == 0
	if last {
		c.last = nil
	}
	c.closed = c.closed || next != nil || last && c.r.Buffered() > 0 // nobody has asked for that
	closed := c.closed
	c.mu.Unlock()
	switch {
	case last && closed:
		c.Close()
	case last:
		c.home.keep(c)
	}
}
