package phone_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// The tones of alice and bob in all tests.
const aliceTone, bobTone = 400.0, 700.0

// newPhone makes a phone that ends with the test.
func newPhone(t *testing.T, cfg phone.Config) *phone.Phone {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	p, err := phone.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// pair makes alice and bob, where bob behaves in a certain way.
func pair(t *testing.T, bobDoes phone.Behaviour) (alice, bob *phone.Phone) {
	t.Helper()
	return newPhone(t, phone.Config{User: "alice", Tone: aliceTone}),
		newPhone(t, phone.Config{User: "bob", Tone: bobTone, OnInvite: bobDoes})
}

// soon bounds a step of a test.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// check fails the test on an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect lets alice call bob, who answers.
func connect(t *testing.T, alice, bob *phone.Phone) (a, b *phone.Call) {
	t.Helper()
	a, err := alice.Call(soon(t), bob.URI())
	check(t, err)
	b, err = bob.Incoming(soon(t))
	check(t, err)
	return a, b
}

func TestCallAndTones(t *testing.T) {
	alice, bob := pair(t, phone.AnswerAfter(20*time.Millisecond))
	a, b := connect(t, alice, bob)
	check(t, a.WaitTone(soon(t), bobTone))
	check(t, b.WaitTone(soon(t), aliceTone))
	if a.Hears(aliceTone) || b.Hears(bobTone) {
		t.Error("a phone hears itself")
	}
	check(t, a.WaitRinging(soon(t)))
	if code, _ := a.Status(); code != 200 {
		t.Errorf("status %d after the answer", code)
	}
	if _, number := b.CallerID(); number != "alice" {
		t.Errorf("caller id %q", number)
	}
	check(t, a.Hangup(soon(t)))
	check(t, b.WaitEnded(soon(t)))
	if end, _ := b.HowEnded(); end.By != phone.Remote || end.Cancelled {
		t.Errorf("bob's call ended by %+v", end)
	}
	if !a.Heard(bobTone, time.Time{}) || a.Heard(1000, time.Time{}) {
		t.Error("what was heard is forgotten or invented")
	}
	if a.Hears(bobTone) {
		t.Error("heard after the end")
	}
}

func TestCalleeHangsUp(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	check(t, b.Hangup(soon(t)))
	check(t, a.WaitEnded(soon(t)))
	if end, _ := a.HowEnded(); end.By != phone.Remote {
		t.Errorf("alice's call ended by %+v", end)
	}
	if len(alice.Calls())+len(bob.Calls()) > 0 {
		t.Error("calls left")
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		does    phone.Behaviour
		code    int
		cause   int
		contact string
	}{
		"busy":     {does: phone.Busy(), code: 486},
		"decline":  {does: phone.Reject(603), code: 603},
		"redirect": {does: phone.Redirect("sip:carol@127.0.0.1:5999"), code: 302, contact: "sip:carol@127.0.0.1:5999"},
		"cause": {does: phone.Behaviour{Code: 480, Ringing: true, After: 20 * time.Millisecond,
			Headers: []phone.Header{{Name: "Reason", Value: `Q.850;cause=19;text="no answer"`}}}, code: 480, cause: 19},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := pair(t, tt.does)
			_, err := alice.Call(soon(t), bob.URI())
			var rejected *phone.Rejected
			if !errors.As(err, &rejected) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if rejected.Code != tt.code || rejected.Cause != tt.cause || rejected.Contact != tt.contact {
				t.Errorf("refused with %+v", rejected)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	alice, bob := pair(t, phone.RingForever())
	a, err := alice.Dial(soon(t), bob.URI(), phone.WithHeader("X-Queue", "sales"), phone.WithCallerID("Alice A", "5551"))
	check(t, err)
	check(t, a.WaitRinging(soon(t)))
	b, err := bob.Incoming(soon(t))
	check(t, err)
	check(t, a.Cancel(soon(t)))
	check(t, b.WaitEnded(soon(t)))
	if end, _ := b.HowEnded(); !end.Cancelled || end.By != phone.Remote {
		t.Errorf("bob's call ended by %+v", end)
	}
	if end, _ := a.HowEnded(); !end.Cancelled || end.By != phone.Local {
		t.Errorf("alice's call ended by %+v", end)
	}
	if code, _ := a.Status(); code != 487 {
		t.Errorf("status %d", code)
	}
	if b.Header("x-queue") != "sales" {
		t.Errorf("headers %v", b.Headers())
	}
	if name, number := b.CallerID(); name != "Alice A" || number != "5551" {
		t.Errorf("caller id %q %q", name, number)
	}
	if err := b.Answer(); err == nil {
		t.Error("a cancelled call was answered")
	}
}

func TestCallTimesOut(t *testing.T) {
	alice, bob := pair(t, phone.RingForever())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := alice.Call(ctx, bob.URI())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "180 Ringing") {
		t.Errorf("got %v", err)
	}
	b, err := bob.Incoming(soon(t))
	check(t, err)
	check(t, b.WaitEnded(soon(t)))
}

func TestManual(t *testing.T) {
	alice, bob := pair(t, phone.Manual())
	a, err := alice.Dial(soon(t), bob.URI())
	check(t, err)
	b, err := bob.Incoming(soon(t))
	check(t, err)
	check(t, b.Ring())
	check(t, a.WaitRinging(soon(t)))
	check(t, b.Answer())
	check(t, a.WaitAnswered(soon(t)))

	a, err = alice.Dial(soon(t), bob.URI())
	check(t, err)
	b, err = bob.Incoming(soon(t))
	check(t, err)
	check(t, b.Reject(404))
	var rejected *phone.Rejected
	if err := a.WaitAnswered(soon(t)); !errors.As(err, &rejected) || rejected.Code != 404 {
		t.Errorf("got %v", err)
	}
}

func TestEarlyMedia(t *testing.T) {
	alice, bob := pair(t, phone.EarlyMedia(time.Second))
	a, err := alice.Dial(soon(t), bob.URI())
	check(t, err)
	check(t, a.WaitEarlyMedia(soon(t)))
	check(t, a.WaitTone(soon(t), bobTone))
	select {
	case <-a.Answered():
		t.Error("tone only after the answer")
	default:
	}
	b, err := bob.Incoming(soon(t))
	check(t, err)
	check(t, b.WaitTone(soon(t), aliceTone))
	check(t, a.WaitAnswered(soon(t)))
}

func TestHold(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	check(t, b.WaitTone(soon(t), aliceTone))
	check(t, a.WaitTone(soon(t), bobTone))
	check(t, a.Hold(soon(t)))
	if !b.Held() {
		t.Error("bob does not know")
	}
	check(t, b.WaitNoTone(soon(t), aliceTone))
	check(t, a.WaitNoTone(soon(t), bobTone))
	if _, err := b.Press(soon(t), "1"); err == nil {
		t.Error("a held phone sent a digit")
	}
	check(t, a.Unhold(soon(t)))
	check(t, b.WaitTone(soon(t), aliceTone))
	check(t, a.WaitTone(soon(t), bobTone))
	check(t, b.Hangup(soon(t)))
}

func TestCloseLeavesNothing(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	check(t, a.WaitTone(soon(t), bobTone))
	bob.Behave(phone.RingForever())
	other, err := alice.Dial(soon(t), bob.URI())
	check(t, err)
	check(t, other.WaitRinging(soon(t)))
	check(t, alice.Close())
	check(t, b.WaitEnded(soon(t)))
	check(t, bob.Close())
	if _, err := alice.Dial(soon(t), bob.URI()); err == nil {
		t.Error("a closed phone dials")
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		stacks := goroutines()
		if stacks == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines left:\n%s", stacks)
		}
		runtime.Gosched()
	}
}

// goroutines returns the stacks of those that belong to phones.
func goroutines() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if !strings.Contains(g, "testing.tRunner") && (strings.Contains(g, "docker/phone.") || strings.Contains(g, "sipgo")) {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// TestManyCalls has twenty calls at once in one process: nobody hears a tone
// that is not his peer's, and every digit arrives.
func TestManyCalls(t *testing.T) {
	var all sync.WaitGroup
	for i := range 20 {
		tone := 300 + 100*float64(i)
		alice := newPhone(t, phone.Config{User: "alice", Tone: tone})
		bob := newPhone(t, phone.Config{User: "bob", Tone: tone + 50})
		all.Go(func() {
			if err := talk(soon(t), alice, bob, tone); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// talk is one of many calls.
func talk(ctx context.Context, alice, bob *phone.Phone, tone float64) error {
	a, err := alice.Call(ctx, bob.URI())
	if err != nil {
		return err
	}
	b, err := bob.Incoming(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(a.WaitTone(ctx, tone+50), b.WaitTone(ctx, tone)); err != nil {
		return err
	}
	if _, err := a.Press(ctx, "*55", phone.Press{Digit: 60 * time.Millisecond, Gap: 40 * time.Millisecond}); err != nil {
		return err
	}
	if err := b.WaitDigits(ctx, "*55"); err != nil {
		return err
	}
	for i := range 20 {
		other := 300 + 100*float64(i)
		if other != tone && b.Heard(other, time.Time{}) {
			return fmt.Errorf("%s: heard %g Hz of another call", b, other)
		}
	}
	return a.Hangup(ctx)
}

func TestCallsItself(t *testing.T) {
	alice := newPhone(t, phone.Config{User: "alice", Tone: aliceTone})
	a, b := connect(t, alice, alice)
	check(t, a.WaitTone(soon(t), aliceTone))
	check(t, b.Hangup(soon(t)))
	check(t, a.WaitEnded(soon(t)))
}

func TestUnansweredServer(t *testing.T) {
	mute, err := net.ListenPacket("udp4", "127.0.0.1:0")
	check(t, err)
	defer mute.Close()
	alice := newPhone(t, phone.Config{User: "alice", Server: mute.LocalAddr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := alice.Register(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("register: %v", err)
	}
	if _, err := alice.Call(ctx, "1234"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("call: %v", err)
	}
}

func TestContextClosesPhone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := phone.New(ctx, phone.Config{User: "alice"})
	check(t, err)
	cancel()
	if _, err := p.Incoming(soon(t)); err == nil || soon(t).Err() != nil {
		t.Errorf("got %v", err)
	}
	check(t, p.Close())
}

func TestRingingPhoneIsSilent(t *testing.T) {
	alice, bob := pair(t, phone.RejectAfter(486, 300*time.Millisecond))
	a, err := alice.Dial(soon(t), bob.URI())
	check(t, err)
	check(t, a.WaitEnded(soon(t)))
	b, err := bob.Incoming(soon(t))
	check(t, err)
	if n := a.RTP().Packets + b.RTP().Packets; n > 0 {
		t.Errorf("%d packets before the answer", n)
	}
}
