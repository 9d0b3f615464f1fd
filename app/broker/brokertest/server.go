// Package brokertest runs external NATS servers for tests.
package brokertest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Server is a NATS server with JetStream and one account that needs no login. It can be stopped and started again at the
// same address with the same streams.
type Server struct {
	t    testing.TB
	opts server.Options
	ns   *server.Server
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, opts: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true}}
	s.Again()
	t.Cleanup(s.Stop)
	return s
}

// Plain runs a server without JetStream until the test ends, and gives its URL.
func Plain(t *testing.T) string {
	t.Helper()
	s := &Server{t: t, opts: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true}}
	s.Again()
	t.Cleanup(s.Stop)
	return s.URL()
}

// Configured runs a server with JetStream and the accounts of a configuration until the test ends, and gives its address,
// host:port.
func Configured(t *testing.T, accounts string) string {
	t.Helper()
	s := &Server{t: t}
	if err := s.opts.ProcessConfigString(accounts); err != nil {
		t.Fatal(err)
	}
	s.opts.Host, s.opts.Port, s.opts.JetStream, s.opts.StoreDir, s.opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, t.TempDir(), true
	s.Again()
	t.Cleanup(s.Stop)
	return s.ns.Addr().String()
}

// URL is where it listens.
func (s *Server) URL() string { return s.ns.ClientURL() }

// Stop ends the server and all connections to it.
func (s *Server) Stop() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

// Again starts a stopped server at the same address.
func (s *Server) Again() {
	s.t.Helper()
	opts := s.opts
	ns, err := server.NewServer(&opts)
	if err != nil {
		s.t.Fatal(err)
	}
	go ns.Start()
	if !ns.ReadyForConnections(10 * time.Second) {
		s.t.Fatal("the NATS server does not start")
	}
	s.ns = ns
	s.opts.Port = opts.Port
}

// Connect is a connection to it.
func (s *Server) Connect() (*nats.Conn, error) { return nats.Connect(s.URL()) }
