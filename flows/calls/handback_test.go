package calls

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestHandBack: keys that are kept from the others are given back, also where somebody types on, within the time.
func TestHandBack(t *testing.T) {
	for _, tt := range []struct {
		about  string
		before func(*callRig)
		during func(*callRig) // beside it
		within time.Duration
		fails  bool
		want   string
	}{
		{"nobody has pressed anything", func(*callRig) {}, func(*callRig) {}, 0, false, ""},
		{"armed", func(r *callRig) { r.digit("a", '*') }, func(*callRig) {}, 0, false, "0 absorb a; 0 pass a"}, // no key is down
		{"armed, and the next key may be down", func(r *callRig) {
			r.digit("a", '*')
			time.Sleep(100 * time.Millisecond)
		}, func(*callRig) {}, typingPause, false, "0 absorb a; 300 pass a"},
		{"the leg has left", func(r *callRig) {
			r.digit("a", '*')
			r.leaves("a")
		}, func(*callRig) {}, 0, false, "0 absorb a"},
		{"who types on is waited for a while", func(r *callRig) { r.digit("a", '*') }, func(r *callRig) {
			for range 20 {
				time.Sleep(250 * time.Millisecond)
				r.digit("a", 'A')
			}
		}, hurryTime + time.Second, false, ""},
		{"Asterisk refuses", func(r *callRig) {
			r.digit("a", '*')
			synctest.Wait()
			r.with(func() { r.failOf = map[string]int{"a": 100} })
		}, func(*callRig) {}, 3 * time.Second, true, ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newCallRig(t, nil)
				r.document("acme", "9")
				r.begin()
				synctest.Wait()
				r.with(func() { r.line, r.began = nil, time.Now() })
				tt.before(r)
				synctest.Wait()
				go tt.during(r)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				began := time.Now()
				err := r.calls.HandBack(ctx)
				if took := time.Since(began); (err != nil) != tt.fails || took > tt.within {
					t.Errorf("after %v it returns %v", took, err)
				}
				asked := r.asked()
				if tt.want != "" && asked != tt.want {
					t.Errorf("asked of the line: %s, want %s", asked, tt.want)
				}
				r.digit("a", '*') // it is no binding digit any more
				r.digit("a", '9')
				time.Sleep(10 * time.Second)
				if matched := r.told("code.matched"); matched != "" {
					t.Errorf("a code was found: %s", matched)
				}
				r.with(func() { r.failOf = map[string]int{} })
				r.end()
			})
		})
	}
}
