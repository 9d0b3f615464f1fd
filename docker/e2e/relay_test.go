package e2e

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
)

// relay carries bytes between metaflows and Asterisk's HTTP, and can be cut without a word: sockets stay open, new ones
// are taken, and nothing arrives. What was sent meanwhile arrives when the relay is mended, as TCP would have it: also
// from who has hung up since.
type relay struct {
	URL    string // what ARI's is for who comes through it
	target string
	socket net.Listener

	mu    sync.Mutex
	there chan struct{} // closed while bytes flow to Asterisk
	back  chan struct{} // and from it
	conns map[net.Conn]struct{}
	ended chan struct{}
	work  sync.WaitGroup
}

// relayTo runs a relay to ARI until the test ends.
func relayTo(t *testing.T, ariURL string) *relay {
	t.Helper()
	u, err := url.Parse(ariURL)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{
		URL: "http://" + socket.Addr().String() + u.Path, target: u.Host, socket: socket,
		there: make(chan struct{}), back: make(chan struct{}), conns: map[net.Conn]struct{}{}, ended: make(chan struct{}),
	}
	r.mend()
	r.work.Go(r.accept)
	t.Cleanup(r.end)
	return r
}

// cut stops the bytes in both directions.
func (r *relay) cut() {
	r.cutBack()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there = make(chan struct{})
}

// cutBack stops what Asterisk says, answers and events; requests still arrive.
func (r *relay) cutBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.back = make(chan struct{})
}

// mend lets the bytes flow again.
func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range []chan struct{}{r.there, r.back} {
		select {
		case <-c:
		default:
			close(c)
		}
	}
}

func (r *relay) accept() {
	for {
		near, err := r.socket.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.carry(near) })
	}
}

// carry carries one connection to its end.
func (r *relay) carry(near net.Conn) {
	defer near.Close()
	if !r.keep(near) || !r.flows(&r.there) {
		return
	}
	far, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer far.Close()
	if !r.keep(far) {
		return
	}
	defer r.forget(near, far)
	var both sync.WaitGroup
	both.Go(func() { r.pump(far, near, &r.there) })
	both.Go(func() { r.pump(near, far, &r.back) })
	both.Wait()
}

// pump carries one direction.
func (r *relay) pump(to, from net.Conn, direction *chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !r.flows(direction) {
			return
		}
		if _, failed := to.Write(buffer[:n]); errors.Join(err, failed) != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// flows waits until bytes flow in a direction; false at the test's end.
func (r *relay) flows(direction *chan struct{}) bool {
	r.mu.Lock()
	whole := *direction
	r.mu.Unlock()
	select {
	case <-whole:
		return true
	case <-r.ended:
		return false
	}
}

func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.ended:
		return false
	default:
		r.conns[c] = struct{}{}
		return true
	}
}

func (r *relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.conns, c)
	}
}

func (r *relay) end() {
	_ = r.socket.Close()
	r.mu.Lock()
	close(r.ended)
	for c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
