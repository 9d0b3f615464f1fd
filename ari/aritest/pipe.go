package aritest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Pipe is a server without a network, for tests in a synctest bubble, in which time passes only while everybody waits.
type Pipe struct {
	*Server
	listener *pipeListener
}

// NewPipe is New for a client whose connections are made by Dial.
func NewPipe(t testing.TB) *Pipe {
	l := &pipeListener{come: make(chan net.Conn), closed: make(chan struct{})}
	p := &Pipe{Server: start(t, l), listener: l}
	p.URL = "http://asterisk:8088/ari"
	return p
}

// Dial connects to the server; it is an http.Transport's DialContext.
func (p *Pipe) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.listener.come <- far:
		return near, nil
	case <-p.listener.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	come   chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.come:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.closed) }); return nil }

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
