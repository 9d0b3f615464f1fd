package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds the start of the embedded server; streams of the default size are recovered in far less.
const startTimeout = 30 * time.Second

func embedded(cfg Config) (*Broker, error) {
	unlock, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	b := &Broker{log: cfg.Log, unlock: unlock}
	inside := rand.Text() + rand.Text() // of the internal users, for this run only
	if err := b.serve(cfg, inside); err != nil {
		unlock()
		return nil, err
	}
	connect := func(user string) (*nats.Conn, error) {
		// An inbox that cannot be guessed: see accounts. The client's own has a part of 6 characters only.
		inbox := nats.CustomInboxPrefix("_INBOX_" + rand.Text())
		return nats.Connect("", append(connection(cfg), inbox, nats.InProcessServer(b.server), nats.UserInfo(user, inside))...)
	}
	if b.events, err = connect(eventsUser); err == nil {
		b.documents, err = connect(documentsUser)
	}
	if err != nil {
		b.server.Shutdown()
		unlock()
		return nil, fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	return b, nil
}

func (b *Broker) serve(cfg Config, inside string) error {
	opts := &server.Options{}
	if err := opts.ProcessConfigString(accounts(inside, cfg.AuditPassword)); err != nil {
		return fmt.Errorf("configure the embedded NATS: %w", err)
	}
	opts.ServerName = "metaflows-" + cfg.Node
	opts.JetStream = true
	opts.StoreDir = cfg.Dir
	opts.JetStreamMaxStore = cfg.MaxStore
	opts.SyncInterval = 2 * time.Second // a document survives a power cut two seconds after it was stored
	opts.NoSigs = true
	opts.DisableShortFirstPing = true
	if cfg.Listen == "off" {
		opts.DontListen = true
	} else if err := listen(opts, cfg.Listen); err != nil {
		return err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	fatal := make(chan string, 1)
	ns.SetLogger(serverLog{log: cfg.Log, fatal: fatal}, false, false)
	ready := make(chan bool, 1)
	go ns.Start()
	go func() { ready <- ns.ReadyForConnections(startTimeout) }()
	select {
	case reason := <-fatal:
		ns.Shutdown()
		if strings.HasPrefix(reason, "Error listening") {
			return fmt.Errorf("NATS address %s %w: %s", cfg.Listen, ErrListen, reason)
		}
		return fmt.Errorf("embedded NATS: %s", reason)
	case ok := <-ready:
		if !ok {
			ns.Shutdown()
			return fmt.Errorf("embedded NATS was not ready within %s", startTimeout)
		}
	}
	b.server = ns
	return nil
}

func listen(opts *server.Options, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", address, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("listen address %q: port: %w", address, err)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	if host == "" {
		host = "0.0.0.0"
	}
	opts.Host, opts.Port = host, n
	return nil
}

// lock keeps a second process out of the folder: two servers on the same streams would destroy them. The lock ends with
// the process, however it ends.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder %w: %w", ErrFolder, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder %w: %w", ErrFolder, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder %s %w: it is in use by another metaflows process", dir, ErrFolder)
		}
		return nil, fmt.Errorf("data folder %s %w: lock: %w", dir, ErrFolder, err)
	}
	return func() { _ = f.Close() }, nil
}
