package ari

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"metaflows/flows/calls"
)

// transport speaks HTTP/1.1 to one server, for which net/http's cannot say when a request has been handed to the kernel, nor write
// a second one behind it on the same connection (pipelining): Asterisk carries out those of one connection in their order, also
// when we have died meanwhile (ari/ASTERISK.md, Commands). Whoever asks writes and reads on its own goroutine. A connection has one
// request at a time, but for those of a step. A server that closes its connections carries out one request of each: it gets those
// of a step one after the other.
type transport struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	base    *url.URL
	address string
	tls     *tls.Config     // nil: http
	web     *http.Transport // of the events' websocket and of files, whose answers are not read ahead
	closes  atomic.Bool     // the server has closed a connection with its answer, since the websocket was made

	mu       sync.Mutex
	idle     []*conn // used last at the end
	sweeping bool    // a timer runs
}

const (
	maxIdle  = 128
	idleTime = 10 * time.Second // Asterisk closes after session_keep_alive, 15 s
)

func newTransport(base *url.URL) *transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}
	t := &transport{dial: dialer.DialContext, base: base, address: base.Host}
	if base.Scheme == "https" {
		t.tls = &tls.Config{ServerName: base.Hostname(), MinVersion: tls.VersionTLS12}
	}
	if base.Port() == "" {
		t.address = net.JoinHostPort(base.Hostname(), base.Scheme) // the service's name
	}
	t.web = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return t.dial(ctx, network, address)
		},
		TLSHandshakeTimeout: 5 * time.Second,
		DisableCompression:  true, // a file's length is to be known
		IdleConnTimeout:     idleTime,
	}
	return t
}

// turnKey is that of a turned in a context.
type turnKey struct{}

// turned are the turn of a request and its own time, which begins when the one ahead on the connection has been answered.
type turned struct {
	turn *calls.Turn
	time time.Duration
}

// inTurn is the context of a request that has a turn; else its time begins now.
func inTurn(ctx context.Context, turn *calls.Turn, own time.Duration) (context.Context, context.CancelFunc) {
	if turn == nil {
		return context.WithTimeout(ctx, own)
	}
	return context.WithCancel(context.WithValue(ctx, turnKey{}, turned{turn, own}))
}

// limited begins a request's own time, unless that has begun.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if t, ok := ctx.Value(turnKey{}).(turned); ok {
		return context.WithTimeout(ctx, t.time)
	}
	return ctx, func() {}
}

// RoundTrip implements http.RoundTripper. The answer has been read when it returns. A request that goes behind another waits for
// the answer to that one.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Upgrade") != "" {
		t.closes.Store(false) // it may be another server by now
		return t.web.RoundTrip(req)
	}
	if req.URL.Host != t.base.Host || req.URL.Scheme != t.base.Scheme {
		return nil, errAnswer // it redirects, which ARI never does
	}
	var ask bytes.Buffer
	if err := req.Write(&ask); err != nil {
		return nil, err
	}
	in, _ := req.Context().Value(turnKey{}).(turned)
	resp, err := t.behind(req, ask.Bytes(), in.turn)
	if !errors.Is(err, errUnsent) {
		return resp, err
	}
	if err := in.turn.Await(req.Context()); err != nil {
		return nil, err
	}
	return t.alone(req, ask.Bytes(), in.turn)
}

// behind makes a request behind the one before it in its step, as long as that has no answer.
func (t *transport) behind(req *http.Request, ask []byte, turn *calls.Turn) (*http.Response, error) {
	before, _ := turn.Way().(*place)
	if before == nil {
		return nil, errUnsent
	}
	ctx, cancel := limited(req.Context())
	p, err := before.write(ctx, ask, before)
	cancel()
	if err != nil {
		return nil, err
	}
	t.sent(turn, p)
	return p.answer(req)
}

// alone makes a request on any connection.
func (t *transport) alone(req *http.Request, ask []byte, turn *calls.Turn) (*http.Response, error) {
	ctx, cancel := limited(req.Context())
	defer cancel()
	req = req.WithContext(ctx)
	for {
		p, err := t.send(ctx, ask)
		if err != nil {
			return nil, err
		}
		t.sent(turn, p)
		resp, err := p.answer(req)
		if errors.Is(err, errNoAnswer) && p.used && req.Method == http.MethodGet && ctx.Err() == nil {
			continue // it was closed while it was idle
		}
		return resp, err
	}
}

// sent lets the next request of a step follow at once, where the server will carry it out.
func (t *transport) sent(turn *calls.Turn, p *place) {
	if !t.closes.Load() {
		turn.Sent(p)
	}
}

// send hands a request over.
func (t *transport) send(ctx context.Context, ask []byte) (*place, error) {
	for {
		c, used := t.take(), true
		if c == nil {
			used = false
			var err error
			if c, err = t.connect(ctx); err != nil {
				return nil, err
			}
		}
		p, err := c.write(ctx, ask, nil)
		if used && errors.Is(err, errUnsent) && ctx.Err() == nil {
			continue // it was closed while it was idle
		}
		if err != nil {
			return nil, err
		}
		p.used = used
		return p, nil
	}
}

func (t *transport) connect(ctx context.Context) (*conn, error) {
	wire, err := t.dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: wire, home: t}
	if s, ok := wire.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	if t.tls != nil {
		secure := tls.Client(wire, t.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			wire.Close()
			return nil, err
		}
		c.Conn = secure
	}
	c.start()
	return c, nil
}

// take returns an idle connection, nil if there is none.
func (t *transport) take() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, c := range slices.Backward(t.idle) {
		t.idle = t.idle[:n]
		if time.Since(c.since) < idleTime && c.alive() {
			return c
		}
		c.Close()
	}
	return nil
}

// keep takes a connection back that is idle.
func (t *transport) keep(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) >= maxIdle {
		c.Close()
		return
	}
	c.since = time.Now()
	t.idle = append(t.idle, c)
	if !t.sweeping {
		t.sweeping = true
		time.AfterFunc(idleTime, t.sweep)
	}
}

// sweep closes what has been idle for too long.
func (t *transport) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = slices.DeleteFunc(t.idle, func(c *conn) bool {
		old := time.Since(c.since) >= idleTime
		if old {
			c.Close()
		}
		return old
	})
	if t.sweeping = len(t.idle) > 0; t.sweeping {
		time.AfterFunc(idleTime, t.sweep)
	}
}
