package recordings

import (
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
