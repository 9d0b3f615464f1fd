// Package brokertest runs external NATS servers for tests.
package brokertest

import (
	"path/filepath"
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
	return WithAccounts(t, accounts).Addr()
}

// WithAccounts is Configured for who changes the accounts later.
func WithAccounts(t testing.TB, accounts string) *Server {
	t.Helper()
	s := &Server{t: t, opts: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true}}
	s.configure(accounts)
	s.Again()
	t.Cleanup(s.Stop)
	return s
}

// Restart stops the server and starts it with other accounts or permissions: while it runs, its own code races with what is
// loaded anew.
func (s *Server) Restart(accounts string) {
	s.t.Helper()
	s.Stop()
	s.configure(accounts)
	s.Again()
}

func (s *Server) configure(accounts string) {
	s.t.Helper()
	var opts server.Options
	if err := opts.ProcessConfigString(accounts); err != nil {
		s.t.Fatal(err)
	}
	opts.Host, opts.Port, opts.JetStream, opts.StoreDir, opts.NoSigs = s.opts.Host, s.opts.Port, true, s.opts.StoreDir, true
	s.opts = opts
}

// Addr is where it listens, host:port.
func (s *Server) Addr() string { return s.ns.Addr().String() }

// URL is where it listens.
func (s *Server) URL() string { return s.ns.ClientURL() }

// Removed says whether the server has no files of a stream any more. It tells that a stream is deleted before that.
func (s *Server) Removed(stream string) bool {
	s.t.Helper()
	folders, err := filepath.Glob(filepath.Join(s.opts.StoreDir, "jetstream", "*", "streams", stream))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(folders) == 0
}

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
