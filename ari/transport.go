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
	"syscall"
	"time"

	"metaflows/flows/calls"
)

// transport speaks HTTP/1.1 to one server, for which net/http's cannot say when a request has been handed to the kernel, nor write
// a second one behind it on the same connection (pipelining): Asterisk carries out those of one connection in their order, also
// when we have died meanwhile (ari/ASTERISK.md, Commands). Whoever asks writes and reads on its own goroutine. A connection has one
// request at a time, but for those of a step.
type transport struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	tls     *tls.Config     // nil: http
	web     *http.Transport // of the events' websocket

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
	t := &transport{dial: dialer.DialContext, address: base.Host}
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
	}
	return t
}

type turnKey struct{}

// inTurn is the context of a request that has a turn.
func inTurn(ctx context.Context, turn *calls.Turn) context.Context {
	if turn == nil {
		return ctx
	}
	return context.WithValue(ctx, turnKey{}, turn)
}

// RoundTrip implements http.RoundTripper. The answer has been read when it returns. A request that goes behind another waits for
// the answer to that one.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Upgrade") != "" {
		return t.web.RoundTrip(req)
	}
	var ask bytes.Buffer
	if err := req.Write(&ask); err != nil {
		return nil, err
	}
	ctx := req.Context()
	turn, _ := ctx.Value(turnKey{}).(*calls.Turn)
	for {
		p, err := t.send(ctx, ask.Bytes(), turn)
		if err != nil {
			return nil, err
		}
		turn.Sent(p.conn)
		resp, err := p.answer(req)
		if errors.Is(err, errNoAnswer) && p.used && req.Method == http.MethodGet && ctx.Err() == nil {
			continue // it was closed while it was idle
		}
		return resp, err
	}
}

// send hands a request over: behind the one before it in its step, as long as that has no answer, else on any connection.
func (t *transport) send(ctx context.Context, ask []byte, turn *calls.Turn) (place, error) {
	if before, _ := turn.Way().(*conn); before != nil {
		if p, err := before.write(ctx, ask, true); !errors.Is(err, errAnswered) {
			return p, err
		}
	}
	for {
		c, used := t.take(), true
		if c == nil {
			used = false
			var err error
			if c, err = t.connect(ctx); err != nil {
				return place{}, err
			}
		}
		p, err := c.write(ctx, ask, false)
		p.used = used
		if used && errors.Is(err, errUnwritten) && ctx.Err() == nil {
			continue // it was closed while it was idle
		}
		return p, err
	}
}

func (t *transport) connect(ctx context.Context) (*conn, error) {
	wire, err := t.dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: wire, home: t}
	if t.tls != nil {
		secure := tls.Client(wire, t.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			wire.Close()
			return nil, err
		}
		c.Conn = secure
	} else if s, ok := wire.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
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
