package phone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// closeTimeout bounds how long [Phone.Close] waits for the answers to its BYE,
// CANCEL and REGISTER requests.
const closeTimeout = 2 * time.Second

// Config says who a phone is and how it behaves. The zero value is a silent
// phone without a server, which answers every call at once.
type Config struct {
	// User is the SIP user and the name in errors and logs.
	User string
	// Password answers digest challenges (RFC 3261 section 22); it may be empty.
	Password string
	// Server is host:port of registrar and proxy. Without it only SIP URIs can
	// be called, and Register fails.
	Server string
	// Tone is the frequency in Hz of the sine that the phone sends; 0 is silence.
	Tone float64
	// Listen is the IP address for SIP and RTP, or ip:port for SIP on a fixed
	// port. The default is 127.0.0.1 with a free port.
	Listen string
	// OnInvite is what the phone does with a call; see [Phone.Behave].
	OnInvite Behaviour
	// NoEvents leaves telephone-event out of the session descriptions, as a
	// phone does that sends its digits by INFO.
	NoEvents bool
	// Logger gets what goes wrong in the SIP stack, with the phone's name.
	// The default drops it.
	Logger *slog.Logger
}

// Phone is one SIP user agent on a UDP socket of its own. All methods may be
// called from any goroutine.
type Phone struct {
	cfg  Config
	log  *slog.Logger
	addr *net.UDPAddr // the SIP socket's address
	conn *socket
	ua   *sipgo.UserAgent
	txl  *sip.TransactionLayer

	ctx    context.Context // done when the phone is closed
	cancel context.CancelFunc
	unhook func() bool // detaches the phone from the context given to New
	wg     sync.WaitGroup
	closed chan struct{} // closed when Close is complete

	register registration

	mu        sync.Mutex
	closing   bool
	behaviour Behaviour
	calls     map[dialogKey]*Call
	inbox     []*Call       // incoming calls not yet fetched by Incoming
	arrived   chan struct{} // closed and replaced when the inbox grows
}

// New opens the phone's SIP socket and starts to listen. The phone lives until
// Close is called or ctx is done, whichever comes first.
func New(ctx context.Context, cfg Config) (*Phone, error) {
	cfg.Listen = cmp.Or(cfg.Listen, "127.0.0.1")
	if cfg.User == "" {
		return nil, errors.New("phone: no user name")
	}
	listen := cfg.Listen
	if _, _, err := net.SplitHostPort(listen); err != nil {
		listen = net.JoinHostPort(listen, "0")
	}
	udp, err := net.ListenPacket("udp4", listen)
	if err != nil {
		return nil, fmt.Errorf("phone %s: listen for SIP: %w", cfg.User, err)
	}
	_ = udp.(*net.UDPConn).SetReadBuffer(1 << 20) // best effort: bursts wait in the socket

	p := &Phone{
		cfg:       cfg,
		log:       cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)).With("phone", cfg.User),
		addr:      udp.LocalAddr().(*net.UDPAddr),
		closed:    make(chan struct{}),
		behaviour: cfg.OnInvite,
		calls:     make(map[dialogKey]*Call),
		arrived:   make(chan struct{}),
	}
	if p.addr.IP.IsUnspecified() {
		udp.Close()
		return nil, fmt.Errorf("phone %s: listen address %s: need one address that others can send to", cfg.User, cfg.Listen)
	}
	if err := p.serve(udp); err != nil {
		udp.Close()
		return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
	}
	p.unhook = context.AfterFunc(ctx, func() { p.Close() })
	return p, nil
}

// serve starts the SIP stack on udp and returns when it reads from the socket:
// from then on requests go out through the same socket.
func (p *Phone) serve(udp net.PacketConn) error {
	reading := make(chan struct{})
	p.conn = &socket{PacketConn: udp, reading: reading}

	var err error
	p.ua, err = sipgo.NewUA(
		sipgo.WithUserAgent(p.cfg.User),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(p.log)),
		sipgo.WithUserAgentTransactionLayerOptions(
			sip.WithTransactionLayerLogger(p.log),
			// Late retransmissions of answers that we already have.
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {})),
	)
	if err != nil {
		return err
	}
	p.txl = p.ua.TransactionLayer()

	srv, err := sipgo.NewServer(p.ua, sipgo.WithServerLogger(p.log))
	if err != nil {
		return err
	}
	srv.OnInvite(p.tracked(p.onInvite))
	srv.OnAck(p.tracked(p.onAck))
	srv.OnCancel(p.tracked(p.onStrayCancel))
	srv.OnBye(p.tracked(p.onBye))
	srv.OnInfo(p.tracked(p.onInfo))
	srv.OnUpdate(p.tracked(p.onUpdate))
	srv.OnNotify(p.tracked(p.onNotify))
	srv.OnOptions(p.tracked(p.onOptions))
	srv.OnMessage(p.tracked(p.onOptions))
	srv.OnRefer(p.tracked(p.onRefer))
	srv.OnNoRoute(p.tracked(p.onUnknown))

	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.wg.Go(func() { _ = srv.ServeUDP(p.conn) }) // ends when the socket is closed
	<-reading
	return nil
}

// tracked counts the handler's goroutine, so that Close can wait for it, and
// drops requests that arrive while the phone closes.
func (p *Phone) tracked(h func(*sip.Request, sip.ServerTransaction)) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if !p.goTracked(nil) {
			return
		}
		defer p.wg.Done()
		h(req, tx)
	}
}

// goTracked runs f in a goroutine that Close waits for. With a nil f only the
// count goes up, and the caller calls wg.Done. It reports false, and does
// nothing, when the phone is closed: nothing may be sent from then on, as the
// SIP stack would open a new socket for it.
func (p *Phone) goTracked(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	if f == nil {
		p.wg.Add(1)
	} else {
		p.wg.Go(f)
	}
	return true
}

// Close hangs up what is going on, unregisters if the phone is registered, and
// stops. It waits up to two seconds for the other side's answers, and for all
// goroutines of the phone. Later calls do nothing but wait for the first.
func (p *Phone) Close() error {
	p.mu.Lock()
	first := !p.closing
	p.closing = true
	p.mu.Unlock()
	if !first {
		<-p.closed
		return nil
	}
	defer close(p.closed)
	if p.unhook != nil {
		p.unhook()
	}

	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var polite sync.WaitGroup
	for _, c := range p.Calls() {
		polite.Go(func() { _ = c.Hangup(ctx) })
	}
	polite.Go(func() {
		if p.Registered() {
			_ = p.Unregister(ctx)
		}
	})
	polite.Wait()

	p.scheduleRefresh(0)
	p.mu.Lock()
	p.cancel() // under the lock: no goroutine is added after this
	p.mu.Unlock()
	for _, c := range p.Calls() {
		c.finish(End{By: Local, Err: errClosed})
	}
	// A request that the stack still handles when its connections are gone makes
	// it open another one. So the phone goes deaf first and closes last, and
	// looks again later for a handler that was slower than that.
	p.conn.deaf.Store(true)
	err := p.conn.Close()
	p.wg.Wait()
	time.AfterFunc(time.Second, func() { p.ua.TransportLayer().Close() })
	return errors.Join(err, p.ua.Close())
}

// Name returns the phone's user name.
func (p *Phone) Name() string { return p.cfg.User }

// Addr returns the address of the phone's SIP socket, host:port.
func (p *Phone) Addr() string { return p.addr.String() }

// URI returns the SIP URI at which the phone is reached without a server.
func (p *Phone) URI() string { return "sip:" + p.cfg.User + "@" + p.Addr() }

// Behave sets what the phone does with calls that arrive from now on.
func (p *Phone) Behave(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = b
}

// host is the IP address in the phone's URIs and session descriptions.
func (p *Phone) host() string { return p.addr.IP.String() }

// domain is the host part of the phone's own address of record.
func (p *Phone) domain() string {
	if host, _, err := net.SplitHostPort(p.cfg.Server); err == nil {
		return host
	}
	return cmp.Or(p.cfg.Server, p.host())
}

// target turns what a person dials into a URI: a SIP URI stays as it is,
// anything else is a user at the phone's server.
func (p *Phone) target(dialled string) (sip.Uri, error) {
	text := dialled
	if !strings.HasPrefix(text, "sip:") {
		if p.cfg.Server == "" {
			return sip.Uri{}, fmt.Errorf("phone %s: call %s: no server, so a SIP URI is needed", p.cfg.User, dialled)
		}
		text = "sip:" + strings.ReplaceAll(text, "#", "%23") + "@" + p.cfg.Server
	}
	var uri sip.Uri
	if err := sip.ParseUri(text, &uri); err != nil {
		return sip.Uri{}, fmt.Errorf("phone %s: call %s: %w", p.cfg.User, dialled, err)
	}
	return uri, nil
}

// contact is where the other side reaches us within a dialog.
func (p *Phone) contact() *sip.ContactHeader {
	// The port is part of the address: the default port would be another socket.
	return &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.host(), Port: p.addr.Port}}
}
