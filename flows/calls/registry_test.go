package calls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallsBegin: only a channel that the dialplan hands over begins a call.
func TestCallsBegin(t *testing.T) {
	for _, c := range []struct {
		about string
		ev    Event
		want  int
	}{
		{"dial", Started{Channel: Channel{ID: "x"}, Args: []string{"dial", "PJSIP/b"}}, 1},
		{"alone", Started{Channel: Channel{ID: "x"}}, 1},
		{"a leg of ours", Started{Channel: Channel{ID: "leg-x-1"}, Args: []string{ArgLeg, "y"}}, 0},
		{"a dialplan that says leg", Started{Channel: Channel{ID: "x"}, Args: []string{ArgLeg, "y"}}, 1},
		{"a whisper of ours", Started{Channel: Channel{ID: "snoop-x-1"}, Args: []string{ArgSnoop}}, 0},
		{"in another's place", Started{Channel: Channel{ID: "x"}, Replaces: "y"}, 0},
		{"an event of a call that is over", Digit{Channel: "x", Key: '5'}, 0},
		{"its end", Left{Channel: "x"}, 0},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := New(Config{Log: slog.New(slog.DiscardHandler), Enter: func(task *Task, _ Started) error {
					return task.Await(func(ev Event) bool { _, left := ev.(Left); return left })
				}})
				calls.Deliver("x", c.ev)
				synctest.Wait()
				if calls.Len() != c.want {
					t.Errorf("%d calls, want %d", calls.Len(), c.want)
				}
				calls.Deliver("x", Left{Channel: "x"})
				synctest.Wait()
				if calls.Len() != 0 || len(calls.ids) != 0 {
					t.Errorf("%d calls and %d ids are left", calls.Len(), len(calls.ids))
				}
			})
		})
	}
}

// TestEntryToldTwice: a StasisStart that comes twice for a channel that lives begins no second call, which would fight the
// first for it; when the channel has left, the next is another call.
func TestEntryToldTwice(t *testing.T) {
	for _, end := range []Event{Left{Channel: "x"}, Destroyed{Channel: "x"}} {
		synctest.Test(t, func(t *testing.T) {
			calls := New(Config{Log: slog.New(slog.DiscardHandler), Enter: func(task *Task, _ Started) error {
				return task.Await(func(ev Event) bool { return ev == end })
			}})
			enters := func(after time.Duration, want int) {
				t.Helper()
				calls.Deliver("x", Started{Channel: Channel{ID: "x"}, Stamp: time.Now().Add(after)})
				synctest.Wait()
				if calls.Len() != want {
					t.Errorf("%d calls, want %d", calls.Len(), want)
				}
			}
			enters(0, 1)
			enters(0, 1)
			enters(time.Millisecond, 1)
			calls.Deliver("x", end)
			synctest.Wait()
			enters(time.Second, 1)
			calls.Deliver("x", end)
			synctest.Wait()
			if len(calls.live) != 0 || len(calls.taken) != 0 {
				t.Errorf("%d calls and %d entries are left", len(calls.live), len(calls.taken))
			}
		})
	}
}

// TestCallsForget: an id that another call has taken over is not forgotten with the first one.
func TestCallsForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := New(Config{Log: slog.New(slog.DiscardHandler), Enter: func(task *Task, _ Started) error {
			task.Call.Register("shared")
			return task.Await(func(ev Event) bool { left, ok := ev.(Left); return ok && left.Channel == task.Call.ID })
		}})
		for _, id := range []string{"x", "y"} {
			calls.Deliver(id, Started{Channel: Channel{ID: id}})
			synctest.Wait()
		}
		calls.Deliver("x", Left{Channel: "x"})
		synctest.Wait()
		if c := calls.ids["shared"]; c == nil || c.ID != "y" {
			t.Error("the second call's id is forgotten")
		}
		calls.Deliver("y", Left{Channel: "y"})
		synctest.Wait()
		if len(calls.ids) != 0 {
			t.Errorf("%d ids are left", len(calls.ids))
		}
	})
}

// TestCallsShutdown: every call is left to Asterisk, no new one begins, and a call that is in a command is waited for only
// as long as the context says.
func TestCallsShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ended := map[string]error{}
		hang := make(chan struct{})
		calls := New(Config{Log: slog.New(slog.DiscardHandler), Enter: func(task *Task, started Started) error {
			if strings.HasPrefix(started.Channel.ID, "slow") {
				<-hang
			}
			err := task.Await(func(Event) bool { return false })
			mu.Lock()
			defer mu.Unlock()
			ended[task.Call.ID] = err
			return err
		}})
		for i := range 20 {
			calls.Deliver(fmt.Sprint("c", i), Started{Channel: Channel{ID: fmt.Sprint("c", i)}})
		}
		calls.Deliver("slow", Started{Channel: Channel{ID: "slow"}})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := calls.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		synctest.Wait()
		if calls.Len() != 1 || len(ended) != 20 {
			t.Errorf("%d calls are left, %d have ended", calls.Len(), len(ended))
		}
		calls.Deliver("late", Started{Channel: Channel{ID: "late"}})
		close(hang)
		synctest.Wait()
		for id, err := range ended {
			if !errors.Is(err, ErrDetached) {
				t.Errorf("%s ended with %v", id, err)
			}
		}
		if calls.Len() != 0 {
			t.Errorf("%d calls are left", calls.Len())
		}
	})
}

// TestCallsMany: a thousand calls with a code each; afterwards nothing is left, no goroutine either (the bubble would fail).
func TestCallsMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.document("acme", "9")
		ran := make(chan struct{}, 1000)
		r.module("test", func(*Task) (Next, error) {
			ran <- struct{}{}
			return Stop, nil
		})
		r.cfg.Enter = func(task *Task, started Started) error {
			leg := NewLeg(started.Channel, RoleCaller)
			task.Call.Add(leg)
			task.Call.Open()
			return task.Until(0, func() bool { return leg.Gone })
		}
		r.calls = New(r.cfg)
		for i := range 1000 {
			id := fmt.Sprint("c", i)
			r.calls.Deliver(id, Started{Channel: rigChannel(id, "acme")})
			r.digit(id, '*')
			r.digit(id, '9')
			r.calls.Deliver(id, Left{Channel: id})
		}
		synctest.Wait()
		if len(ran) != 1000 || r.calls.Len() != 0 || len(r.calls.ids) != 0 {
			t.Errorf("%d codes ran, %d calls and %d ids are left", len(ran), r.calls.Len(), len(r.calls.ids))
		}
	})
}

// TestLeave: another process has the application: the calls are let go, without anything being undone; what is there when it
// is taken back is taken up, also what was a call of this process before.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []string
		say := func(what string) { mu.Lock(); defer mu.Unlock(); said = append(said, what) }
		release := make(chan struct{})
		calls := New(Config{
			Log:  slog.New(slog.DiscardHandler),
			Over: func(call string) { say("over " + call) },
			Enter: func(task *Task, started Started) error {
				err := task.Await(func(Event) bool { return false })
				if started.Channel.ID == "busy" { // in a command that Asterisk does not answer
					<-release
				}
				say(fmt.Sprint(started.Channel.ID, " ", err))
				return err
			},
			Adopt: func(task *Task, found []Found) error {
				say("adopts " + found[0].ID)
				return task.Await(func(Event) bool { return false })
			},
		})
		calls.Deliver("x", Started{Channel: Channel{ID: "x"}})
		calls.Deliver("busy", Started{Channel: Channel{ID: "busy"}})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := calls.Leave(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a call that does not let go Leave = %v", err)
		}
		close(release)
		if err := calls.Leave(t.Context()); err != nil || calls.Len() != 0 || len(calls.ids) != 0 {
			t.Errorf("Leave = %v, %d calls and %d ids are left", err, calls.Len(), len(calls.ids))
		}
		found := Found{Channel: Channel{ID: "x"}, Inside: true, Args: []string{}, Bridge: BridgePrefix + "x"}
		<-calls.Connected(Inventory{Channels: []Found{found}})
		synctest.Wait()
		if !calls.Has("x") || calls.Len() != 1 {
			t.Errorf("%d calls after it was taken back", calls.Len())
		}
		if got, want := strings.Join(said, ", "), "x detached, busy detached, adopts x"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := calls.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestGiveUp: a call that nobody has answered ends, its task may still give its caller back, and an answer that it waits for
// comes before it learns of that, by the next wait and all that follow; one that is answered goes on, and its tasks notice
// nothing.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		said := map[string]error{}
		calls := New(Config{
			Log: slog.New(slog.DiscardHandler),
			Enter: func(task *Task, started Started) error {
				if started.Channel.ID == "answered" {
					task.Call.Open()
				}
				asks := func(takes time.Duration) {
					if err := task.Do(new(Lane), func() error { time.Sleep(takes); return nil }); err != nil {
						t.Error(err)
					}
				}
				if started.Channel.ID == "asking" {
					asks(500 * time.Millisecond)
					if err := task.Sleep(time.Minute); !errors.Is(err, ErrUnavailable) {
						t.Errorf("the wait after the answer ends with %v", err)
					}
				}
				err := task.Await(func(Event) bool { return false })
				if started.Channel.ID == "slow" {
					asks(time.Minute)
				}
				mu.Lock()
				defer mu.Unlock()
				said[started.Channel.ID] = err
				return err
			},
		})
		for _, id := range []string{"answered", "ringing", "slow", "asking"} {
			calls.Deliver(id, Started{Channel: Channel{ID: id}})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n, err := calls.GiveUp(ctx)
		if n > 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("GiveUp = %d, %v while one is slow", n, err)
		}
		time.Sleep(2 * time.Minute)
		if calls.Len() != 1 || !calls.Has("answered") {
			t.Errorf("%d calls are left, want the answered one", calls.Len())
		}
		for _, id := range []string{"ringing", "slow", "asking"} {
			if !errors.Is(said[id], ErrUnavailable) {
				t.Errorf("the wait of %s ends with %v", id, said[id])
			}
		}
		if n, err := calls.GiveUp(t.Context()); n != 0 || err != nil {
			t.Errorf("GiveUp = %d, %v with an answered call alone", n, err)
		}
		if err := calls.Shutdown(t.Context()); err != nil || !errors.Is(said["answered"], ErrDetached) {
			t.Errorf("%v, the answered one ends with %v", err, said["answered"])
		}
	})
}
