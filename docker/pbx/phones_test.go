package pbx

import (
	"context"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// Each phone sends a tone of its own.
var tones = map[string]float64{"alice": 400, "bob": 900, "dave": 1300, "outside": 1700}

// register makes a phone of the lab that is registered.
func register(ctx context.Context, t *testing.T, server *Server, name string) *phone.Phone {
	t.Helper()
	p, err := phone.New(ctx, phone.Config{User: name, Password: server.Password(name), Server: server.SIPAddr, Tone: tones[name]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.Register(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPhones calls without the application: Dial() is what its calls are compared with.
func TestPhones(t *testing.T) {
	server := start(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	alice, bob, dave := register(ctx, t, server, "alice"), register(ctx, t, server, "bob"), register(ctx, t, server, "dave")
	outside := register(ctx, t, server, "outside")

	t.Run("call", func(t *testing.T) {
		bob.Behave(phone.Answer())
		a, err := alice.Call(ctx, "d-bob")
		must(t, err)
		b, err := bob.Incoming(ctx)
		must(t, err)
		if name, number := b.CallerID(); name != "Alice" || number != "1001" {
			t.Errorf("bob sees %q <%s>", name, number)
		}
		must(t, a.WaitTone(ctx, tones["bob"]))
		must(t, b.WaitTone(ctx, tones["alice"]))
		_, err = b.Press(ctx, "*9")
		must(t, err)
		must(t, a.WaitDigits(ctx, "*9"))
		must(t, b.Hold(ctx))
		must(t, a.WaitTone(ctx, ToneDefault))
		must(t, b.Unhold(ctx))
		must(t, a.WaitTone(ctx, tones["bob"]))
		must(t, b.Hangup(ctx))
		must(t, a.WaitEnded(ctx))
	})
	t.Run("extensions", func(t *testing.T) {
		a, err := outside.Call(ctx, "1234")
		must(t, err)
		must(t, a.WaitTone(ctx, ToneLab))
		must(t, a.Hangup(ctx))
		expect(t, server, "1234 from=1006 transferer= transferor=")
		for _, extension := range []string{"1999", "1995"} {
			if _, err := alice.Call(ctx, extension); err == nil || !strings.Contains(err.Error(), "486") {
				t.Errorf("%s is not busy: %v", extension, err)
			}
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		bob.Behave(phone.RingForever())
		a, err := alice.Call(ctx, "t5-bob") // the application is away
		must(t, err)
		must(t, a.WaitTone(ctx, 700))
		expect(t, server, "after exten=t5-bob ", "DIALSTATUS=NOANSWER", "STASISSTATUS=FAILED")
		must(t, a.Hangup(ctx))
		_, err = bob.Incoming(ctx)
		must(t, err)
	})
	t.Run("pickup", func(t *testing.T) {
		bob.Behave(phone.RingForever())
		dialled := make(chan error, 1)
		var a *phone.Call
		go func() {
			var err error
			a, err = alice.Call(ctx, "d-bob")
			dialled <- err
		}()
		b, err := bob.Incoming(ctx)
		must(t, err)
		must(t, b.WaitRinging(ctx))
		d, err := dave.Call(ctx, "*8")
		must(t, err)
		must(t, <-dialled)
		must(t, a.WaitTone(ctx, tones["dave"]))
		must(t, d.WaitTone(ctx, tones["alice"]))
		must(t, a.Hangup(ctx))
		must(t, d.WaitEnded(ctx))
		if _, err := outside.Call(ctx, "*8"); err == nil {
			t.Error("outside picked something up")
		}
	})
	for late := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		channels, err := server.Channels(ctx)
		must(t, err)
		if len(channels) == 0 {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("left over: %v", channels)
		}
	}
	for _, line := range server.Complaints() {
		if !strings.Contains(line, "app 'metaflows'") { // which is away
			t.Error(line)
		}
	}
}

func TestRegistrationsSurvive(t *testing.T) {
	server := start(t, Options{})
	register(t.Context(), t, server, "alice")
	time.Sleep(1500 * time.Millisecond) // Asterisk writes its database once a second
	for _, crash := range []bool{true, false} {
		if crash {
			server.Kill()
		}
		must(t, server.Restart(t.Context()))
		if online, err := server.Registered(t.Context(), "alice"); err != nil || !online {
			t.Errorf("after a restart (crash %v): registered %v, %v", crash, online, err)
		}
	}
}
