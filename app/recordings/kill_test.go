package recordings

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// What was told while NATS is away is noted when it is back, also by another process: it waits in a file.
func TestNATSAway(t *testing.T) {
	l := newLab(t)
	l.nats.Stop()
	l.begin()
	said := sound(5, 70_000)
	l.record("acme/c/1", said, calls.Delivery{})
	l.started("acme/c/2", calls.Delivery{})
	l.until("all is in the file", func() bool {
		text, _ := os.ReadFile(l.cfg.Pending)
		return bytes.Count(text, []byte("\n")) == 3
	})
	l.kill()
	l.begin()
	l.nats.Again()
	l.event("recording.delivered", "acme/c/1")
	if got := l.object("acme/c/1"); !bytes.Equal(got, said) {
		t.Errorf("%d bytes arrive", len(got))
	}
	l.until("the file is gone", func() bool {
		_, err := os.Stat(l.cfg.Pending)
		return os.IsNotExist(err)
	})
	if e := l.entry("acme/c/2"); e == nil || e.State != Recording {
		t.Errorf("the index says %+v of one that runs", e)
	}
}

// Asterisk goes away: nothing of that counts as a try, and all goes on when it is back.
func TestAsteriskAway(t *testing.T) {
	web := newTaker(t)
	l := newLab(t, func(cfg *Config) { cfg.DeliveryFor = time.Millisecond })
	l.asterisk.goAway(true)
	l.begin()
	l.record("acme/c/1", sound(3, 1000), calls.Delivery{URL: web.URL})
	l.until("it is over", func() bool { e := l.entry("acme/c/1"); return e != nil && e.State == Waiting })
	l.asterisk.goAway(false)
	l.event("recording.delivered", "acme/c/1")
	if e := l.entry("acme/c/1"); e.Tries != 1 {
		t.Errorf("%d tries", e.Tries)
	}
}

// Of a burst of recordings each arrives whole, whatever is killed meanwhile: metaflows again and again, NATS once.
func TestKilled(t *testing.T) {
	const burst = 200
	var mu sync.Mutex
	taken := map[string][]byte{} // by id
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rand.N(4) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if body, err := io.ReadAll(r.Body); err == nil {
			mu.Lock()
			defer mu.Unlock()
			taken[r.Header.Get("Idempotency-Key")] = body
		}
	}))
	defer web.Close()
	l := newLab(t)
	l.begin()
	sounds := map[string][]byte{}
	for i := range burst {
		name := named(i)
		sounds[name] = sound(i+1, 1000+i*97)
		to := calls.Delivery{}
		if i%2 == 0 {
			to.URL = web.URL
		}
		l.record(name, sounds[name], to)
	}
	arrived := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		ids := map[string]bool{}
		for _, n := range l.notices {
			if n.Type == "recording.delivered" {
				ids[n.ID] = true
			}
		}
		return len(ids)
	}
	for _, so := range []int{5, 40, 80} {
		l.until(fmt.Sprintf("%d have arrived", so), func() bool { return arrived() >= so })
		l.kill()
		if so == 40 {
			l.nats.Stop()
			l.nats.Again()
		}
		l.begin()
	}
	for deadline := time.Now().Add(90 * time.Second); arrived() < burst; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d have arrived", arrived(), burst)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := len(l.objects()); n != burst/2 {
		t.Errorf("%d objects, want %d", n, burst/2)
	}
	for i := range burst {
		name := named(i)
		got := taken[idOf("n1", name)]
		if i%2 > 0 {
			got = l.object(name)
		}
		if !bytes.Equal(got, sounds[name]) {
			t.Errorf("of %s arrive %d bytes, want %d", name, len(got), len(sounds[name]))
		}
		if l.asterisk.has(name) {
			t.Errorf("%s is in Asterisk's folder still", name)
		}
	}
}

// An hour of sound needs no more memory than a second of it.
func TestMemory(t *testing.T) {
	const hour = 3600 * 8000 * 2
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer web.Close()
	l := newLab(t)
	l.begin()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 8 {
		to := calls.Delivery{}
		if i%2 == 0 {
			to.URL = web.URL
		}
		l.asterisk.stream(named(i), hour, func() io.Reader { return io.LimitReader(zeros{}, hour) })
		l.started(named(i), to)
		l.stored(named(i))
	}
	most := uint64(0)
	for deadline := time.Now().Add(2 * time.Minute); l.count("recording.delivered") < 8; time.Sleep(20 * time.Millisecond) {
		runtime.ReadMemStats(&now)
		most = max(most, now.Sys-now.HeapReleased)
		if time.Now().After(deadline) {
			t.Fatalf("%d of 8 have arrived", l.count("recording.delivered"))
		}
	}
	t.Logf("%d MiB more", (int64(most)-int64(before.Sys-before.HeapReleased))>>20)
	if limit := before.Sys - before.HeapReleased + 64<<20; most > limit {
		t.Errorf("%d MiB, %d before", most>>20, (before.Sys-before.HeapReleased)>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// The oldest go where there is no room, which is told; what is larger than all room is not delivered, which is told, too.
func TestRoom(t *testing.T) {
	l := newLab(t, func(cfg *Config) { cfg.MaxBytes = 1 << 20 })
	l.begin()
	for i := range 4 {
		l.record(named(i), sound(i+1, 300_000), calls.Delivery{})
		l.event("recording.delivered", named(i))
	}
	if n := l.event("recording.deleted", named(0)); n.Reason != "no_room" || n.Result != "deleted" {
		t.Errorf("%+v", n)
	}
	if e := l.entry(named(0)); e != nil {
		t.Errorf("the index has %+v", e)
	}
	l.record(named(9), sound(9, 2<<20), calls.Delivery{})
	if n := l.event("recording.failed", named(9)); n.Reason != "full" {
		t.Errorf("%+v", n)
	}
	if n := len(l.objects()); n != 3 || l.count("recording.deleted") != 1 || !l.asterisk.has(named(9)) {
		t.Errorf("%d objects, %d deleted", n, l.count("recording.deleted"))
	}
}
