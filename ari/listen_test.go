package ari_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"metaflows/ari"
	"metaflows/ari/aritest"
	"metaflows/docker/logtest"
	"metaflows/flows/calls"
)

// inbox is a handler that keeps what it gets.
type inbox chan string

func (i inbox) Deliver(id string, ev calls.Event) { i <- fmt.Sprintf("%s %T", id, ev) }

// next waits for the next event.
func (i inbox) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-i:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
		return ""
	}
}

// running is a client whose Run goes on until the test ends.
type running struct {
	*ari.Client
	got  inbox
	log  *logtest.Log
	done chan error // Run's error
	stop context.CancelFunc
}

func run(t *testing.T, s *aritest.Server, change func(*ari.Config)) *running {
	t.Helper()
	r := &running{got: make(inbox, 100), log: new(logtest.Log), done: make(chan error, 1)}
	r.Client = newClient(t, s, func(cfg *ari.Config) {
		cfg.Handler, cfg.Log = r.got, slog.New(slog.NewTextHandler(r.log, nil))
		cfg.RetryMin, cfg.RetryMax = time.Millisecond, 20*time.Millisecond
		if change != nil {
			change(cfg)
		}
	})
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.done <- r.Run(ctx) }()
	t.Cleanup(func() { r.stop(); <-ended })
	return r
}

// await waits until the status is as wanted.
func (r *running) await(t *testing.T, what string, ok func(ari.Status) bool) ari.Status {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s := r.Status()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v, want %s", s, what)
		}
	}
}

func connected(s ari.Status) bool { return s.Connected }

func stasisEnd(id string) string {
	return `{"type":"StasisEnd","timestamp":"2026-11-22T19:00:00.123+0000","channel":{"id":"` + id + `"},"application":"metaflows"}`
}

func TestListen(t *testing.T) {
	s := aritest.New(t)
	r := run(t, s, nil)
	status := r.await(t, "connected", connected)
	if status.Version != "22.10.1" || status.Problem != "" || status.Reconnects != 0 {
		t.Errorf("status %+v", status)
	}
	var filter struct {
		Allowed, Disallowed []struct{ Type string }
	}
	requests := s.Requests()
	if len(requests) != 1 || requests[0].Method+" "+requests[0].Path != "PUT /applications/metaflows/eventFilter" {
		t.Fatalf("requests %v, want the event filter", requests)
	}
	if err := json.Unmarshal([]byte(requests[0].Body), &filter); err != nil || len(filter.Allowed) != 17 || filter.Disallowed == nil {
		t.Errorf("filter %s, %v: want 17 allowed and an empty list of disallowed", requests[0].Body, err)
	}

	s.Push(stasisEnd("1"))
	s.Push(`{"type":"FromTheFuture","digit":"5"}`)
	s.Push(`{"type":"ChannelDtmfReceived","digit":"5","channel":nul`)
	s.Push(`{"variable":"X","value":"5","type":"ChannelVarset"}`)
	s.Push(stasisEnd("2"))
	for _, want := range []string{"1 calls.Left", "2 calls.Left"} {
		if got := r.got.next(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	status = r.await(t, "2 decoded", func(s ari.Status) bool { return s.Decoded == 2 })
	if status.Unknown != 1 || status.Broken != 1 || status.Skipped != 1 || !status.Connected {
		t.Errorf("status %+v: want one unknown, one broken, one skipped, still connected", status)
	}
	r.stop()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want context.Canceled", err)
	}
	r.done <- nil
	if s := r.Status(); s.Connected || s.Problem == "" {
		t.Errorf("status after the end %+v", s)
	}
}

// The events of a new connection wait until OnConnect has returned.
func TestOnConnect(t *testing.T) {
	s := aritest.New(t)
	entered, leave := make(chan struct{}, 9), make(chan error)
	r := run(t, s, func(cfg *ari.Config) {
		cfg.OnConnect = func(ctx context.Context, c *ari.Client) error {
			entered <- struct{}{}
			return <-leave
		}
	})
	<-entered
	s.Push(stasisEnd("1"))
	s.Push(stasisEnd("2"))
	r.await(t, "events read", func(s ari.Status) bool { return s.Decoded == 2 })
	if r.Status().Connected || len(r.got) != 0 {
		t.Errorf("before OnConnect has returned: status %+v, %d events delivered", r.Status(), len(r.got))
	}
	leave <- nil
	if got := r.got.next(t) + r.got.next(t); got != "1 calls.Left2 calls.Left" {
		t.Errorf("got %s", got)
	}
	r.await(t, "connected", connected)

	// Its error drops the connection and is told; then it is tried again.
	s.Drop()
	<-entered
	leave <- errors.New("cannot list channels")
	r.await(t, "the problem", func(s ari.Status) bool { return strings.Contains(s.Problem, "cannot list channels") })
	<-entered
	leave <- nil
	r.await(t, "connected", connected)
	if n := s.Connections(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestReconnect(t *testing.T) {
	s := aritest.New(t)
	hooks := make(chan struct{}, 9)
	r := run(t, s, func(cfg *ari.Config) {
		cfg.OnConnect = func(context.Context, *ari.Client) error { hooks <- struct{}{}; return nil }
	})
	r.await(t, "connected", connected)
	s.AwaitConnection(1) // else there is nothing to drop yet: the client may know of it first
	s.Requests()
	for n := 2; n <= 4; n++ {
		s.Drop()
		s.AwaitConnection(n)
		<-hooks
		r.await(t, "connected again", func(s ari.Status) bool { return s.Connected && s.Reconnects == uint64(n-1) })
		s.Push(stasisEnd("1"))
		r.got.next(t)
	}
	if requests := s.Requests(); len(requests) != 3 {
		t.Errorf("requests %v: want the event filter once for each connection", requests)
	}
}

// A wire that goes dead without a word is noticed by the pings.
func TestSilentCut(t *testing.T) {
	s := aritest.New(t)
	r := run(t, s, func(cfg *ari.Config) { cfg.PingInterval, cfg.PingTimeout = 20*time.Millisecond, 30*time.Millisecond })
	r.await(t, "connected", connected)
	time.Sleep(100 * time.Millisecond) // some pings
	if n := s.Connections(); n != 1 {
		t.Fatalf("%d connections while the wire was good", n)
	}
	s.Silence(true)
	r.await(t, "the problem", func(ari.Status) bool { return strings.Contains(r.log.String(), "has not answered a ping") })
	s.Silence(false)
	r.await(t, "connected again", func(s ari.Status) bool { return s.Connected && s.Reconnects > 0 })
}

// By default a dead wire is noticed within five seconds.
func TestSilentCutByDefault(t *testing.T) {
	t.Parallel()
	s := aritest.New(t)
	r := run(t, s, nil)
	r.await(t, "connected", connected)
	s.Silence(true)
	began := time.Now()
	r.await(t, "the problem", func(ari.Status) bool { return strings.Contains(r.log.String(), "has not answered a ping") })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("noticed after %v, want 5 s at most", took)
	}
}

// An Asterisk that hangs does not keep us from stopping.
func TestStopWhileAsteriskHangs(t *testing.T) {
	s := aritest.New(t)
	s.Deaf(true)
	r := run(t, s, nil)
	r.await(t, "connected", connected)
	began := time.Now()
	r.stop()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want context.Canceled", err)
	}
	r.done <- nil
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// Who has said no name does not get the application back.
func TestReplacedForGood(t *testing.T) {
	s := aritest.New(t)
	r := run(t, s, nil)
	r.await(t, "connected", connected)
	s.Requests()
	s.Push(`{"type":"ApplicationReplaced","timestamp":"2026-11-22T19:00:00.123+0000","application":"metaflows"}`)
	if err := <-r.done; !errors.Is(err, ari.ErrReplaced) {
		t.Fatalf("Run = %v, want ErrReplaced", err)
	}
	r.done <- nil
	status := r.Status()
	if status.Connected || !status.Replaced || !strings.Contains(status.Problem, "another process") {
		t.Errorf("status %+v", status)
	}
	if err := r.Answer("1"); !errors.Is(err, calls.ErrDetached) {
		t.Errorf("a command after it: %v, want ErrDetached", err)
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections: it must not steal back", n)
	}
	if !strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("no error in the log:\n%s", r.log)
	}
}

// What keeps us from connecting is told in one line, once, and tried again.
func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*aritest.Server)
		want  string
	}{
		{"too old", func(s *aritest.Server) { s.SetVersion("20.5.0~dfsg") }, "Asterisk 20.5.0~dfsg is too old: 22 or newer is needed"},
		{"starting", func(s *aritest.Server) {
			s.Script("GET /asterisk/info", aritest.Answer{Status: 503, Body: `{"message":"Asterisk not booted"}`})
		}, "Asterisk cannot answer: Asterisk not booted (503)"},
		{"no ARI", func(s *aritest.Server) { s.Script("GET /asterisk/info", aritest.Answer{Status: 404}) }, "there is no ARI at this URL (404)"},
		{"login", func(s *aritest.Server) { s.Script("GET /asterisk/info", aritest.Answer{Status: 401}) }, `Asterisk refuses the ARI user "metaflows" or its password (401)`},
		{"not ARI", func(s *aritest.Server) {
			s.Script("GET /asterisk/info", aritest.Answer{Status: 200, Body: "<html>"})
		}, "the answer is not what ARI promises"},
		{"websocket", func(s *aritest.Server) { s.Script("GET /events", aritest.Answer{Status: 500}) }, "Asterisk refuses the events' websocket (500)"},
		{"filter", func(s *aritest.Server) {
			s.Script("PUT /applications/metaflows/eventFilter", aritest.Answer{Status: 500, Body: `{"message":"no"}`})
		}, "set the event filter of metaflows: unavailable: no (500)"},
		{"slow", func(s *aritest.Server) {
			s.Script("GET /asterisk/info", aritest.Answer{Status: 200, Delay: time.Minute})
		}, "no answer in time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := aritest.New(t)
			test.spoil(s)
			r := run(t, s, func(cfg *ari.Config) { cfg.Timeout, cfg.RetrySlow = 200*time.Millisecond, 20*time.Millisecond })
			r.await(t, test.want, func(s ari.Status) bool { return strings.HasPrefix(s.Problem, test.want) })
			if r.Status().Connected {
				t.Error("connected all the same")
			}
			time.Sleep(50 * time.Millisecond)
			if n := strings.Count(r.log.String(), "no connection to Asterisk"); n != 1 {
				t.Errorf("told %d times, want once:\n%s", n, r.log)
			}
			// Repaired, it connects.
			s.SetVersion("22.0.0")
			s.Script("GET /asterisk/info", aritest.Answer{Status: 200, Body: `{"system":{"version":"certified-22.8-cert1"}}`})
			if test.name != "websocket" && test.name != "filter" {
				r.await(t, "connected", connected)
			}
		})
	}
}

// Requests of a login that Asterisk refuses do not say the password.
func TestLoginIsDiscreet(t *testing.T) {
	s := aritest.New(t)
	r := run(t, s, func(cfg *ari.Config) { cfg.Password = "hunter2" })
	status := r.await(t, "refused", func(s ari.Status) bool { return strings.Contains(s.Problem, "refuses") })
	err := r.Answer("1")
	if text := fmt.Sprint(status, err, r.log); err == nil || strings.Contains(text, "hunter2") {
		t.Errorf("the password is told: %s", text)
	}
}
