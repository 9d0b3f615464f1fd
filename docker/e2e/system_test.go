package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/app/config"
	"metaflows/app/egress"
	"metaflows/app/events/eventstest"
	"metaflows/app/server"
	"metaflows/docker/logtest"
	"metaflows/docker/pbx"
	"metaflows/flows/calls"
)

// shared is the system that most tests share.
var shared *system

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "metaflows-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if shared, err = startSystem(context.Background(), dir, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	for _, e := range shared.wrong(0) { // also what came between two tests
		fmt.Fprintln(os.Stderr, "an event is not as its schema says:", e.Wrong)
		code = max(code, 1)
	}
	for _, line := range shared.complaints(0) {
		fmt.Fprintln(os.Stderr, "Asterisk complains:", line)
		code = max(code, 1)
	}
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping:", err)
		return 1
	}
	return code
}

// system is an Asterisk, metaflows with its NATS, and an auditor that reads the event stream.
type system struct {
	*pbx.Server
	server.Addresses
	dir   string
	ari   string               // where metaflows finds ARI; "" for where it is
	nats  *brokertest.Server   // an external one; nil for the one inside metaflows
	set   func(*config.Config) // other settings; nil for none
	token string
	log   logtest.Log
	audit *nats.Conn
	end   func() error
	last  string // Asterisk's log when the system was stopped

	mu     sync.Mutex
	seen   []event
	raw    bytes.Buffer // everything that the auditor has read: subjects, headers, payloads
	wake   chan struct{}
	reader jetstream.ConsumeContext
}

// event is one message of the stream.
type event struct {
	calls.Notice
	Kind    string // ce-type without metaflows.v1.
	Subject string
	At      time.Time
	Seq     uint64 // its place in the stream
	Wrong   error  // it is not as its schema says
}

// ownLines are these tests' part of the dialplan: a second phone when the first is not reached, so that the caller enters
// the application twice; a caller whose endpoint names its device only; a phone without anything behind it; Dial()
// with a bridge that looks at keys, as every bridge of metaflows' does; and the extensions that are compared with plain Dial().
const ownLines = `
[acme](+)
exten => backup,1,Stasis(metaflows,dial,PJSIP/bob,20)
 same => n,Stasis(metaflows,dial,PJSIP/carol,20)
 same => n,Goto(after,${EXTEN},1)
exten => bare-carol,1,Stasis(metaflows,dial,PJSIP/carol,20)
 same => n,Hangup(${METAFLOWS_HANGUPCAUSE})
exten => _hooked-.,1,Dial(PJSIP/${EXTEN:7},20,t)
exten => deviceonly,1,Set(METAFLOWS_USER=)
 same => n,Stasis(metaflows,dial,PJSIP/bob,20)
 same => n,Goto(after,${EXTEN},1)
`

// startSystem starts all of it. fault, if any, sees each request to ARI and may answer it in Asterisk's place.
func startSystem(ctx context.Context, dir string, fault func(http.ResponseWriter, *http.Request) bool) (*system, error) {
	s, err := newSystem(ctx, dir)
	if err != nil {
		return nil, err
	}
	err = s.startApplication(ctx, fault)
	return s, err
}

// ownSystem starts one of a test's own, which may stop it.
func ownSystem(t *testing.T) *system {
	t.Helper()
	s, err := startSystem(context.Background(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	return s
}

// asteriskOptions are those of every Asterisk of these tests.
func asteriskOptions() pbx.Options {
	return pbx.Options{Append: map[string]string{
		"extensions.conf": ownLines + sideLines + callerLines + namelessLines + forwardingLines + gosubLines + predialLines + localLines, "pjsip.conf": quietPhones + namelessPhones + forwardingPhones,
		"features.conf": blindByFeatures,
	}}
}

// newSystem starts the Asterisk of a system.
func newSystem(ctx context.Context, dir string) (*system, error) {
	asterisk, err := pbx.Start(ctx, asteriskOptions())
	if err != nil {
		return nil, err
	}
	return &system{Server: asterisk, dir: dir, wake: make(chan struct{})}, nil
}

// startApplication starts metaflows and the auditor, for the first time or again.
func (s *system) startApplication(ctx context.Context, fault func(http.ResponseWriter, *http.Request) bool) error {
	if err := s.launch(ctx, fault); err != nil {
		return err
	}
	if err := s.ready(); err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// launch starts metaflows and returns when its API listens.
func (s *system) launch(ctx context.Context, fault func(http.ResponseWriter, *http.Request) bool) (err error) {
	ariURL, closeProxy := s.ARIURL, func() {}
	if s.ari != "" {
		ariURL = s.ari
	}
	if fault != nil {
		if ariURL, closeProxy, err = proxy(ariURL, fault); err != nil {
			return errors.Join(err, s.Stop())
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	listening, ended := make(chan server.Addresses, 1), make(chan error, 1)
	cfg := s.config(ariURL)
	go func() {
		ended <- server.Run(ctx, cfg, server.Options{Log: cfg.Logger(&s.log), Version: "e2e", Listening: func(a server.Addresses) { listening <- a }})
	}()
	s.end = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		closeProxy()
		return err
	})
	select {
	case s.Addresses = <-listening:
	case err := <-ended:
		ended <- err
		return errors.Join(err, s.stop())
	}
	raw, err := os.ReadFile(s.AdminTokenFile)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	s.token = strings.TrimSpace(string(raw))
	return nil
}

func (s *system) config(ariURL string) config.Config {
	var c config.Config
	c.ARI.URL, c.ARI.Username, c.ARI.Password, c.ARI.Application = ariURL, s.ARIUser, s.ARIPassword, "metaflows"
	c.Node, c.NATS.Listen, c.HTTP.Addr, c.DataDir = "lab", "127.0.0.1:0", "127.0.0.1:0", s.dir
	c.Events.MaxAge, c.Events.MaxBytes = time.Hour, 64<<20
	c.BindingDigit, c.DigitTimeout, c.Precedence, c.Directory, c.PatternSearch, c.Absorb = "*", 800*time.Millisecond, "device", "open", "start", "armed"
	c.BlockedAddresses, c.Log.Level, c.Log.Format = egress.Default, "debug", "text"
	c.Recording.Max, c.Recording.DeliveryFor, c.Recording.Keep = time.Hour, time.Hour, "yes"
	if s.nats != nil {
		c.NATS.URL = s.nats.URL()
	}
	if s.set != nil {
		s.set(&c)
	}
	return c
}

// proxy stands between metaflows and Asterisk.
func proxy(target string, fault func(http.ResponseWriter, *http.Request) bool) (address string, end func(), err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", nil, err
	}
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	pass.Transport = &http.Transport{IdleConnTimeout: 10 * time.Second} // Asterisk closes after 15 s, also one that is being used again
	web := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fault(w, r) {
			pass.ServeHTTP(w, r)
		}
	})}
	socket, err := listen()
	if err != nil {
		return "", nil, err
	}
	go func() { _ = web.Serve(socket) }()
	return "http://" + socket.Addr().String() + u.Path, func() { _ = web.Close() }, nil
}

// ready waits until everything is connected, and lets the auditor read.
func (s *system) ready() error {
	deadline := time.Now().Add(15 * time.Second)
	for {
		status, body, err := s.request(http.MethodGet, "/readyz", "")
		if err == nil && status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("metaflows is not ready after 15s: %d %s %w\n%s", status, body, err, s.log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := s.login(); err != nil {
		return err
	}
	stream, err := jetstream.New(s.audit)
	if err != nil {
		return err
	}
	consumer, err := stream.OrderedConsumer(context.Background(), broker.EventStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	s.reader, err = consumer.Consume(s.read)
	return err
}

// login connects the auditor.
func (s *system) login() (err error) {
	if s.nats != nil {
		s.audit, err = nats.Connect(s.nats.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
		return err
	}
	password, err := os.ReadFile(s.AuditPasswordFile)
	if err != nil {
		return err
	}
	s.audit, err = nats.Connect("nats://"+s.NATS, nats.UserInfo(broker.AuditUser, strings.TrimSpace(string(password))), nats.CustomInboxPrefix(broker.AuditInbox))
	return err
}

// read keeps one message of the stream.
func (s *system) read(m jetstream.Msg) {
	e := event{Kind: strings.TrimPrefix(m.Headers().Get("ce-type"), "metaflows.v1."), Subject: m.Subject()}
	e.At, _ = time.Parse(time.RFC3339, m.Headers().Get("ce-time"))
	if meta, err := m.Metadata(); err == nil {
		e.Seq = meta.Sequence.Stream
	}
	err := json.Unmarshal(m.Data(), &e.Notice)
	e.ID = m.Headers().Get("ce-id")
	e.Wrong = eventstest.Check(m.Subject(), m.Headers(), m.Data())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		e.Kind = "unreadable: " + err.Error()
	}
	fmt.Fprintln(&s.raw, m.Subject(), m.Headers(), string(m.Data()))
	s.seen = append(s.seen, e)
	close(s.wake)
	s.wake = make(chan struct{})
}

// since are the events behind a place in the stream that the auditor has read.
func (s *system) since(seq uint64) (events []event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.seen {
		if e.Seq > seq {
			events = append(events, e)
		}
	}
	return events
}

// wrong are those of them that are not as their schemas say.
func (s *system) wrong(seq uint64) []event {
	return slices.DeleteFunc(s.since(seq), func(e event) bool { return e.Wrong == nil })
}

// lastRead is the place in the stream of the last event that the auditor has read.
func (s *system) lastRead() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return 0
	}
	return s.seen[len(s.seen)-1].Seq
}

// request asks the REST API with the admin token.
func (s *system) request(method, path, body string) (status int, text string, err error) {
	r, err := http.NewRequest(method, "http://"+s.HTTP+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("X-Auth-Token", s.token)
	return send(r)
}

// ask asks ARI.
func (s *system) ask(path string) (status int, text string, err error) {
	r, err := http.NewRequest(http.MethodGet, s.ARIURL+path, nil)
	if err != nil {
		return 0, "", err
	}
	r.SetBasicAuth(s.ARIUser, s.ARIPassword)
	return send(r)
}

func send(r *http.Request) (status int, text string, err error) {
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	return w.StatusCode, string(raw), err
}

func (s *system) stop() error {
	if s.reader != nil {
		s.reader.Stop()
	}
	if s.audit != nil {
		s.audit.Close()
	}
	err := s.end()
	s.last = s.Server.Log()
	return errors.Join(err, s.Stop())
}

// asteriskLog is Asterisk's log up to now, or as it was when the system was stopped.
func (s *system) asteriskLog() string {
	if s.last != "" {
		return s.last
	}
	return s.Server.Log()
}
