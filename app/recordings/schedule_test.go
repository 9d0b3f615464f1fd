package recordings

import (
	"net/http"
	"testing"
	"time"
)

// A recording that nobody takes is tried at the times that are promised, the last time at its deadline.
func TestSchedule(t *testing.T) {
	began := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	deadline := began.Add(24 * time.Hour)
	var at []time.Duration
	now, again := began, true
	for tries := 1; again; tries++ {
		at = append(at, now.Sub(began))
		now, again = next(now, deadline, after(pauses, tries))
	}
	want := []time.Duration{0, 5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour}
	if len(at) != len(want)+1 || at[len(want)] != 24*time.Hour {
		t.Fatalf("tried at %v", at)
	}
	for i := 1; i < len(want); i++ {
		if pause := at[i] - at[i-1]; pause < want[i] || pause > want[i]*6/5 {
			t.Errorf("pause %d is %s, want %s and a fifth more at most", i, pause, want[i])
		}
	}
	if pause := after(pauses, 100); pause < 10*time.Hour || pause > 12*time.Hour {
		t.Errorf("later pauses are %s", pause)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for says, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Wed, 04 Mar 2026 05:07:07 GMT": time.Minute, "Wed, 04 Mar 2026 05:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {says}}, now); got != want {
			t.Errorf("%q is %s, want %s", says, got, want)
		}
	}
}
