package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/CyCoreSystems/ari/v5/client/native"

	"metaflows/flows/calls"
)

// Handler takes what Asterisk says. calls.Registry is one.
type Handler interface {
	// Deliver hands over an event. id is the resource whose call it belongs to: the channel, playback or recording name;
	// for a calls.Started that replaces a channel, the replaced channel. It is called by one goroutine at a time, in the
	// order of arrival, and must not block: everything that Asterisk says waits behind it.
	Deliver(id string, ev calls.Event)
}

// Config is what a Client needs. A zero duration means the default.
type Config struct {
	URL         string // base of ARI: http://127.0.0.1:8088/ari
	Username    string
	Password    string
	Application string // the name in Stasis(name)
	Log         *slog.Logger
	Handler     Handler

	// OnConnect runs after each successful connect, the first included, before any event of the new connection is
	// delivered: events are read and kept meanwhile, so nothing is missed, but what it finds by listing may come as an
	// event once more. Not connected (see Status) until it has returned; an error drops the connection and it is tried again.
	// Its context ends with the connection. nil for none.
	OnConnect func(context.Context, *Client) error

	// Process names this process to others that may take the application, in Asterisk and in their logs: the Asterisk node's
	// name, say; it need not be unique. "": nobody else is expected, nothing is written into Asterisk, who takes the
	// application over has it for good, and calls that the dialplan offers are nobody's.
	Process string
	// OnReplaced runs when another process has taken over the application: its calls are that one's now. Commands fail with
	// calls.ErrDetached from before it is called until the application is taken back, before which it must have returned; then
	// OnConnect runs as after any connect. nil for none.
	OnReplaced func(context.Context)

	// OnRefused runs when Asterisk refuses all requests by HTTP, but obeys those over the events' websocket, which is closed
	// when it returns: the last moment to let calls go on in the dialplan. Its context ends after some seconds. It needs a
	// Process. nil for none.
	OnRefused func(context.Context)

	// Answered is told of each request: its method, the status of the answer, 0 if there was none, and the time until then.
	// It is called by the goroutine that asked. nil for nobody.
	Answered func(method string, status int, took time.Duration)

	Timeout      time.Duration // of a request: 5 s
	LongTimeout  time.Duration // of a request that can wait behind digits being played to its channel: 15 s
	PingInterval time.Duration // of the events' websocket: 1 s
	PingTimeout  time.Duration // until a ping without answer means that the wire is dead: 3 s
	RetryMin     time.Duration // first wait before connecting again: 100 ms
	RetryMax     time.Duration // longest wait before connecting again: 5 s
	RetrySlow    time.Duration // wait where only an administrator can help, as with an Asterisk too old: 30 s
}

// Client speaks to one Asterisk. Commands may be given by any number of goroutines, also before Run has connected.
type Client struct {
	acts
	cfg      Config
	base     *url.URL
	http     *http.Client   // of commands
	plain    *http.Client   // of what is not to go over the websocket
	files    *http.Client   // of what is too large for memory
	v5       *native.Client // requests with Timeout
	v5long   *native.Client // requests with LongTimeout
	detached atomic.Bool
	away     atomic.Bool // another process has the application
	holder   *holder     // nil: nobody else is expected
	wire     atomic.Pointer[wire]
	// suspected has one slot: Asterisk has refused something.
	suspected chan struct{}
	oneByOne  atomic.Bool // this Asterisk knows no requests for several variables

	skipped, decoded, unknown, broken, reconnects, refused atomic.Uint64

	mu     sync.Mutex
	status Status          // without the counters
	before bool            // has been connected before
	seen   map[string]bool // unknown types that were logged
}

// applicationName is what Asterisk's Stasis() and our query take without escaping.
var applicationName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// New makes a client; it makes no request yet.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, errors.New("the ARI URL must look like http://127.0.0.1:8088/ari (no user, no query)")
	}
	if !applicationName.MatchString(cfg.Application) {
		return nil, fmt.Errorf("the ARI application %q must be 1 to 64 letters, digits, _ or -", cfg.Application)
	}
	if cfg.Username == "" || cfg.Password == "" {
		return nil, errors.New("ARI needs a user name and a password")
	}
	if cfg.Handler == nil {
		return nil, errors.New("ari: no handler")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.setDefaults()

	c := &Client{cfg: cfg, base: base, seen: make(map[string]bool), suspected: make(chan struct{}, 1)}
	c.acts = acts{c: c}
	if cfg.Process != "" {
		c.holder = newHolder(cfg.Process, cfg.Application)
	}
	own := newTransport(base)
	var transport, files http.RoundTripper = own, own.web
	if cfg.Answered != nil {
		transport, files = timed{transport, cfg.Answered}, timed{files, cfg.Answered}
	}
	c.files = &http.Client{Transport: files, CheckRedirect: func(*http.Request, []*http.Request) error { return errAnswer }} // ARI never redirects
	c.plain, c.http = &http.Client{Transport: heedful{transport, c}}, &http.Client{Transport: stubborn{transport, c}}
	if c.v5, err = c.newNative(cfg.Timeout); err != nil {
		return nil, err
	}
	if c.v5long, err = c.newNative(cfg.LongTimeout); err != nil {
		return nil, err
	}
	c.status.Problem = "not connected to Asterisk yet"
	return c, nil
}

func (cfg *Config) setDefaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&cfg.Timeout, 5*time.Second)
	set(&cfg.LongTimeout, 15*time.Second)
	set(&cfg.PingInterval, time.Second)
	set(&cfg.PingTimeout, 3*time.Second)
	set(&cfg.RetryMin, 100*time.Millisecond)
	set(&cfg.RetryMax, 5*time.Second)
	set(&cfg.RetrySlow, 30*time.Second)
}

// Detach makes every request from now on fail with calls.ErrDetached without being sent, so that a stopping process
// changes nothing more in Asterisk. What is under way goes on. There is no way back.
func (c *Client) Detach() { c.detached.Store(true) }

// idle says whether no command may be sent: for good, or because the calls are another process's.
func (c *Client) idle() bool { return c.detached.Load() || c.away.Load() }

// Status is how the client stands.
type Status struct {
	Connected bool   // events flow and OnConnect is done
	Replaced  bool   // another process has taken over the application
	Version   string // Asterisk's; "" as long as it is not known
	Problem   string // why not connected, one line for people; "" when connected

	Decoded    uint64 // events delivered or handled
	Skipped    uint64 // events of known types that we do not use
	Unknown    uint64 // events of types that nobody has told us of
	Broken     uint64 // frames that could not be understood
	Reconnects uint64 // connections after the first
	Refused    uint64 // requests that were refused as all others would be: 401, 403, or no ARI
}

// Status returns how the client stands now.
func (c *Client) Status() Status {
	c.mu.Lock()
	s := c.status
	c.mu.Unlock()
	s.Decoded, s.Skipped, s.Unknown = c.decoded.Load(), c.skipped.Load(), c.unknown.Load()
	s.Broken, s.Reconnects, s.Refused = c.broken.Load(), c.reconnects.Load(), c.refused.Load()
	return s
}

// setProblem notes that we are not connected and why, and says whether that is news.
func (c *Client) setProblem(problem string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := c.status.Connected || c.status.Problem != problem
	c.status.Connected, c.status.Problem = false, problem
	return news
}
