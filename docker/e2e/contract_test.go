package e2e

import (
	"context"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"metaflows/actions/pbxtest"
	"metaflows/ari"
	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/flows/calls"
)

// contractDialplan has the extensions by which a phone enters the suite's own application, once and twice.
const contractDialplan = `[extensions](+)
exten => contract,1,Stasis(contract,contract)
 same => n,Wait(60)
exten => contract-twice,1,Stasis(contract,contract)
 same => n,Stasis(contract,contract)
 same => n,Wait(60)

[routine]
exten => s,1,Set(RAN=${ARG1})
 same => n,Wait(0.5)
 same => n,Return()

exten => end,1,Wait(0.5)
 same => n,Hangup()
`

// TestContract: a real Asterisk does what package actions relies on, and what the telephone system in memory does.
func TestContract(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	server, err := pbx.Start(ctx, pbx.Options{Append: map[string]string{"extensions.conf": contractDialplan}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	desk := &switchboard{}
	client, err := ari.New(ari.Config{
		URL: server.ARIURL, Username: server.ARIUser, Password: server.ARIPassword, Application: "contract", Handler: desk,
	})
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	go func() {
		defer close(running)
		_ = client.Run(ctx) // ends with ctx
	}()
	defer func() {
		cancel()
		<-running
	}()
	for !client.Status().Connected {
		select {
		case <-ctx.Done():
			t.Fatal(client.Status().Problem)
		case <-time.After(10 * time.Millisecond):
		}
	}
	pbxtest.Contract(t, func(t *testing.T, trial func(*testing.T, pbxtest.World, func(pbxtest.Handler))) {
		w := &realWorld{Client: client, t: t, ctx: ctx, server: server, phones: map[string]*phone.Phone{}}
		defer w.close()
		defer desk.listen(nil)
		trial(t, w, desk.listen)
	})
}

// switchboard hands events to the trial that runs.
type switchboard struct {
	mu sync.Mutex
	to pbxtest.Handler
}

func (s *switchboard) listen(to pbxtest.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
}

func (s *switchboard) Deliver(id string, ev calls.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.to != nil {
		s.to.Deliver(id, ev)
	}
}

// realWorld is a real Asterisk with real phones.
type realWorld struct {
	*ari.Client
	t      *testing.T
	ctx    context.Context
	server *pbx.Server
	phones map[string]*phone.Phone
}

func (w *realWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// phone is a registered phone.
func (w *realWorld) phone(name string) *phone.Phone {
	w.t.Helper()
	if p := w.phones[name]; p != nil {
		return p
	}
	p, err := phone.New(w.ctx, phone.Config{User: name, Password: w.server.Password(name), Server: w.server.SIPAddr, Tone: tones[name]})
	w.must(err)
	w.phones[name] = p
	w.must(p.Register(w.ctx))
	return p
}

func (w *realWorld) close() {
	for _, p := range w.phones {
		_ = p.Close()
	}
}

func (w *realWorld) Behave(name string, b pbxtest.Behaviour) {
	w.t.Helper()
	p := w.phone(name)
	if b.Does == "unregistered" {
		w.must(p.Unregister(w.ctx))
		return
	}
	if !p.Registered() {
		w.must(p.Register(w.ctx))
	}
	switch b.Does {
	case "answers":
		p.Behave(phone.AnswerAfter(b.After))
	case "rejects":
		p.Behave(phone.RejectAfter(603, b.After))
	case "busy":
		p.Behave(phone.Busy())
	case "silent":
		p.Behave(phone.RingForever())
	case "redirects":
		p.Behave(phone.Redirect("sip:" + b.To + "@" + w.server.SIPAddr))
	default:
		w.t.Fatalf("no phone does %q", b.Does)
	}
}

func (w *realWorld) Dial(name string) { w.dial(name, "contract") }

func (w *realWorld) DialTwice(name string) { w.dial(name, "contract-twice") }

func (w *realWorld) dial(name, extension string) {
	w.t.Helper()
	_, err := w.phone(name).Dial(w.ctx, extension)
	w.must(err)
}

// call is a phone's call, nil if it has none.
func (w *realWorld) call(name string) *phone.Call {
	if calls := w.phones[name].Calls(); len(calls) > 0 {
		return calls[len(calls)-1]
	}
	return nil
}

func (w *realWorld) Keys(name, keys string, hold, gap time.Duration) {
	w.t.Helper()
	if _, err := w.call(name).Press(w.ctx, keys, phone.Press{Digit: hold, Gap: gap}); err != nil {
		w.t.Error(err) // a trial may do this beside something else
	}
}

func (w *realWorld) PutDown(name string) {
	w.t.Helper()
	c := w.call(name)
	if c == nil {
		w.t.Fatalf("%s has no call", name)
	}
	w.must(c.Hangup(w.ctx))
}

func (w *realWorld) Digits(name string) string {
	if c := w.call(name); c != nil {
		return c.Digits()
	}
	return ""
}

func (w *realWorld) Hears(name, source string) bool {
	freq, err := strconv.ParseFloat(source, 64)
	if err != nil {
		freq = tones[source]
	}
	c := w.call(name)
	return c != nil && c.Hears(freq)
}

func (w *realWorld) Level(name, source string) float64 {
	if c := w.call(name); c != nil {
		return c.Level(tones[source])
	}
	return math.Inf(-1)
}

func (w *realWorld) Left() []string {
	channels, err := w.server.Channels(w.ctx)
	w.must(err)
	bridges, err := w.server.Bridges(w.ctx)
	w.must(err)
	return append(channels, bridges...)
}
