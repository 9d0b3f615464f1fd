package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"
)

// Config says which NATS to use. An empty URL is the embedded server.
type Config struct {
	URL   string // of an external server; several are separated by commas
	Creds string // credentials file for it; "" for none

	Dir           string // where the embedded server keeps its streams
	Listen        string // host:port at which it listens for subscribers; "off" for none
	AuditPassword string // of its user audit
	MaxStore      int64  // bytes that its streams may take on disk together; 0: the server's own limit

	Node string // this Asterisk node, for the names of server and connections
	Log  *slog.Logger
}

// Broker is NATS as the process uses it.
type Broker struct {
	log       *slog.Logger
	engine    *engine // nil with an external server
	gate      *gate   // nil: nobody may subscribe from outside
	unlock    func()
	events    *nats.Conn
	documents *nats.Conn
	consumers *nats.Conn // takes the auditors' requests for consumers; nil with an external server
	away      *away
}

// away is why there is no connection, as the last attempt has said.
type away struct {
	mu     sync.Mutex
	reason error
}

// set says whether the reason is news.
func (a *away) set(reason error) (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news = reason != nil && (a.reason == nil || a.reason.Error() != reason.Error())
	a.reason = reason
	return news
}

func (a *away) get() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reason
}

// ErrListen: the embedded server cannot listen at Config.Listen. ErrFolder: it cannot use Config.Dir.
var (
	ErrListen = errors.New("cannot be listened on")
	ErrFolder = errors.New("cannot be used")
)

// Explain says what an answer of NATS means where its own words do not.
func Explain(err error) error {
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return fmt.Errorf("JetStream is not enabled on this NATS server or for this account: %w", err)
	}
	return err
}

// Open starts the embedded server, or begins to connect to the external one. It fails when the embedded server cannot
// start or the credentials cannot be read, never because an external server is away.
func Open(cfg Config) (*Broker, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.URL != "" {
		return external(cfg)
	}
	return embedded(cfg)
}

// Events is the connection to the account that holds the event stream.
func (b *Broker) Events() *nats.Conn { return b.events }

// Documents is the connection to the account that holds documents.
func (b *Broker) Documents() *nats.Conn { return b.documents }

// Addr is where the embedded server listens; "" when it does not, or the server is external.
func (b *Broker) Addr() string {
	if b.gate == nil {
		return ""
	}
	return b.gate.addr()
}

// Embedded says whether the server runs in this process.
func (b *Broker) Embedded() bool { return b.engine != nil }

// Failed is closed when the embedded server could not be opened again for five minutes after it could write no more, or
// never for half a minute in all that time; Failure then says why. Nothing more is tried. With an external server it is
// never closed.
func (b *Broker) Failed() <-chan struct{} {
	if b.engine == nil {
		return nil
	}
	return b.engine.failed
}

// Failure is why the embedded server is gone; nil as long as Failed is open.
func (b *Broker) Failure() error {
	select {
	case <-b.Failed():
		return b.engine.failure
	default:
		return nil
	}
}

// Err says why NATS cannot be used now; nil when it can.
func (b *Broker) Err() error {
	if b.engine != nil {
		if err := b.engine.err(); err != nil {
			return fmt.Errorf("not connected: %w", err)
		}
	}
	for _, nc := range []*nats.Conn{b.events, b.documents} {
		if nc.IsConnected() {
			continue
		}
		if b.away != nil {
			if err := b.away.get(); err != nil {
				return fmt.Errorf("not connected: %w", err)
			}
		}
		if err := nc.LastError(); err != nil {
			return fmt.Errorf("not connected: %w", err)
		}
		return fmt.Errorf("not connected: %s", strings.ToLower(nc.Status().String()))
	}
	return nil
}

// Close ends the connections and the embedded server. What is still to be sent must have been acknowledged before.
func (b *Broker) Close() {
	for _, nc := range []*nats.Conn{b.consumers, b.events, b.documents} {
		if nc != nil {
			nc.Close()
		}
	}
	if b.gate != nil {
		b.gate.close()
	}
	if b.engine != nil {
		b.engine.end()
	}
	if b.unlock != nil {
		b.unlock()
	}
}

func external(cfg Config) (*Broker, error) {
	gone := &away{}
	opts := append(connection(cfg),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if gone.set(err) {
				cfg.Log.Warn("NATS cannot be reached, trying for ever", "url", Redacted(cfg.URL), "error", err)
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if gone.set(err); err != nil {
				cfg.Log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ConnectHandler(func(nc *nats.Conn) { gone.connected(cfg.Log, nc) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { gone.connected(cfg.Log, nc) }),
	)
	if cfg.Creds != "" {
		if _, err := os.ReadFile(cfg.Creds); err != nil {
			return nil, fmt.Errorf("read NATS credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(cfg.Creds))
	}
	nc, err := nats.Connect(cfg.URL, append(opts, nats.RetryOnFailedConnect(true))...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", Redacted(cfg.URL), err)
	}
	return &Broker{log: cfg.Log, events: nc, documents: nc, away: gone}, nil
}

func (a *away) connected(log *slog.Logger, nc *nats.Conn) {
	a.set(nil)
	log.Info("NATS connected", "url", nc.ConnectedUrlRedacted())
}

// connection holds what every connection shares: it is retried for ever, also when the server refuses the login, since
// an operator may put that right while we run.
func connection(cfg Config) []nats.Option {
	log := cfg.Log
	return []nats.Option{
		nats.Name("metaflows " + cfg.Node),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // what cannot be sent fails at once; its owner sends it again
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("NATS connected", "url", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(complain(log)),
	}
}

// complain logs what a server says of us. What may not be published is tried again and again, and by every call: of that
// some are told, then one a minute.
func complain(log *slog.Logger) nats.ErrHandler {
	refusals := rate.Sometimes{First: 10, Interval: time.Minute}
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if warn := func() { log.Warn("NATS", "error", err) }; errors.Is(err, nats.ErrPermissionViolation) {
			refusals.Do(warn)
		} else {
			warn()
		}
	}
}

// Redacted is a server URL list without what is or may hold a password or token, fit for a log.
func Redacted(urls string) string {
	list := strings.Split(urls, ",")
	for i, s := range list {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Host == "" {
			list[i] = "(hidden)"
			continue
		}
		shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
		if u.User != nil {
			shown.User = url.User("xxxxx")
		}
		list[i] = shown.String()
	}
	return strings.Join(list, ",")
}
