package broker

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	maxStrangers = 64              // connections without a login at a time; one more is closed at once
	maxAuditors  = 256             // connections with one
	loginTime    = 2 * time.Second // for a login
	writeTime    = 15 * time.Second
	maxLogin     = 4096 // bytes of a CONNECT, as the server's own max_control_line
	acceptRetry  = 100 * time.Millisecond
)

// gate listens for subscribers in front of the embedded server, which itself listens nowhere. Whoever has not logged in
// takes one of a few places for two seconds at most, so that no stranger takes the process's descriptors, or an auditor's
// place: the server's own max_connections counts all alike, and a connection costs it far more. Who logs in as audit is
// connected to the server inside the process; nobody else is, so that the internal users cannot even be tried. The gate
// stays open while the server is closed and opened again.
type gate struct {
	listener net.Listener
	password string
	inside   func() (net.Conn, error) // a connection to the server
	log      *slog.Logger

	mu       sync.Mutex
	guests   map[net.Conn]bool // true: it has logged in
	auditors int
	closed   bool
	running  sync.WaitGroup
}

func openGate(address, password string, inside func() (net.Conn, error), log *slog.Logger) (*gate, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	g := &gate{listener: listener, password: password, inside: inside, log: log, guests: map[net.Conn]bool{}}
	g.running.Go(g.accept)
	return g, nil
}

func (g *gate) addr() string { return g.listener.Addr().String() }

// close ends all connections, and waits until they have ended.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	for conn := range g.guests {
		_ = conn.Close()
	}
	g.mu.Unlock()
	_ = g.listener.Close()
	g.running.Wait()
}

func (g *gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // as when there are no descriptors: it passes
			g.log.Debug("a NATS connection cannot be taken", "error", err)
			time.Sleep(acceptRetry)
			continue
		}
		if !g.admit(conn) {
			_ = conn.Close()
			continue
		}
		g.running.Go(func() {
			defer g.dismiss(conn)
			g.serve(conn)
		})
	}
}

// admit gives a stranger a place, if there is one.
func (g *gate) admit(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || len(g.guests)-g.auditors >= maxStrangers {
		return false
	}
	g.guests[conn] = false
	return true
}

// promote gives a stranger who has logged in an auditor's place, if there is one.
func (g *gate) promote(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.auditors >= maxAuditors {
		return false
	}
	g.guests[conn] = true
	g.auditors++
	return true
}

func (g *gate) dismiss(conn net.Conn) {
	_ = conn.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.guests[conn] {
		g.auditors--
	}
	delete(g.guests, conn)
}

// serve takes the login and then hands bytes over in both directions, until one side ends.
func (g *gate) serve(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(loginTime))
	server, err := g.inside()
	if err != nil {
		return // it is being opened again; clients try again
	}
	var toClient sync.WaitGroup
	defer toClient.Wait()
	defer server.Close()
	lines := bufio.NewReaderSize(server, maxLogin)
	info, err := lines.ReadBytes('\n') // what a server begins with
	if err != nil {
		return
	}
	if _, err := conn.Write(info); err != nil {
		return
	}
	from := bufio.NewReaderSize(conn, maxLogin)
	line, err := from.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			refuse(conn, "Maximum Control Line Exceeded")
		}
		return
	}
	if !g.isAudit(line) {
		refuse(conn, "Authorization Violation")
		return
	}
	if !g.promote(conn) {
		refuse(conn, "maximum connections exceeded")
		return
	}
	_ = conn.SetDeadline(time.Time{})
	toClient.Go(func() {
		_, _ = io.Copy(patient{conn}, lines)
		_ = conn.Close()
	})
	if _, err := server.Write(line); err == nil {
		_, _ = io.Copy(server, from)
	}
}

// isAudit says whether the first line of a client logs in as audit. The server looks at it again.
func (g *gate) isAudit(line []byte) bool {
	verb, options, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	var login struct {
		User string `json:"user"`
		Pass string `json:"pass"`
	}
	if !bytes.EqualFold(verb, []byte("CONNECT")) || json.Unmarshal(options, &login) != nil {
		return false
	}
	user := subtle.ConstantTimeCompare([]byte(login.User), []byte(AuditUser))
	return user&subtle.ConstantTimeCompare([]byte(login.Pass), []byte(g.password)) == 1
}

func refuse(conn net.Conn, why string) { _, _ = conn.Write([]byte("-ERR '" + why + "'\r\n")) }

// patient gives each write some time: the server notices a slow client by what it cannot write to us.
type patient struct{ net.Conn }

func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(writeTime))
	return p.Conn.Write(b)
}
