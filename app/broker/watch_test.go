package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
)

// watching is a Watch, and what it has told, as one line each: begin, holds k, loaded, changed k, lost <why>.
type watching struct {
	*testing.T
	kv   jetstream.JetStream
	anew chan struct{}
	end  func() // waits until Run has returned

	mu      sync.Mutex
	told    []string
	loading error // what Loaded says
	second  error // and Second
}

func watch(t *testing.T, url string) *watching {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{T: t, anew: make(chan struct{}, 1)}
	if w.kv, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	watch := Watch{
		Conn: conn, Keys: "ours.>", Anew: w.anew, Bucket: jetstream.KeyValueConfig{Bucket: "b", Storage: jetstream.MemoryStorage},
		Begin: func(b *Bucket) Look {
			if b.Made.IsZero() {
				t.Error("a bucket that was never made")
			}
			w.tell("begin")
			return w
		},
		Lost: func(err error) { w.tell("lost " + err.Error()) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { watch.Run(ctx) })
	w.end = sync.OnceFunc(func() { cancel(); running.Wait(); conn.Close() })
	t.Cleanup(w.end)
	return w
}

func (w *watching) tell(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, line)
}

func (w *watching) Holds(e jetstream.KeyValueEntry)   { w.tell("holds " + e.Key()) }
func (w *watching) Changed(e jetstream.KeyValueEntry) { w.tell("changed " + e.Key()) }

func (w *watching) Loaded(context.Context) error {
	w.tell("loaded")
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loading
}

func (w *watching) Second(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.second
}

// says sets what Loaded and Second say.
func (w *watching) says(loading, second error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loading, w.second = loading, second
}

// tells waits until these lines were told, one after the other, and forgets them and what came before, which it gives.
func (w *watching) tells(lines ...string) (before []string) {
	w.Helper()
	until(w.T, strings.Join(lines, ", "), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for n := 0; n+len(lines) <= len(w.told); n++ {
			if slices.Equal(w.told[n:n+len(lines)], lines) {
				before, w.told = w.told[:n], w.told[n+len(lines):]
				return true
			}
		}
		return false
	})
	return before
}

func (w *watching) put(keys ...string) {
	w.Helper()
	for _, key := range keys {
		kv, err := w.kv.KeyValue(w.Context(), "b")
		if err == nil {
			_, err = kv.Put(w.Context(), key, []byte("v"))
		}
		if err != nil {
			w.Fatal(err)
		}
	}
}

// Whatever ends a watch, another begins, with all that the bucket holds.
func TestWatch(t *testing.T) {
	server := brokertest.Start(t)
	w := watch(t, server.URL())
	if before := w.tells("begin", "loaded"); len(before) != 0 { // the bucket is made
		t.Error("before the first watch:", before)
	}
	w.put("ours.a", "theirs.x", "ours.b")
	w.tells("changed ours.a", "changed ours.b")

	w.anew <- struct{}{}
	if before := w.tells("begin", "holds ours.a", "holds ours.b", "loaded"); len(before) != 0 {
		t.Error("to begin anew was told as a loss:", before)
	}

	w.says(nil, ErrAnew)
	w.tells("begin", "holds ours.a", "holds ours.b", "loaded")
	w.says(nil, errors.New("a second too many"))
	w.tells("lost a second too many")
	w.says(errors.New("it cannot be taken"), nil)
	w.tells("loaded", "lost it cannot be taken")
	w.says(nil, nil)
	w.tells("begin", "holds ours.a", "holds ours.b", "loaded")

	// The server is away, and what was in memory is gone with it.
	server.Stop()
	server.Again()
	w.tells("begin", "loaded")
	w.put("ours.c")
	w.tells("changed ours.c")

	// A watch does not notice that another bucket is in the place of its own.
	if err := w.kv.DeleteKeyValue(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.kv.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "b"}); err != nil {
		t.Fatal(err)
	}
	w.put("ours.d")
	if before := w.tells("begin", "holds ours.d", "loaded"); !slices.Contains(before, "lost the bucket b is gone") {
		t.Error("a bucket that is gone is not told of:", before)
	}

	w.end()
	if len(w.told) != 0 {
		t.Error("told at its end:", w.told)
	}
}

// A NATS that is not there is told of, and tried again later and later, until it is.
func TestWatchWithoutNATS(t *testing.T) {
	server := brokertest.Start(t)
	server.Stop()
	begin := time.Now()
	w := watch(t, server.URL())
	for range 5 {
		w.tells("lost NATS is not connected")
	}
	if took := time.Since(begin); took < (100+200+400+800)*time.Millisecond {
		t.Error("it is tried too often: five times in", took)
	}
	server.Again()
	w.tells("begin", "loaded")
}
