package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// What a callee can do, and what the caller's dialplan learns of it: as plain Dial() says it on the same Asterisk.
func TestDialStatusAsDial(t *testing.T) {
	for _, tt := range []struct {
		name       string
		stasis     string
		dial       string
		behaviours map[string]phone.Behaviour // the phones that are registered
	}{
		{"busy", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Busy()}},
		{"busy everywhere (600)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(600)}},
		{"declined (603)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(603)}},
		{"unavailable (480)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(480)}},
		{"not found (404)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(404)}},
		{"forbidden (403)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(403)}},
		{"server error (500)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(500)}},
		{"service unavailable (503)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(503)}},
		{"not acceptable (488)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(488)}},
		{"timeout (408)", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.Reject(408)}},
		{"rings, then busy", "bob", "d-bob", map[string]phone.Behaviour{"bob": phone.RejectAfter(486, 300*time.Millisecond)}},
		{"no answer", "t5-bob", "d5-bob", map[string]phone.Behaviour{"bob": phone.RingForever()}},
		{"not registered", "bob", "d-bob", nil},
		{"two, both busy", "multi-bob-carol", "dmulti-bob-carol", map[string]phone.Behaviour{"bob": phone.Busy(), "carol": phone.Busy()}},
		{"two, busy and not registered", "multi-bob-carol", "dmulti-bob-carol", map[string]phone.Behaviour{"bob": phone.Busy()}},
		{"two, busy and congestion", "multi-bob-carol", "dmulti-bob-carol", map[string]phone.Behaviour{"bob": phone.Busy(), "carol": phone.Reject(503)}},
		{"two, busy and unavailable", "multi-bob-carol", "dmulti-bob-carol", map[string]phone.Behaviour{"bob": phone.Busy(), "carol": phone.Reject(480)}},
		{"two, congestion and declined", "multi-bob-carol", "dmulti-bob-carol", map[string]phone.Behaviour{"bob": phone.Reject(503), "carol": phone.Reject(603)}},
		{"two, declined and unavailable", "multi-bob-carol", "dmulti-bob-carol", map[string]phone.Behaviour{"bob": phone.Reject(603), "carol": phone.Reject(480)}},
		{"two, none registered", "multi-bob-carol", "dmulti-bob-carol", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			for name, behaviour := range tt.behaviours {
				l.phone(name).Behave(behaviour)
			}
			alice := l.phone("alice")
			want, got := l.goesOn(alice, tt.dial), l.goesOn(alice, tt.stasis)
			if got != want {
				t.Errorf("the application says %s, Dial() says %s", got, want)
			}
		})
	}
}

var dialStatus = regexp.MustCompile(`DIALSTATUS=(\w*)`)

// goesOn calls an extension whose callee is not reached, and returns the DIALSTATUS with which the caller goes on.
func (l *lab) goesOn(from *phone.Phone, extension string) string {
	l.Helper()
	before := len(l.Server.Log())
	c, err := from.Call(l.soon(15*time.Second), extension)
	l.must(err)
	l.hears(c, afterTone)
	for line := range strings.Lines(l.Server.Log()[before:]) {
		if found := dialStatus.FindStringSubmatch(line); found != nil && strings.Contains(line, "app_verbose.c: after exten="+extension) {
			l.hangUp(c)
			return found[1]
		}
	}
	l.Fatalf("the caller of %s did not go on", extension)
	return ""
}
