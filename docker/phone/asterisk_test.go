package phone_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/phone"
)

// startPBX runs an Asterisk for one test.
func startPBX(t *testing.T) *pbx.Server {
	t.Helper()
	server, err := pbx.Start(t.Context(), pbx.Options{})
	check(t, err)
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// registered makes a phone of an Asterisk.
func registered(t *testing.T, server *pbx.Server, cfg phone.Config) *phone.Phone {
	t.Helper()
	cfg.Server, cfg.Password = server.SIPAddr, server.Password(cfg.User)
	p := newPhone(t, cfg)
	check(t, p.Register(soon(t)))
	return p
}

func TestAsterisk(t *testing.T) {
	server := startPBX(t)
	alice := registered(t, server, phone.Config{User: "alice", Tone: aliceTone})
	bob := registered(t, server, phone.Config{User: "bob", Tone: bobTone})
	carol := registered(t, server, phone.Config{User: "carol", Tone: 1000})

	t.Run("registration", func(t *testing.T) {
		for _, want := range []bool{true, false} {
			awaitRegistered(t, server, "carol", want)
			if carol.Registered() != want {
				t.Errorf("carol says %v", carol.Registered())
			}
			if want {
				check(t, carol.Unregister(soon(t)))
			}
		}
		check(t, carol.Register(soon(t)))
		thief := newPhone(t, phone.Config{User: "dave", Password: "wrong", Server: server.SIPAddr})
		var rejected *phone.Rejected
		if err := thief.Register(soon(t)); !errors.As(err, &rejected) || rejected.Code != 401 {
			t.Errorf("wrong password: %v", err)
		}
	})
	t.Run("music", func(t *testing.T) {
		a, err := alice.Call(soon(t), "1234")
		check(t, err)
		check(t, a.WaitTone(soon(t), pbx.ToneLab))
		if a.Hears(500) || a.Hears(aliceTone) {
			t.Error("the music has more than one tone")
		}
		check(t, a.Hangup(soon(t)))
	})
	t.Run("busy", func(t *testing.T) {
		var rejected *phone.Rejected
		if _, err := alice.Call(soon(t), "1999"); !errors.As(err, &rejected) || rejected.Code != 486 {
			t.Errorf("1999: %v", err)
		}
		if _, err := alice.Call(soon(t), "1995"); !errors.As(err, &rejected) || rejected.Code != 486 || rejected.Cause != 17 {
			t.Errorf("1995: %v", err)
		}
		if _, err := alice.Call(soon(t), "no-such-extension"); !errors.As(err, &rejected) || rejected.Code != 404 {
			t.Errorf("no such extension: %v", err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		bob.Behave(phone.RingForever())
		a, err := alice.Dial(soon(t), "d-bob")
		check(t, err)
		check(t, a.WaitRinging(soon(t)))
		b, err := bob.Incoming(soon(t))
		check(t, err)
		check(t, a.Cancel(soon(t)))
		check(t, b.WaitEnded(soon(t)))
		if end, _ := b.HowEnded(); !end.Cancelled || end.Reason == "" {
			t.Errorf("bob's call ended by %+v", end)
		}
	})
	t.Run("call", func(t *testing.T) { asteriskCall(t, alice, bob) })
	t.Run("echo", func(t *testing.T) {
		a, err := alice.Call(soon(t), "1996")
		check(t, err)
		check(t, a.WaitTone(soon(t), aliceTone))
		check(t, a.Hangup(soon(t)))
	})
	t.Run("early media and redirect", func(t *testing.T) {
		bob.Behave(phone.EarlyMedia(400 * time.Millisecond))
		a, err := alice.Dial(soon(t), "d-bob")
		check(t, err)
		check(t, a.WaitEarlyMedia(soon(t)))
		check(t, a.WaitTone(soon(t), bobTone))
		check(t, a.WaitAnswered(soon(t)))
		check(t, a.Hangup(soon(t)))

		bob.Behave(phone.Redirect("sip:d-carol@" + server.SIPAddr))
		a, err = alice.Call(soon(t), "d-bob")
		check(t, err)
		check(t, a.WaitTone(soon(t), 1000))
		check(t, a.Hangup(soon(t)))
	})
	t.Run("refer", func(t *testing.T) {
		bob.Behave(phone.Answer())
		bob.ForgetIncoming()
		a, err := alice.Call(soon(t), "d-bob")
		check(t, err)
		b, err := bob.Incoming(soon(t))
		check(t, err)
		check(t, a.WaitTone(soon(t), bobTone)) // Asterisk refuses until they are bridged
		check(t, b.Refer(soon(t), "1234"))
		check(t, a.WaitTone(soon(t), pbx.ToneLab))
		check(t, b.Hangup(soon(t)))
		check(t, a.Hangup(soon(t)))
	})
	t.Run("answered elsewhere", func(t *testing.T) {
		bob.Behave(phone.RingForever())
		bob.ForgetIncoming()
		carol.Behave(phone.AnswerAfter(100 * time.Millisecond))
		a, err := alice.Call(soon(t), "multi-bob-carol")
		check(t, err)
		b, err := bob.Incoming(soon(t))
		check(t, err)
		check(t, b.WaitEnded(soon(t)))
		if end, _ := b.HowEnded(); !end.Cancelled || !strings.Contains(end.Reason, "cause=200") {
			t.Errorf("bob's call ended by %+v", end)
		}
		check(t, a.WaitTone(soon(t), 1000))
		check(t, a.Hangup(soon(t)))
	})
}

// awaitRegistered asks Asterisk until it says that a phone is registered, or is
// not: it notices a little after its answer.
func awaitRegistered(t *testing.T, server *pbx.Server, name string, want bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ctx := soon(t); ; {
		online, err := server.Registered(ctx, name)
		check(t, err)
		if online == want {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s registered: Asterisk says %v", name, online)
		}
	}
}

// asteriskCall lets alice talk to bob through Asterisk.
func asteriskCall(t *testing.T, alice, bob *phone.Phone) {
	bob.Behave(phone.AnswerAfter(50 * time.Millisecond))
	bob.ForgetIncoming()
	a, err := alice.Call(soon(t), "d-bob")
	check(t, err)
	b, err := bob.Incoming(soon(t))
	check(t, err)
	if name, number := b.CallerID(); number != "1001" {
		t.Errorf("caller id %q %q", name, number)
	}
	check(t, a.WaitTone(soon(t), bobTone))
	check(t, b.WaitTone(soon(t), aliceTone))
	if a.Hears(aliceTone) || b.Hears(bobTone) {
		t.Error("a phone hears itself")
	}
	_, err = b.Press(soon(t), "*9", phone.Press{Digit: 60 * time.Millisecond, Gap: 40 * time.Millisecond})
	check(t, err)
	check(t, a.WaitDigits(soon(t), "*9"))
	_, err = a.Press(soon(t), "0123456789#", phone.Press{Digit: 100 * time.Millisecond, Gap: 60 * time.Millisecond})
	check(t, err)
	check(t, b.WaitDigits(soon(t), "0123456789#"))
	_, err = a.Press(soon(t), "7", phone.Press{Digit: 600 * time.Millisecond})
	check(t, err)
	check(t, b.WaitDigits(soon(t), "0123456789#7"))
	if d := b.DigitEvents()[11]; d.Duration < 580*time.Millisecond || d.Duration > 680*time.Millisecond {
		t.Errorf("a digit of 600 ms arrived as %v", d)
	}

	check(t, a.Hold(soon(t)))
	check(t, b.WaitTone(soon(t), pbx.ToneDefault))
	check(t, a.Unhold(soon(t)))
	check(t, b.WaitTone(soon(t), aliceTone))
	check(t, a.WaitTone(soon(t), bobTone))

	check(t, b.Hangup(soon(t)))
	check(t, a.WaitEnded(soon(t)))
	if end, _ := a.HowEnded(); end.By != phone.Remote || end.Cause != 16 {
		t.Errorf("alice's call ended by %+v", end)
	}
}

// TestAsteriskManyCalls runs calls between pairs of phones at the same time: who
// hears whom must hold for each.
func TestAsteriskManyCalls(t *testing.T) {
	server := startPBX(t)
	alice := registered(t, server, phone.Config{User: "alice", Tone: aliceTone})
	bob := registered(t, server, phone.Config{User: "bob", Tone: bobTone})
	const calls = 15
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			if err := oneOfMany(ctx, alice, bob); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if left := len(alice.Calls()); left > 0 {
		t.Errorf("%d calls left", left)
	}
}

// oneOfMany is one call from alice to bob, whichever of bob's it is.
func oneOfMany(ctx context.Context, alice, bob *phone.Phone) error {
	a, err := alice.Call(ctx, "d-bob")
	if err != nil {
		return err
	}
	b, err := bob.Incoming(ctx)
	if err != nil {
		return err
	}
	if err := a.WaitTone(ctx, bobTone); err != nil {
		return err
	}
	if err := b.WaitTone(ctx, aliceTone); err != nil {
		return err
	}
	if _, err := a.Press(ctx, "12", phone.Press{Digit: 60 * time.Millisecond, Gap: 40 * time.Millisecond}); err != nil {
		return err
	}
	if a.Heard(aliceTone, time.Time{}) {
		return fmt.Errorf("%s: heard herself", a)
	}
	return a.Hangup(ctx)
}
