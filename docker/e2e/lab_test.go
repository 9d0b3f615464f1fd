package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/docker/phone"
)

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// lab is one test's view of a system. What the test began on the shared one is checked to be gone at its end.
type lab struct {
	*testing.T
	*system
	ctx    context.Context
	start  uint64 // place in the stream: what stands before is another test's
	lines  int    // of Asterisk's log, likewise
	logged int    // of metaflows' log
}

func newLab(t *testing.T) *lab { return labBeside(t, shared) }

// labBeside is a view of a system that other tests use before and after. It begins with nothing of theirs and leaves nothing
// to them: when the test ends, so do its calls, and all that is to be told of them was told and read.
func labBeside(t *testing.T, s *system) *lab {
	l := labOn(t, s)
	t.Cleanup(l.finished)
	return l
}

// labOn is a view of a system of the test's own.
func labOn(t *testing.T, s *system) *lab {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	l := &lab{T: t, system: s, ctx: ctx, start: s.lastRead(), lines: len(s.Server.Log()), logged: len(s.log.String())}
	began := l.start // of the whole test, also where it is tried again (steadily)
	t.Cleanup(func() {
		for _, e := range s.wrong(began) {
			t.Errorf("an event is not as its schema says: %v", e.Wrong)
		}
		for _, line := range s.complaints(l.lines) {
			t.Errorf("Asterisk complains: %s", line)
		}
		if t.Failed() {
			t.Logf("events:%s\nlog:\n%s", l.story(), l.log.String()[l.logged:])
		}
	})
	return l
}

// document stores a document: under acme, acme/users/bob or acme/devices/bob-desk. It is removed at the test's end.
func (l *lab) document(scope, doc string) {
	l.Helper()
	path := "/v2/accounts/" + scope + "/metaflows"
	status, body, err := l.request(http.MethodPost, path, `{"data":`+doc+`}`)
	l.must(err)
	if status != http.StatusOK {
		l.Fatalf("POST %s: %d %s", path, status, body)
	}
	l.Cleanup(func() {
		if status, body, err := l.request(http.MethodDelete, path, ""); err != nil || status != http.StatusOK {
			l.Errorf("DELETE %s: %d %s %v", path, status, body, err)
		}
	})
}

// nothingLeft waits until Asterisk has no channel and no bridge any more, and the application no subscription.
func (l *lab) nothingLeft() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		left, err := l.left(ctx)
		if err == nil && left == "" {
			return
		}
		select {
		case <-ctx.Done():
			l.Errorf("left over: %s %v", left, err)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// finished waits until nothing is left in Asterisk, metaflows has no call any more, and the auditor has read all that was
// published of those that there were.
func (l *lab) finished() {
	l.nothingLeft()
	js, err := jetstream.New(l.audit)
	l.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		calls := l.metrics()["metaflows_calls"] // asked first: what has ended has published all before
		waiting := l.metrics()["metaflows_publish_backlog_events"]
		stream, err := js.Stream(ctx, broker.EventStream)
		l.must(err)
		last, read := stream.CachedInfo().State.LastSeq, l.lastRead()
		if calls == 0 && waiting == 0 && read >= last {
			return
		}
		select {
		case <-ctx.Done():
			l.Fatalf("at the test's end there are %v calls, %v events wait, and %d of %d were read", calls, waiting, read, last)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// left says what Asterisk still has.
func (l *lab) left(ctx context.Context) (string, error) {
	channels, err := l.Channels(ctx)
	if err != nil {
		return "", err
	}
	bridges, err := l.Bridges(ctx)
	if err != nil {
		return "", err
	}
	_, text, err := l.ask("/applications/metaflows")
	if err != nil {
		return "", err
	}
	var app struct {
		Channels []string `json:"channel_ids"`
		Bridges  []string `json:"bridge_ids"`
	}
	if err := json.Unmarshal([]byte(text), &app); err != nil {
		return "", err
	}
	if len(channels)+len(bridges)+len(app.Channels)+len(app.Bridges) == 0 {
		return "", nil
	}
	return fmt.Sprintf("channels %v, bridges %v, subscriptions %v %v", channels, bridges, app.Channels, app.Bridges), nil
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// soon is the deadline of a wait.
func (l *lab) soon(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(l.ctx, d)
	l.Cleanup(cancel)
	return ctx
}

// tones are what the phones send, in Hz.
var tones = withIntruders(map[string]float64{"alice": 440, "bob": 620, "carol": 860, "dave": 1140, "mallory": 1320, "outside": 1560,
	"erin": 1740, "frank": 1900, "gina": 2060, "trunk": 2220, "nameless": 2380, "fritz": 2540, "swen": 2700, "ida": 2860})

// What the lab's dialplan and the application let a party hear, in Hz.
const (
	music1234    = 523
	musicDefault = 330
	afterTone    = 700
	ringing      = 480 // and 440, which is alice's own
	adminTone    = 1200
	confirmTone  = 1000
	errorTone    = 400
)

// phone registers a phone of the lab; it answers at once until told otherwise.
func (l *lab) phone(name string) *phone.Phone {
	l.Helper()
	p, err := phone.New(context.Background(), phone.Config{User: name, Password: l.Password(name), Server: l.SIPAddr, Tone: tones[name]})
	l.must(err)
	l.Cleanup(func() { _ = p.Close() })
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

// press presses keys and returns when the last is released.
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

// gets waits until the digits that a phone has heard are exactly these.
func (l *lab) gets(c *phone.Call, digits string) {
	l.Helper()
	l.must(c.WaitDigits(l.soon(15*time.Second), digits))
}

func (l *lab) hangUp(c *phone.Call) {
	l.Helper()
	l.must(c.Hangup(l.soon(5 * time.Second)))
}

func (l *lab) ended(c *phone.Call) {
	l.Helper()
	l.must(c.WaitEnded(l.soon(8 * time.Second)))
}

// event waits for the n-th event of a kind in this test.
func (l *lab) event(kind string, n int) event {
	l.Helper()
	return l.eventOf(kind, n, func(event) bool { return true })
}

// eventOf waits for the n-th event of a kind that is wanted.
func (l *lab) eventOf(kind string, n int, wanted func(event) bool) event {
	l.Helper()
	deadline := l.soon(20 * time.Second)
	for {
		l.mu.Lock()
		wake := l.wake
		l.mu.Unlock()
		count := 0
		for _, e := range l.events() {
			if e.Kind == kind && wanted(e) {
				if count++; count == n {
					return e
				}
			}
		}
		select {
		case <-wake:
		case <-deadline.Done():
			l.Fatalf("there is no %d. event %s", n, kind)
		}
	}
}

// events are what the auditor has seen of this test.
func (l *lab) events() []event { return l.since(l.start) }

// all are the events of a kind in this test.
func (l *lab) all(kind string) (events []event) {
	for _, e := range l.events() {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

func (l *lab) story() string {
	var b strings.Builder
	for _, e := range l.events() {
		fmt.Fprintf(&b, "\n  %s %s %s %s %s %s", e.At.Format("05.000"), e.Account, e.Kind, e.Path, e.Result, e.Reason)
	}
	return b.String()
}

// asteriskSays waits for a line in Asterisk's log of this test that holds all of the words.
func (l *lab) asteriskSays(words ...string) {
	l.Helper()
	deadline := l.soon(15 * time.Second)
	for {
	lines:
		for line := range strings.Lines(l.Server.Log()[l.lines:]) {
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue lines
				}
			}
			return
		}
		select {
		case <-deadline.Done():
			l.Fatalf("Asterisk's log has no line with %q", words)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// staysUp sees to it that a call does not end for a second, after something that must not end it.
func (l *lab) staysUp(c *phone.Call) {
	l.Helper()
	select {
	case <-c.Ended():
		l.Fatalf("%s has ended, with somebody who has left it to others", c)
	case <-time.After(time.Second):
	}
}

// channelOf is the id of a phone's channel.
func (l *lab) channelOf(phone string) string {
	l.Helper()
	_, text, err := l.ask("/channels")
	l.must(err)
	var channels []struct{ ID, Name string }
	l.must(json.Unmarshal([]byte(text), &channels))
	for _, c := range channels {
		if strings.HasPrefix(c.Name, "PJSIP/"+phone+"-") {
			return c.ID
		}
	}
	l.Fatalf("%s has no channel", phone)
	return ""
}
