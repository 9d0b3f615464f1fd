package e2e

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

const twoCodes = `{"numbers":{"9":{"module":"record_call"},"0":{"module":"hangup"}}}`

// The other party hears at most the binding digit of a code.
func TestPeerHearsNoCode(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*9")
	l.event("recording.started", 1)
	l.press(b, "*9")
	l.event("recording.stored", 1)
	l.press(b, "1") // whatever was on its way is there before this
	l.gets(a, "**1")
	l.hangUp(a)
	l.ended(b)
}

// The other party gets every digit that was no code, in order, once: also what is typed fast, and during the relay.
func TestPeerHearsEverythingElse(t *testing.T) {
	fast := phone.Press{Digit: 60 * time.Millisecond, Gap: 40 * time.Millisecond}
	for _, tt := range []struct {
		name  string
		press []string
		how   phone.Press
		want  string
	}{
		{"no such code", []string{"*55"}, phone.Press{}, "*55"},
		{"a fast typist after it", []string{"*55" + "12345678901234567890"}, fast, "*55" + "12345678901234567890"},
		{"the binding digit twice", []string{"**21234"}, phone.Press{}, "*21234"},
		{"fast, twice the binding digit", []string{"**9876543210"}, fast, "*9876543210"},
		{"two codes that are none", []string{"*5*6"}, fast, "*5*6"},
		{"ABCD", []string{"*ABCD1"}, fast, "*ABCD1"},
		{"hash", []string{"*#12"}, fast, "*#12"},
		{"plain", []string{"0987654321#"}, fast, "0987654321#"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			l.document("acme", twoCodes)
			alice, bob := l.phone("alice"), l.phone("bob")
			l.steadily(tt.name, func() error {
				a, b := l.call(alice, "1002", bob)
				defer l.ended(a)
				defer l.hangUp(b)
				for _, keys := range tt.press {
					l.press(b, keys, tt.how)
				}
				if err := a.WaitDigits(l.soon(15*time.Second), tt.want); err != nil {
					return err
				}
				l.press(b, "7") // nothing comes twice
				err := a.WaitDigits(l.soon(15*time.Second), tt.want+"7")
				if b.Digits() != "" {
					t.Errorf("the presser heard %q", b.Digits())
				}
				return err
			})
		})
	}
}

// Both press at the same time: each hears the other's digits once, and its own not at all.
func TestBothPressAtTheSameTime(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	fast := phone.Press{Digit: 60 * time.Millisecond, Gap: 60 * time.Millisecond}
	l.steadily("both press", func() error {
		a, b := l.call(alice, "1002", bob)
		defer l.ended(a)
		defer l.hangUp(b)
		var both sync.WaitGroup
		both.Go(func() { l.press(a, "*5511112222", fast) })
		both.Go(func() { l.press(b, "*6633334444", fast) })
		both.Wait()
		return errors.Join(b.WaitDigits(l.soon(15*time.Second), "*5511112222"), a.WaitDigits(l.soon(15*time.Second), "*6633334444"))
	})
}

// Both legs press codes at the same time: both run.
func TestBothCodesAtTheSameTime(t *testing.T) {
	l := newLab(t)
	l.document("acme/users/alice", `{"numbers":{"9":{"module":"record_call","data":{"action":"start"}}}}`)
	l.document("acme/users/bob", `{"numbers":{"8":{"module":"record_call","data":{"action":"stop"},"children":{"not_recording":{"module":"none"}}}}}`)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	var both sync.WaitGroup
	both.Go(func() { l.press(a, "*9") })
	both.Go(func() { l.press(b, "*8") })
	both.Wait()
	l.event("code.matched", 2)
	paths := map[string]bool{l.event("code.matched", 1).Path: true, l.event("code.matched", 2).Path: true}
	if !paths["numbers.9"] || !paths["numbers.8"] {
		t.Errorf("matched %v, want both codes", paths)
	}
	l.hangUp(b)
	l.ended(a)
}

// listen_on both at account level gives each leg's keys to two owners: one press starts one action all the same.
func TestOnePressOneAction(t *testing.T) {
	l := newLab(t)
	l.document("acme", `{"listen_on":"both","numbers":{"9":{"module":"record_call"}}}`)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(a, "*9")
	l.event("recording.started", 1)
	l.press(b, "*9")
	l.event("recording.stored", 1)
	l.hangUp(b)
	l.ended(a)
	l.event("call.ended", 1)
	if started := len(l.all("action.started")); started != 2 {
		t.Errorf("%d actions for two presses", started)
	}
}

// A phone that sends its digits by INFO uses codes all the same.
func TestInfoDigits(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	_, err := b.PressInfo(l.ctx, "*0")
	if err != nil && !strings.Contains(err.Error(), "501") {
		t.Fatal(err)
	}
	l.ended(b)
	l.ended(a)
}
