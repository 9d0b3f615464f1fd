package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"metaflows/app/auth"
	"metaflows/app/broker"
	"metaflows/app/config"
	"metaflows/app/directory"
	"metaflows/app/egress"
	"metaflows/app/events"
	"metaflows/app/live"
	"metaflows/app/metrics"
	"metaflows/app/recordings"
	"metaflows/app/schema"
	"metaflows/app/store"
)

const (
	loadTimeout = 10 * time.Second // for the embedded NATS to load the documents before calls are taken
	callTimeout = 5 * time.Second  // for calls and requests to end at a stop
	keysTimeout = 3 * time.Second  // of these, for keys that are kept from the other party to be given back
	lastTimeout = 5 * time.Second  // for what is being published to be stored at a stop

	// leaveTimeout is for calls to let go when another process takes them over: a command to Asterisk may take 15 s.
	leaveTimeout = 20 * time.Second
)

// Options are what a process gives beside its configuration.
type Options struct {
	Log     *slog.Logger
	Version string
	// Listening is called once, when HTTP and NATS listen and what the embedded NATS holds is loaded. Asterisk may not be
	// connected yet; /readyz says when it is. It may be nil.
	Listening func(Addresses)
}

// Addresses are where a running process can be reached, and where its logins are.
type Addresses struct {
	HTTP              string // host:port of the REST API
	Pprof             string // host:port of Go's profiles; "" when they are not served
	NATS              string // host:port of the embedded NATS server; "" when it does not listen or NATS is external
	AdminTokenFile    string // "" when the token was given
	AuditPasswordFile string // "" when NATS is external
}

// process is one running metaflows.
type process struct {
	cfg     config.Config
	options Options
	log     *slog.Logger
	addr    Addresses
	keepsIn string // folder of what is known last; "" where none can be kept
	pending string // file of the events that a stop could not publish; likewise

	broker     *broker.Broker
	probe      *broker.Probe
	events     *events.Publisher
	quota      *store.Quota
	documents  *store.Store
	records    *store.Records // of the directory
	directory  *directory.Directory
	blocked    egress.Blocked // what is not connected to on behalf of documents
	schemas    *schema.Schemas
	live       *live.Live
	logins     *logins
	telephony  *telephony
	recordings *recordings.Recordings
	metrics    *metrics.Metrics
	pprof      *http.Server // nil: profiles are not served
	http       *http.Server
}

// Run runs metaflows until ctx ends, and then stops it: calls are left talking in Asterisk, requests are answered, and
// what is being published is finished, in 10 seconds at most. An error is why it could not start, or what was lost at the
// stop, or that the embedded NATS could not write for five minutes. Asterisk and an external NATS may be away at any time.
func Run(ctx context.Context, cfg config.Config, options Options) error {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &process{cfg: cfg, options: options, log: options.Log}
	var running sync.WaitGroup
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // of what must outlive ctx for an orderly stop
	defer running.Wait()
	defer end()

	if err := s.dataFolder(); err != nil {
		return err
	}
	token, err := s.adminToken()
	if err != nil {
		return err
	}
	if err := s.openBroker(); err != nil {
		return err
	}
	defer s.broker.Close()
	s.events = events.New(events.Config{
		Conn: s.broker.Events(), Node: cfg.Node, MaxAge: cfg.Events.MaxAge, MaxBytes: int64(cfg.Events.MaxBytes),
		Pending: s.pending, Log: s.log,
	})
	defer func() { _ = s.finishEvents(0) }() // when the start fails; else done below
	s.quota = quota(cfg)
	s.documents, err = store.New(store.Config{
		Conn: s.broker.Documents(), Settings: settings(cfg), Publisher: s.events, Log: s.log, Quota: s.quota,
		File: s.keptIn("documents.json"), Own: s.broker.Embedded(), Folder: s.natsFolder(),
	})
	if err != nil {
		return err
	}
	if s.logins, err = s.openLogins(token); err != nil {
		return err
	}
	running.Go(func() { s.documents.Run(life) })
	running.Go(func() { s.logins.run(life) })
	defer running.Wait()
	defer end()
	if err := s.loadSchemas(); err != nil {
		return err
	}
	if err := s.openDirectory(); err != nil {
		return err
	}
	running.Go(func() { s.records.Run(life) })
	s.probe = s.broker.NewProbe(store.Bucket, auth.Bucket)
	s.openLive()
	s.measure()
	if s.telephony, err = s.connect(); err != nil {
		return err
	}
	running.Go(func() { s.live.Run(life) })
	delivering, endDelivering := context.WithCancel(life)
	defer endDelivering()
	s.recordings.Start(delivering)
	if err := s.listenPprof(&running); err != nil {
		return err
	}
	defer s.closePprof()
	if err := s.listen(&running); err != nil {
		return err
	}
	takeCalls := sync.OnceFunc(func() {
		running.Go(func() { _ = s.telephony.client.Run(life) }) // it tells why it ends, and so does /readyz
	})
	if s.documents.Known() && s.records.Known() {
		takeCalls()
	}
	s.awaitLoaded(ctx)
	takeCalls()
	running.Go(func() { s.probe.Run(life) })
	running.Go(func() { s.telephony.tidy(life, s.log) })
	running.Go(func() { s.tellMissedEnds(life) })
	if options.Listening != nil {
		options.Listening(s.addr)
	}
	select {
	case <-ctx.Done():
	case <-s.broker.Failed():
		s.log.Error("metaflows ends: what it is to keep cannot be written", "error", s.broker.Failure(),
			"do", "make room on the disk of METAFLOWS_DATA_DIR, or mend it; then start metaflows again, unless systemd does")
	}
	err = s.stop(endDelivering)
	return errors.Join(s.broker.Failure(), err)
}

// stop ends what Run has started, in reverse. The parties' keys are given back; apart from that nothing is undone in
// Asterisk: the client refuses commands from then on.
func (s *process) stop(endDelivering func()) error {
	s.log.Info("stopping", "calls", s.telephony.calls.Len())
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	s.giveKeysBack(ctx)
	s.telephony.client.Detach()
	if err := s.telephony.calls.Shutdown(ctx); err != nil {
		s.log.Warn("calls did not let go in time", "calls", s.telephony.calls.Len(), "error", err)
	}
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("requests did not end in time", "error", err)
		_ = s.http.Close()
	}
	endDelivering()
	s.recordings.Wait() // they tell of what they have done
	if err := s.finishEvents(lastTimeout); err != nil {
		return err // who has started it says so, as the last there is
	}
	s.log.Info("stopped")
	return nil
}

func (s *process) giveKeysBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	if err := s.telephony.calls.HandBack(ctx); err != nil {
		s.log.Warn("some keys could not be given back in time: the other party may not hear them until metaflows runs again, or by metaflows doctor --repair", "error", err)
	}
}

func (s *process) finishEvents(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return s.events.Close(ctx)
}

// dataFolder makes the folder for what is kept on disk. Where that would only be the documents known last, it goes on
// without.
func (s *process) dataFolder() error {
	err := os.MkdirAll(s.cfg.DataDir, 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(s.cfg.DataDir, ".writable-*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	switch {
	case err == nil:
		s.keepsIn, s.pending = s.cfg.DataDir, filepath.Join(s.cfg.DataDir, "events.pending")
	case s.cfg.AdminToken != "" && s.cfg.NATS.URL != "":
		s.log.Warn("METAFLOWS_DATA_DIR cannot be used: a start without NATS will have no codes", "folder", s.cfg.DataDir, "error", err)
		return nil
	}
	return s.folderError(err)
}

// keptIn is a file of what is known last, "" where none can be kept.
func (s *process) keptIn(name string) string {
	if s.keepsIn == "" {
		return ""
	}
	return filepath.Join(s.keepsIn, name)
}

// natsFolder is where our own NATS keeps its streams, "" with an external one.
func (s *process) natsFolder() string {
	if s.cfg.NATS.URL != "" {
		return ""
	}
	return filepath.Join(s.cfg.DataDir, "nats")
}

func (s *process) folderError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("METAFLOWS_DATA_DIR=%q cannot be used: %w; accepted is a folder that can be written, one for each process", s.cfg.DataDir, err)
}

// adminToken is the one that was given, or the one kept in the data folder.
func (s *process) adminToken() (string, error) {
	if s.cfg.AdminToken != "" {
		return s.cfg.AdminToken, nil
	}
	s.addr.AdminTokenFile = s.cfg.AdminTokenFile()
	token, made, err := config.KeptSecret(s.addr.AdminTokenFile)
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	if made {
		s.log.Info("an admin token was made", "file", s.addr.AdminTokenFile)
	} else {
		s.log.Info("the admin token is kept in a file", "file", s.addr.AdminTokenFile)
	}
	return token, nil
}

func (s *process) openBroker() error {
	cfg := broker.Config{URL: s.cfg.NATS.URL, Creds: s.cfg.NATS.Creds, Node: s.cfg.Node, Log: s.log}
	if cfg.URL == "" {
		s.addr.AuditPasswordFile = filepath.Join(s.cfg.DataDir, "audit.password")
		password, _, err := config.KeptSecret(s.addr.AuditPasswordFile)
		if err != nil {
			return fmt.Errorf("password of the NATS user %s: %w", broker.AuditUser, err)
		}
		cfg.Dir = s.natsFolder()
		cfg.Listen, cfg.AuditPassword = s.cfg.NATS.Listen, password
		cfg.MaxStore = maxStore
	}
	var err error
	s.broker, err = broker.Open(cfg)
	switch {
	case errors.Is(err, broker.ErrListen):
		return fmt.Errorf("METAFLOWS_NATS_LISTEN=%q: %w; accepted is host:port of a free port, or off", s.cfg.NATS.Listen, err)
	case errors.Is(err, broker.ErrFolder):
		return s.folderError(err)
	case err != nil:
		return err
	}
	if s.addr.NATS = s.broker.Addr(); s.addr.NATS != "" {
		s.log.Info("NATS listens for subscribers", "address", s.addr.NATS, "user", broker.AuditUser, "password_file", s.addr.AuditPasswordFile)
	}
	return nil
}

// maxStore is more than any disk has: the event stream has a limit of its own, and where that is not set here it is the
// one that the stream has. Nothing is set aside.
const maxStore = 1 << 50

// awaitLoaded waits, at most loadTimeout, until what the embedded NATS holds is loaded, so that the first calls have codes.
// Requests are answered meanwhile, if only by saying so.
func (s *process) awaitLoaded(ctx context.Context) {
	if !s.broker.Embedded() {
		return
	}
	most := time.After(loadTimeout)
	for _, part := range []struct {
		ready <-chan struct{}
		what  string
	}{{s.documents.Ready(), "documents"}, {s.records.Ready(), "the directory"}, {s.logins.auth.Ready(), "API keys"}} {
		select {
		case <-part.ready:
		case <-ctx.Done():
			return
		case <-most:
			s.log.Warn("not loaded from NATS yet; starting with what is known", "of", part.what)
			return
		}
	}
}
