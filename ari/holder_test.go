package ari

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/ari/aritest"
	"metaflows/docker/logtest"
	"metaflows/flows/calls"
)

type nobody struct{}

func (nobody) Deliver(string, calls.Event) {}

// contender is a process with the application, on a wire of its own.
type contender struct {
	*Client
	t          *testing.T
	log        logtest.Log
	cut        atomic.Bool // its wire leads nowhere
	wires      []net.Conn
	ends, held atomic.Int64 // how often it was replaced, and connected
	given      atomic.Int64 // how often it gave calls back
	give       func(context.Context)
	stop       context.CancelFunc
	done       chan error
}

func contend(t *testing.T, asterisk *aritest.Pipe, name string) *contender {
	t.Helper()
	p := &contender{t: t, done: make(chan error, 1)}
	var err error
	p.Client, err = New(Config{
		URL: asterisk.URL, Username: aritest.User, Password: aritest.Password, Application: "metaflows", Process: name,
		Handler: nobody{}, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
		OnConnect:  func(context.Context, *Client) error { p.held.Add(1); return nil },
		OnReplaced: func(context.Context) { p.ends.Add(1) },
		OnRefused: func(ctx context.Context) {
			p.given.Add(1)
			if p.give != nil {
				p.give(ctx)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	lock := make(chan struct{}, 1)
	p.Client.plain.Transport.(heedful).RoundTripper.(*transport).dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.cut.Load() {
			return nil, errors.New("no route")
		}
		conn, err := asterisk.Dial(ctx, network, address)
		lock <- struct{}{}
		defer func() { <-lock }()
		p.wires = append(p.wires, conn)
		return conn, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go func() { p.done <- p.Run(ctx) }()
	t.Cleanup(func() { cancel(); synctest.Wait() })
	return p
}

// dies ends all that Asterisk hears of it, without a word.
func (p *contender) dies() {
	p.cut.Store(true)
	for _, wire := range p.wires {
		wire.Close()
	}
}

// within waits until cond holds, and says how long that took.
func within(t *testing.T, limit time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !cond() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func (p *contender) has() bool  { return p.Status().Connected }
func (p *contender) lost() bool { return p.Status().Replaced }

func (p *contender) errors() int { return strings.Count(p.log.String(), "level=ERROR") }

// bubble runs a test with an Asterisk of its own.
func bubble(t *testing.T, test func(t *testing.T, asterisk *aritest.Pipe)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, aritest.NewPipe(t)) })
}

// A process that is replaced by another leaves the calls to it as long as it lives, and has them again when it is gone.
func TestReplaced(t *testing.T) {
	for _, tt := range []struct {
		name          string
		end           func(*contender)
		after, before time.Duration
	}{
		{"killed", (*contender).dies, 9 * time.Second, 17 * time.Second},
		{"stopped", func(p *contender) { p.stop() }, 0, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
				first := contend(t, asterisk, "first")
				within(t, time.Second, "the first has it", first.has)
				time.Sleep(time.Minute)
				second := contend(t, asterisk, "second")
				within(t, time.Second, "the second has it", func() bool { return second.has() && first.lost() })
				within(t, 2*time.Second, "the first says who has it", func() bool { return strings.Contains(first.Status().Problem, "second-") })
				if err := first.Answer("1"); !errors.Is(err, calls.ErrDetached) {
					t.Errorf("a command of the first: %v, want ErrDetached", err)
				}
				time.Sleep(2 * time.Minute)
				if first.has() || !second.has() || first.ends.Load() != 1 {
					t.Fatalf("after two minutes: first %+v, second %+v", first.Status(), second.Status())
				}
				tt.end(second)
				took := within(t, tt.before, "the first has it again", first.has)
				if took < tt.after {
					t.Errorf("taken back after %v, want %v at least", took, tt.after)
				}
				if err := first.Answer("1"); err != nil || first.lost() || first.held.Load() != 2 {
					t.Errorf("the first has it again: %v, %+v, connected %d times", err, first.Status(), first.held.Load())
				}
				time.Sleep(time.Minute)
				if n := first.errors() + second.errors(); n > 0 || first.ends.Load() != 1 {
					t.Errorf("%d errors, replaced %d times:\n%s", n, first.ends.Load(), &first.log)
				}
			})
		})
	}
}

// The other's clock is wrong: its signs of life count all the same, and only as long as they come.
func TestReplacedByAWrongClock(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		first := contend(t, asterisk, "first")
		within(t, time.Second, "the first has it", first.has)
		asterisk.Steal()
		var gone atomic.Bool
		go func() {
			for n := 0; !gone.Load(); n++ {
				asterisk.SetGlobal("METAFLOWS_HOLDER_metaflows", "other-1-x "+time.Unix(int64(n), 0).Format(time.RFC3339))
				time.Sleep(beatInterval)
			}
		}()
		time.Sleep(time.Minute)
		if first.has() {
			t.Error("taken back from one that lives")
		}
		gone.Store(true)
		within(t, staleAfter+beatInterval+time.Second, "the first has it again", first.has)
	})
}

// Somebody who clears Asterisk's global variables (dialplan reload) does not make the holder seem gone.
func TestReplacedAndCleared(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		first := contend(t, asterisk, "first")
		within(t, time.Second, "the first has it", first.has)
		second := contend(t, asterisk, "second")
		within(t, time.Second, "the second has it", second.has)
		for range 20 {
			time.Sleep(7 * time.Second)
			asterisk.SetGlobal("METAFLOWS_HOLDER_metaflows", "")
		}
		if first.has() || !second.has() {
			t.Errorf("first %+v, second %+v", first.Status(), second.Status())
		}
	})
}

// Who finds, when its wire is mended, that another has the application leaves it to that one.
func TestReplacedWhileCut(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		first := contend(t, asterisk, "first")
		within(t, time.Second, "the first has it", first.has)
		first.dies()
		second := contend(t, asterisk, "second")
		within(t, time.Second, "the second has it", second.has)
		time.Sleep(10 * time.Second)
		first.cut.Store(false)
		within(t, 10*time.Second, "the first leaves it", first.lost)
		time.Sleep(time.Minute)
		if first.has() || second.ends.Load() != 0 {
			t.Errorf("first %+v, second %+v", first.Status(), second.Status())
		}
		second.dies()
		within(t, staleAfter+2*time.Second, "the first has it again", first.has)
	})
}

// While Asterisk does not answer, nobody's sign of life grows old.
func TestReplacedWhileAsteriskIsAway(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		first := contend(t, asterisk, "first")
		within(t, time.Second, "the first has it", first.has)
		second := contend(t, asterisk, "second")
		within(t, time.Second, "the second has it", second.has)
		time.Sleep(10 * time.Second)
		asterisk.Script("GET /asterisk/variable", aritest.Answer{Status: 503})
		asterisk.Script("POST /asterisk/variable", aritest.Answer{Status: 503})
		time.Sleep(time.Minute)
		asterisk.Unscript("GET /asterisk/variable")
		time.Sleep(beatInterval)
		asterisk.Unscript("POST /asterisk/variable")
		time.Sleep(time.Minute)
		if first.has() || !second.has() {
			t.Errorf("first %+v, second %+v", first.Status(), second.Status())
		}
	})
}

// Two of whom neither can say that it lives take the application from each other a few times, and not for ever: each says so
// once, one gives up.
func TestFight(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		asterisk.Script("POST /asterisk/variable", aritest.Answer{Status: 500})
		first := contend(t, asterisk, "first")
		within(t, time.Second, "the first has it", first.has)
		second := contend(t, asterisk, "second")
		within(t, 5*time.Minute, "somebody gives up", func() bool { return len(first.done)+len(second.done) > 0 })
		time.Sleep(10 * time.Minute)
		loser, winner := first, second
		if len(second.done) > 0 {
			loser, winner = second, first
		}
		if err := <-loser.done; !errors.Is(err, ErrReplaced) || len(winner.done) > 0 || !winner.has() {
			t.Errorf("the loser ends with %v, the winner is %+v", err, winner.Status())
		}
		if first.errors() != 1 || second.errors() != 1 {
			t.Errorf("errors %d and %d, want one of each:\n%s\n%s", first.errors(), second.errors(), &first.log, &second.log)
		}
		if !loser.lost() || !strings.Contains(loser.Status().Problem, "until it is started again") || loser.ends.Load() != fightLimit {
			t.Errorf("the loser is %+v, replaced %d times", loser.Status(), loser.ends.Load())
		}
		if n := asterisk.Connections(); n > 6 {
			t.Errorf("%d connections", n)
		}
	})
}

// A second process that somebody starts and stops now and then is no fight.
func TestNoFight(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		first := contend(t, asterisk, "first")
		within(t, time.Second, "the first has it", first.has)
		for range 6 {
			second := contend(t, asterisk, "second")
			within(t, time.Second, "the second has it", second.has)
			time.Sleep(10 * time.Second)
			second.stop()
			within(t, 2*time.Second, "the first has it again", first.has)
			time.Sleep(2 * time.Minute)
		}
		if len(first.done) > 0 || first.errors() > 0 {
			t.Errorf("it is called one:\n%s", &first.log)
		}
	})
}
