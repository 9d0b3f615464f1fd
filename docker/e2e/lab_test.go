package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/ari"
	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/flows"
)

type late struct{ c *flows.Calls }

func (l *late) Deliver(id string, ev flows.Event) {
	if os.Getenv("EV") != "" {
		fmt.Printf("      ev %s %T %+v\n", id, ev, ev)
	}
	l.c.Deliver(id, ev)
}

type application struct {
	mu    sync.Mutex
	n     []flows.Notice
	wake  chan struct{}
	docs  map[flows.Owner]*flows.Document
	calls *flows.Calls
}

func (s *application) Publish(n flows.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n = append(s.n, n)
	close(s.wake)
	s.wake = make(chan struct{})
	if os.Getenv("EV") != "" {
		fmt.Printf("   EVENT %s %s path=%s collected=%s result=%s reason=%s dur=%d digits=%d ch=%s\n", n.Account, n.Type, n.Path, n.Collected, n.Result, n.Reason, n.Duration, n.Digits, n.Channel)
	}
}

func (s *application) effective(o flows.Owner) *flows.Effective {
	s.mu.Lock()
	defer s.mu.Unlock()
	get := func(o flows.Owner) *flows.Document { return s.docs[o] }
	var user, device *flows.Document
	if o.User != "" {
		user = get(flows.Owner{Account: o.Account, User: o.User})
	}
	if o.Device != "" {
		device = get(flows.Owner{Account: o.Account, Device: o.Device})
	}
	return flows.Merge(flows.Settings{BindingDigit: '*', DigitTimeout: 800 * time.Millisecond}, get(flows.Owner{Account: o.Account}), user, device)
}

var (
	asterisk *pbx.Server
	app      *application
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var err error
	if asterisk, err = pbx.Start(ctx, pbx.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer asterisk.Stop()
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	l := &late{}
	client, err := ari.New(ari.Config{URL: asterisk.ARIURL, Username: asterisk.ARIUser, Password: asterisk.ARIPassword, Application: "metaflows", Log: log, Handler: l})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	app = &application{wake: make(chan struct{})}
	set := actions.New(actions.Config{PBX: client, Log: log, RecordingMax: time.Hour})
	app.calls = flows.NewCalls(flows.CallsConfig{Line: client, Publisher: app, Modules: set.Modules(), Log: log, Absorb: true, Enter: set.Enter, Failed: set.Failed,
		Effective: app.effective})
	l.c = app.calls
	go client.Run(ctx)
	for !client.Status().Connected {
		time.Sleep(10 * time.Millisecond)
	}
	return m.Run()
}

// scope names where a document goes: acme, acme/users/bob, acme/devices/bob-desk.
func (l *lab) document(scope, doc string) {
	l.Helper()
	d, err := flows.ParseDocument([]byte(doc))
	l.must(err)
	o := flows.Owner{Account: scope}
	if p := strings.Split(scope, "/"); len(p) == 3 && p[1] == "users" {
		o = flows.Owner{Account: p[0], User: p[2]}
	} else if len(p) == 3 {
		o = flows.Owner{Account: p[0], Device: p[2]}
	}
	app.mu.Lock()
	defer app.mu.Unlock()
	if app.docs == nil {
		app.docs = map[flows.Owner]*flows.Document{}
	}
	app.docs[o] = d
}

// lab is one test's view of the telephone system. What it began is ended, and checked to be gone, at the test's end.
type lab struct {
	*testing.T
	ctx   context.Context
	first int // events of this test begin here
	log   int
}

func newLab(t *testing.T) *lab {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	l := &lab{T: t, ctx: ctx, log: len(asterisk.Log())}
	app.mu.Lock()
	app.docs, l.first = nil, len(app.n)
	app.mu.Unlock()
	t.Cleanup(l.nothingLeft)
	return l
}

// nothingLeft waits until Asterisk and the application have forgotten every call.
func (l *lab) nothingLeft() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		channels, err := asterisk.Channels(ctx)
		bridges, err2 := asterisk.Bridges(ctx)
		if err != nil || err2 != nil {
			l.Errorf("what is left cannot be seen: %v %v", err, err2)
			return
		}
		if len(channels) == 0 && len(bridges) == 0 && app.calls.Len() == 0 {
			return
		}
		select {
		case <-ctx.Done():
			l.Errorf("left over: channels %v, bridges %v, %d calls", channels, bridges, app.calls.Len())
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// soon is the deadline of a wait for something that should be there at once.
func (l *lab) soon(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(l.ctx, d)
	l.Cleanup(cancel)
	return ctx
}

// tones are what the phones send, in Hz.
var tones = map[string]float64{"alice": 440, "bob": 620, "carol": 860, "dave": 1140, "mallory": 1320, "outside": 1560}

// What the lab's dialplan and the application let a party hear, in Hz.
const (
	music1234   = 523
	afterTone   = 700
	ringing     = 440 // and 480
	adminTone   = 1200
	confirmTone = 1000
	errorTone   = 400
)

// phone registers a phone of the lab; it answers at once until told otherwise.
func (l *lab) phone(name string) *phone.Phone {
	l.Helper()
	p, err := phone.New(context.Background(), phone.Config{User: name, Password: asterisk.Password(name), Server: asterisk.SIPAddr, Tone: tones[name]})
	l.must(err)
	l.Cleanup(func() { p.Close() })
	l.must(p.Register(l.soon(5 * time.Second)))
	return p
}

// call dials and returns both sides once each hears the other.
func (l *lab) call(from *phone.Phone, target string, to *phone.Phone) (a, b *phone.Call) {
	l.Helper()
	a, err := from.Call(l.soon(10*time.Second), target)
	l.must(err)
	b = l.incoming(to)
	l.talk(a, b)
	return a, b
}

// incoming is the next call that a phone gets, answered.
func (l *lab) incoming(p *phone.Phone) *phone.Call {
	l.Helper()
	c, err := p.Incoming(l.soon(10 * time.Second))
	l.must(err)
	l.must(c.WaitAnswered(l.soon(10 * time.Second)))
	return c
}

// talk waits until two calls hear each other.
func (l *lab) talk(a, b *phone.Call) {
	l.Helper()
	l.must(a.WaitTone(l.soon(5*time.Second), tones[b.Phone().Name()]))
	l.must(b.WaitTone(l.soon(5*time.Second), tones[a.Phone().Name()]))
}

func (l *lab) press(c *phone.Call, keys string, how ...phone.Press) phone.Pressed {
	l.Helper()
	p, err := c.Press(l.ctx, keys, how...)
	l.must(err)
	return p
}

func (l *lab) hears(c *phone.Call, freq float64) {
	l.Helper()
	l.must(c.WaitTone(l.soon(8*time.Second), freq))
}

func (l *lab) hangUp(c *phone.Call) {
	l.Helper()
	l.must(c.Hangup(l.soon(5 * time.Second)))
}

func (l *lab) ended(c *phone.Call) {
	l.Helper()
	l.must(c.WaitEnded(l.soon(8 * time.Second)))
}

// event waits for the n-th event of a type in this test.
func (l *lab) event(kind string, n int) flows.Notice {
	l.Helper()
	deadline := l.soon(8 * time.Second)
	for {
		app.mu.Lock()
		wake, seen := app.wake, app.n[l.first:]
		app.mu.Unlock()
		count := 0
		for _, e := range seen {
			if e.Type == kind {
				if count++; count == n {
					return e
				}
			}
		}
		select {
		case <-wake:
		case <-deadline.Done():
			l.Fatalf("no event %s (the %d. of this test): %s", kind, n, l.story())
		}
	}
}

// count is how many events of a type this test has seen.
func (l *lab) count(kind string) (n int) {
	for _, e := range l.events() {
		if e.Type == kind {
			n++
		}
	}
	return n
}

func (l *lab) events() []flows.Notice {
	app.mu.Lock()
	defer app.mu.Unlock()
	return append([]flows.Notice(nil), app.n[l.first:]...)
}

func (l *lab) story() string {
	var b strings.Builder
	for _, e := range l.events() {
		fmt.Fprintf(&b, "\n  %s %s %s %s %s", e.Account, e.Type, e.Path, e.Result, e.Reason)
	}
	return b.String()
}

// asteriskSays waits for a line in Asterisk's log of this test that holds all of the words.
func (l *lab) asteriskSays(words ...string) string {
	l.Helper()
	deadline := l.soon(5 * time.Second)
	for {
	lines:
		for line := range strings.Lines(asterisk.Log()[l.log:]) {
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue lines
				}
			}
			return line
		}
		select {
		case <-deadline.Done():
			l.Fatalf("Asterisk's log has no line with %q", words)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
