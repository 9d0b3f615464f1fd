package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	startTimeout = 30 * time.Second       // of the embedded server; streams of the default size are recovered in far less
	firstReopen  = 250 * time.Millisecond // from a failure to the next attempt
	lastReopen   = 10 * time.Second
	giveUp       = 5 * time.Minute  // of failing, until the process had better end
	steady       = 30 * time.Second // after which an opened server counts as mended
	roomNeeded   = 1 << 20          // bytes that can be written where a server is worth opening
)

var errClosed = errors.New("the embedded NATS is closed")

// engine is the embedded server. When it can write no more (nats-server refuses a stream for good after one failed write,
// and all of JetStream when the disk is full), it is closed and opened again, until it can.
type engine struct {
	cfg    Config
	inside string // password of the internal users, for this run only
	log    *slog.Logger
	giveUp time.Duration

	mu      sync.Mutex
	ns      *server.Server // nil while it is closed
	problem error          // why it is closed; nil when it is not

	broken  chan string // why it can write no more; one slot
	ending  sync.Once
	stop    chan struct{}
	stopped chan struct{}
	failed  chan struct{} // closed when nothing more is tried
	failure error         // then
}

func startEngine(cfg Config, inside string) (*engine, error) {
	e := &engine{
		cfg: cfg, inside: inside, log: cfg.Log, giveUp: giveUp, broken: make(chan string, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}), failed: make(chan struct{}),
	}
	if err := e.open(); err != nil {
		return nil, err
	}
	go e.run()
	return e, nil
}

// InProcessConn is nats.InProcessConnProvider: connections find the server that is open now.
func (e *engine) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	ns := e.ns
	e.mu.Unlock()
	if ns == nil {
		return nil, errClosed
	}
	return ns.InProcessConn()
}

// err says why the server is closed.
func (e *engine) err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.problem
}

// breaks says that the server can write no more. It blocks never.
func (e *engine) breaks(why string) {
	select {
	case e.broken <- why:
	default:
	}
}

// end closes the server for good. It may be called again.
func (e *engine) end() {
	e.ending.Do(func() { close(e.stop) })
	<-e.stopped
	e.close(errClosed)
}

func (e *engine) run() {
	defer close(e.stopped)
	var since time.Time // when it began to fail
	var opened time.Time
	retry := firstReopen
	for {
		var why string
		select {
		case why = <-e.broken:
		case <-e.stop:
			return
		}
		switch failing := time.Since(since); {
		case time.Since(opened) > steady:
			since, retry = time.Now(), firstReopen
		case failing > e.giveUp: // it opens, and a moment later it cannot write again
			e.close(errors.New(why))
			e.fails(fmt.Errorf("the embedded NATS could write no more again and again for %s: %s", e.giveUp, why))
			return
		}
		e.log.Error("the embedded NATS can write no more: it is closed and opened again; calls and codes go on, events wait", "error", why,
			"do", "make room on the disk of METAFLOWS_DATA_DIR, or mend it")
		e.close(errors.New(why))
		for {
			if !e.wait(retry) {
				return
			}
			retry = min(2*retry, lastReopen)
			err := e.reopen()
			if err == nil {
				break
			}
			e.close(err)
			e.log.Debug("the embedded NATS cannot be opened again yet", "error", err)
			if time.Since(since) > e.giveUp {
				e.fails(fmt.Errorf("the embedded NATS could not be opened again for %s: %w", e.giveUp, err))
				return
			}
		}
		opened = time.Now()
		e.log.Info("the embedded NATS is open again", "after", time.Since(since).Round(time.Millisecond))
	}
}

// fails says that nothing more is tried.
func (e *engine) fails(why error) {
	e.failure = why
	close(e.failed)
}

// wait is false when the engine ends meanwhile.
func (e *engine) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-e.stop:
		return false
	}
}

// reopen opens the server again, unless it could not write: a start on a full disk may cost what is there.
func (e *engine) reopen() error {
	if err := writable(e.cfg.Dir); err != nil {
		return err
	}
	select {
	case <-e.broken: // of the one before
	default:
	}
	return e.open()
}

func (e *engine) close(why error) {
	e.mu.Lock()
	ns := e.ns
	e.ns, e.problem = nil, why
	e.mu.Unlock()
	if ns != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
	}
}

func (e *engine) open() error {
	cfg := e.cfg
	if err := verified(cfg.Dir); err != nil {
		return fmt.Errorf("data folder %w: %w", ErrFolder, err)
	}
	opts := &server.Options{}
	if err := opts.ProcessConfigString(accounts(e.inside, cfg.AuditPassword)); err != nil {
		return fmt.Errorf("configure the embedded NATS: %w", err)
	}
	opts.ServerName = "metaflows-" + cfg.Node
	opts.JetStream = true
	opts.StoreDir = cfg.Dir
	opts.JetStreamMaxStore = cfg.MaxStore
	opts.SyncInterval = 2 * time.Second // a document survives a power cut two seconds after it was stored
	opts.NoSigs = true
	opts.DisableShortFirstPing = true
	opts.DontListen = true // the gate does
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	fatal := make(chan string, 1)
	ns.SetLogger(serverLog{log: cfg.Log, fatal: fatal, broken: e.breaks}, false, false)
	ready := make(chan bool, 1)
	go ns.Start()
	go func() { ready <- ns.ReadyForConnections(startTimeout) }()
	select {
	case reason := <-fatal:
		ns.Shutdown()
		return fmt.Errorf("embedded NATS: %s", reason)
	case ok := <-ready:
		if !ok {
			ns.Shutdown()
			return fmt.Errorf("embedded NATS was not ready within %s", startTimeout)
		}
	}
	if !ns.JetStreamEnabled() {
		ns.Shutdown()
		return errors.New("embedded NATS: JetStream has not started")
	}
	e.mu.Lock()
	e.ns, e.problem = ns, nil
	e.mu.Unlock()
	return nil
}

// writable says why some bytes cannot be written into a folder, and on to its disk.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, roomNeeded))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// ends says whether a line of the server's log means that it can write no more until it is opened again.
func ends(line string) bool {
	return strings.Contains(line, "Critical write error") || strings.Contains(line, "will be DISABLED")
}
