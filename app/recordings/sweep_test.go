package recordings

import (
	"sync/atomic"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// Recordings that are older than their account keeps them are removed, with their sound; others, and other accounts', stay.
func TestRetention(t *testing.T) {
	web := newTaker(t, status(410))
	l := newLab(t, func(cfg *Config) {
		cfg.Retention = func(account string) time.Duration { return map[string]time.Duration{"acme": 24 * time.Hour}[account] }
	})
	l.begin()
	l.record("acme/c/1", sound(3, 5000), calls.Delivery{})
	l.event("recording.delivered", "acme/c/1")
	l.record("acme/c/2", sound(3, 5000), calls.Delivery{URL: web.URL})
	l.event("recording.failed", "acme/c/2")
	l.record("beta/c/3", sound(3, 5000), calls.Delivery{})
	l.event("recording.delivered", "beta/c/3")
	for _, tt := range []struct {
		later         time.Duration
		kept, objects int
	}{{23 * time.Hour, 2, 2}, {25 * time.Hour, 0, 1}} {
		if err := l.rec.sweepAt(t.Context(), time.Now().Add(tt.later)); err != nil {
			t.Fatal(err)
		}
		list, err := l.rec.List(t.Context(), "acme")
		if err != nil || len(list) != tt.kept || len(l.objects()) != tt.objects {
			t.Errorf("after %s there are %d, %d objects, %v", tt.later, len(list), len(l.objects()), err)
		}
	}
	if n := l.event("recording.deleted", "acme/c/2"); n.Reason != "retention" || l.asterisk.has("acme/c/2") || l.entry("beta/c/3") == nil {
		t.Errorf("%+v", n)
	}
}

// A file that cannot be removed is told, and keeps no other recording.
func TestRetentionGoesOn(t *testing.T) {
	web := newTaker(t, status(410))
	l := newLab(t, func(cfg *Config) { cfg.Retention = func(string) time.Duration { return time.Hour } })
	l.begin()
	l.record("acme/c/1", sound(3, 5000), calls.Delivery{URL: web.URL})
	l.event("recording.failed", "acme/c/1")
	l.record("acme/c/2", sound(3, 5000), calls.Delivery{})
	l.event("recording.delivered", "acme/c/2")
	l.asterisk.stuck = "acme/c/1"
	if err := l.rec.sweepAt(t.Context(), time.Now().Add(2*time.Hour)); err == nil {
		t.Error("nothing is said of the file that stays")
	}
	if l.entry("acme/c/1") == nil || l.entry("acme/c/2") != nil || len(l.objects()) > 0 {
		t.Errorf("the index has %+v and %+v", l.entry("acme/c/1"), l.entry("acme/c/2"))
	}
}

// As long as the accounts' settings are not known nothing is delivered: the webhook would not be told.
func TestSettingsUnknown(t *testing.T) {
	hook := newTaker(t)
	var known atomic.Bool
	asked := make(chan struct{}, 1)
	l := newLab(t, func(cfg *Config) {
		cfg.Known = func() bool {
			select {
			case asked <- struct{}{}:
			default:
			}
			return known.Load()
		}
	})
	l.begin()
	l.record("acme/c/1", sound(3, 5000), calls.Delivery{})
	l.until("it is over", func() bool { e := l.entry("acme/c/1"); return e != nil && e.State == Waiting })
	<-asked
	<-asked
	if n := l.count("recording.delivered"); n > 0 {
		t.Error("it is delivered by an account's settings that nobody knows")
	}
	l.hook = hook.URL
	known.Store(true)
	l.event("recording.delivered", "acme/c/1")
	l.until("the webhook is told", func() bool { n, _ := hook.requests(); return n == 1 })
}
