package e2e

import (
	"testing"
	"time"
)

// Who belongs to another account has that account's codes and no others.
func TestOtherAccount(t *testing.T) {
	l := newLab(t)
	l.document("acme", `{"listen_on":"both","numbers":{"0":{"module":"hangup"}}}`)
	l.document("evil", `{"numbers":{"7":{"module":"hangup"}}}`)
	m, b := l.call(l.phone("mallory"), "1002", l.phone("bob"))
	l.press(m, "*0") // acme's
	l.gets(b, "*0")
	l.press(b, "*7") // evil's
	l.gets(m, "*7")
	l.talk(m, b)
	l.press(m, "*7")
	l.ended(m)
	l.ended(b)
	for _, e := range l.events() {
		if e.Account == "evil" && e.Endpoint == "PJSIP/bob" || e.Account == "acme" && e.Endpoint == "PJSIP/mallory" {
			t.Errorf("event %s of %s names the other account's endpoint %s", e.Kind, e.Account, e.Endpoint)
		}
	}
}

// Who has no account has no codes, also when the dialplan lets an account be inherited.
func TestOutsider(t *testing.T) {
	for _, extension := range []string{"1006", "x-outside"} {
		t.Run(extension, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", `{"numbers":{"0":{"module":"hangup"}}}`)
			a, o := l.call(l.phone("alice"), extension, l.phone("outside"))
			l.press(o, "*0")
			l.gets(a, "*0")
			l.talk(a, o)
			l.press(a, "*0")
			l.ended(a)
			l.ended(o)
		})
	}
}

// An outsider that is listened to runs what is open to it, and cannot transfer.
func TestOutsiderCannotTransfer(t *testing.T) {
	l := newLab(t)
	l.document("acme/users/alice", `{"listen_on":"both","numbers":{"0":{"module":"hangup"},"1":{"module":"hangup","data":{"allow_peer":true}}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`)
	a, o := l.call(l.phone("alice"), "1006", l.phone("outside"))
	l.press(o, "*21234")
	l.hears(o, errorTone)
	if e := l.event("action.failed", 1); e.Reason != "forbidden" {
		t.Errorf("action.failed says %q, want forbidden", e.Reason)
	}
	l.must(o.WaitNoTone(l.soon(3*time.Second), errorTone))
	l.talk(a, o)
	l.press(o, "*0")
	l.ended(o)
	l.ended(a)
}

// allow_peer opens a node to an outsider: the owner's context and account hold.
func TestOutsiderMayTransfer(t *testing.T) {
	l := newLab(t)
	l.document("acme/users/alice", `{"listen_on":"peer","patterns":{"2(\\d{4})":{"module":"transfer","data":{"allow_peer":true}}}}`)
	a, o := l.call(l.phone("alice"), "1006", l.phone("outside"))
	l.press(o, "*21234")
	l.hears(a, music1234)
	l.ended(o)
	l.hangUp(a)
}
