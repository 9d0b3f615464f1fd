package auth

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(10)
		spend := func(client, account string, cost int, want time.Duration) {
			t.Helper()
			if got, ok := l.Allow(client, account, cost); got != want || ok != (want == 0) {
				t.Errorf("%s/%s for %d: wait %v, want %v", client, account, cost, got, want)
			}
		}
		for range 100 {
			spend("192.0.2.1", "acme", 1, 0)
		}
		spend("192.0.2.1", "acme", 1, 100*time.Millisecond)
		spend("192.0.2.1", "acme", 1, 100*time.Millisecond) // what was refused has cost nothing
		spend("192.0.2.1", "other", 1, 0)
		spend("192.0.2.1", "", 1, 0)
		spend("192.0.2.2", "acme", 1, 0)
		l.GiveBack("192.0.2.1", "acme", 1)
		spend("192.0.2.1", "acme", 1, 0)
		spend("192.0.2.1", "acme", 1, 100*time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		spend("192.0.2.1", "acme", 1, 0)
		spend("192.0.2.1", "acme", 35, 3500*time.Millisecond)
		time.Sleep(10 * time.Second)
		spend("192.0.2.1", "acme", 35, 0)
		spend("192.0.2.1", "acme", 35, 0)
		spend("192.0.2.1", "acme", 35, 500*time.Millisecond)

		// One subscriber's IPv6 is one client.
		for i := range 100 {
			spend(fmt.Sprintf("2001:db8:1:2::%x", i), "acme", 1, 0)
		}
		spend("2001:db8:1:2:ffff::1", "acme", 1, 100*time.Millisecond)
		spend("2001:db8:1:3::1", "acme", 1, 0)
		spend("::ffff:192.0.2.4", "acme", 100, 0)
		spend("192.0.2.4", "acme", 1, 100*time.Millisecond)
		spend("", "acme", 100, 0)
		spend("a phone", "acme", 1, 100*time.Millisecond)

		small := NewLimiter(1) // a login costs more than it ever holds
		if got, ok := small.Allow("192.0.2.1", "", 35); !ok {
			t.Error(got)
		}
		if got, ok := small.Allow("192.0.2.1", "", 35); ok || got != 10*time.Second {
			t.Error(got, ok)
		}
	})
}

// TestLimitMemory: a bucket in use outlives generations, one that is not is dropped, and there are never too many.
func TestLimitMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(10)
		for range 20 {
			l.Allow("192.0.2.1", "acme", 100)
			if _, ok := l.Allow("192.0.2.1", "acme", 1); ok {
				t.Fatal("a bucket in use was forgotten")
			}
			time.Sleep(generation / 10)
			l.Allow("192.0.2.1", "acme", 60)
		}
		l.Allow("192.0.2.9", "acme", 1)
		time.Sleep(generation)
		l.Allow("192.0.2.1", "acme", 1)
		time.Sleep(generation)
		l.Allow("192.0.2.1", "acme", 1)
		if n := len(l.young) + len(l.old); n != 2 { // the one in use, in both
			t.Errorf("%d buckets", n)
		}
		for i := range 5 * maxBuckets {
			l.Allow(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "acme", 1)
		}
		if n := len(l.young) + len(l.old); n > 2*maxBuckets {
			t.Errorf("%d buckets", n)
		}
	})
}

func TestLimitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(10)
		var let, all sync.WaitGroup
		var mu sync.Mutex
		passed := 0
		let.Add(1)
		for range 500 {
			all.Go(func() {
				let.Wait()
				for range 100 {
					if _, ok := l.Allow("192.0.2.1", "acme", 1); ok {
						mu.Lock()
						passed++
						mu.Unlock()
					}
				}
			})
		}
		let.Done()
		all.Wait()
		if passed != 100 {
			t.Errorf("%d of 50,000 passed", passed)
		}
		if wait, ok := l.Allow("192.0.2.1", "acme", 1); ok || wait != 100*time.Millisecond { // those who were refused cost nothing
			t.Error(wait, ok)
		}
	})
}
