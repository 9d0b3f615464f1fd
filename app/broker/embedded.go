package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/nats-io/nats.go"
)

func embedded(cfg Config) (*Broker, error) {
	unlock, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	b := &Broker{log: cfg.Log, unlock: unlock}
	inside := rand.Text() + rand.Text()
	if b.engine, err = startEngine(cfg, inside); err != nil {
		unlock()
		return nil, err
	}
	connect := func(user string) (*nats.Conn, error) {
		// An inbox that cannot be guessed: see accounts. The client's own has a part of 6 characters only.
		inbox := nats.CustomInboxPrefix("_INBOX_" + rand.Text())
		return nats.Connect("", append(connection(cfg), inbox, nats.InProcessServer(b.engine), nats.UserInfo(user, inside))...)
	}
	if b.events, err = connect(eventsUser); err == nil {
		b.documents, err = connect(documentsUser)
	}
	if err == nil {
		b.consumers, err = connect(consumersUser)
	}
	if err == nil {
		err = (&ration{events: b.events}).serve(b.consumers)
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	if cfg.Listen != "off" {
		if b.gate, err = openGate(cfg.Listen, cfg.AuditPassword, b.engine.InProcessConn, cfg.Log); err != nil {
			b.Close()
			return nil, fmt.Errorf("NATS address %s %w: %w", cfg.Listen, ErrListen, err)
		}
	}
	return b, nil
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
