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
	raw   syscall.RawConn // nil where it cannot be looked at
	limit io.LimitedReader
	r     *bufio.Reader
	since time.Time // idle; of home

	mu     sync.Mutex
	open   int           // requests written whose answers were not read
	last   chan struct{} // closed when the last of them was
	broken bool          // not to be used any more: what comes is nobody's
}

// maxHead bounds the head of an answer.
const maxHead = 1 << 20

var (
	errNoAnswer  = errors.New("closed without an answer")
	errUnwritten = errors.New("not written")
	errAnswered  = errors.New("the request before has been answered")
)

// past is a deadline that ends what is under way.
var past = time.Unix(1, 0)

func (c *conn) start() {
	c.limit = io.LimitedReader{R: c.Conn}
	c.r = bufio.NewReader(&c.limit)
}

// alive says of an idle connection that the server has not closed it.
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
	ahead chan struct{} // closed when the answer before this one has been read; nil: it is the first
	read  chan struct{} // closed when this one has been
}

// write hands a request to the kernel; behind: only where another one waits for its answer.
func (c *conn) write(ctx context.Context, ask []byte, behind bool) (place, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if behind && c.open == 0 {
		return place{}, errAnswered
	}
	if c.broken {
		return place{}, errNoAnswer
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(past) })
	n, err := c.Conn.Write(ask)
	if !stop() {
		n, err = len(ask), ctx.Err() // the deadline may be in the next one's way
	}
	if err != nil {
		c.broken = true
		if c.open == 0 {
			c.Close()
		}
		if n == 0 {
			err = errors.Join(errUnwritten, err)
		}
		return place{}, err
	}
	p := place{conn: c, read: make(chan struct{})}
	if c.open > 0 {
		p.ahead = c.last
	}
	c.open++
	c.last = p.read
	return p, nil
}

// answer waits for the answer and reads it.
func (p place) answer(req *http.Request) (resp *http.Response, err error) {
	ctx := req.Context()
	if p.ahead != nil {
		select {
		case <-p.ahead:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err == nil && !p.isBroken() {
		stop := context.AfterFunc(ctx, func() { _ = p.SetReadDeadline(past) })
		var whole bool
		if resp, whole, err = p.readAnswer(req); !stop() {
			if err != nil {
				err = ctx.Err()
			}
			whole = false // the deadline may be in the next one's way
		}
		if whole {
			p.leave(false)
			return resp, nil
		}
	} else if err == nil {
		err = errNoAnswer
	}
	p.leave(true)
	return resp, err
}

// readAnswer reads one answer; whole says that the next one may follow.
func (c *conn) readAnswer(req *http.Request) (resp *http.Response, whole bool, err error) {
	c.limit.N = maxAnswer + maxHead
	if _, err := c.r.Peek(1); err != nil {
		return nil, false, errors.Join(errNoAnswer, err)
	}
	for resp == nil || resp.StatusCode < 200 { // 1xx tell nothing
		if resp, err = http.ReadResponse(c.r, req); err != nil {
			return nil, false, unexpected(err)
		}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, false, unexpected(err)
	}
	if len(body) > maxAnswer {
		return nil, false, errAnswer
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, !resp.Close, nil
}

// unexpected makes of an end that it comes too early.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *conn) isBroken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// leave gives the connection to the request behind, or back when it is the last.
func (p place) leave(broken bool) {
	c := p.conn
	c.mu.Lock()
	c.broken = c.broken || broken
	broken = c.broken
	c.open--
	last := c.open == 0
	if last && !broken && c.r.Buffered() > 0 { // nobody has asked for that
		c.broken, broken = true, true
	}
	c.mu.Unlock()
	close(p.read)
	switch {
	case last && broken:
		c.Close()
	case last:
		c.home.keep(c)
	}
}
