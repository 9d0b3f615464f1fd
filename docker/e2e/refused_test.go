package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// ariConf changes ari.conf and loads it; again puts it back.
func (l *lab) ariConf(change func(text string) string) (again func()) {
	l.Helper()
	file := filepath.Join(l.Server.Dir, "etc", "ari.conf")
	was, err := os.ReadFile(file)
	l.must(err)
	write := func(text string) {
		l.Helper()
		l.must(os.WriteFile(file, []byte(text), 0o640))
		_, err := l.CLI("module reload res_ari.so")
		l.must(err)
	}
	write(change(string(was)))
	return func() { l.Helper(); write(string(was)) }
}

// rung is how long a call takes until the callee's phone rings; the call is ended then.
func (l *lab) rung(from *phone.Phone, target string, to *phone.Phone) time.Duration {
	l.Helper()
	to.Behave(phone.RingForever())
	began := time.Now()
	a, err := from.Dial(l.ctx, target)
	l.must(err)
	b := l.ringing(to)
	took := time.Since(began)
	l.must(a.Cancel(l.soon(5 * time.Second)))
	l.ended(b)
	to.Behave(phone.Answer())
	to.ForgetIncoming()
	return took
}

// ARI refuses everything while the websocket stays: metaflows says so and closes it, so that new calls are dialled by Dial() at
// once; who talks goes on; what is there when ARI answers again is taken up.
func TestARIRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, says string
		change     func(l *lab, text string) string
		obeys      bool // over the websocket
	}{
		{"another password", `refuses the ARI user \"metaflows\" or its password (401)`, func(l *lab, text string) string {
			return strings.ReplaceAll(text, l.ARIPassword, "another")
		}, false},
		{"enabled=no", "there is no ARI at this URL (404)", func(_ *lab, text string) string { return text + "\n[general](+)\nenabled = no\n" }, true},
		{"read_only=yes", "read_only = no", func(_ *lab, text string) string { return text + "\n[metaflows](+)\nread_only = yes\n" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := ownSystem(t)
			l := labOn(t, s)
			l.document("acme", wireCodes)
			alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
			mallory, outside := l.phone("mallory"), l.phone("outside")
			a, b := l.call(alice, "1002", bob)
			c, d := l.rings(carol, "1004", dave)
			plain := l.rung(mallory, "d-outside", outside)

			again := l.ariConf(func(text string) string { return tt.change(l, text) })
			began := time.Now()
			l.awaits(http.StatusServiceUnavailable, tt.says)
			l.asteriskSays("Deactivating Stasis app 'metaflows'")
			noticed := time.Since(began)
			if noticed > 6*time.Second {
				t.Errorf("the websocket is closed after %v", noticed)
			}
			fallback := l.rung(mallory, "1006", outside)
			t.Logf("closed after %v; a phone rings by the fallback line after %v, by plain Dial() after %v", noticed.Round(10*time.Millisecond), fallback.Round(time.Millisecond), plain.Round(time.Millisecond))
			if fallback > plain+200*time.Millisecond {
				t.Errorf("by the fallback line a phone rings after %v, by plain Dial() after %v", fallback, plain)
			}
			l.asteriskSays("app_dial.c", "PJSIP/outside")
			l.talk(a, b)
			if tt.obeys {
				l.asteriskSays("after exten=1004", "DIALSTATUS=CHANUNAVAIL")
				l.ended(d)
				l.ended(c)
			} else {
				l.must(d.Answer())
				l.talk(c, d)
			}
			if n := l.metrics()["metaflows_ari_refused_total"]; n < 1 {
				t.Errorf("metaflows_ari_refused_total is %v", n)
			}
			if n := strings.Count(l.log.String()[l.logged:], "msg=\"Asterisk refuses all requests"); n != 1 {
				t.Errorf("the log says so %d times", n)
			}

			again()
			t.Logf("ready %v after ARI answers", l.awaits(http.StatusOK).Round(10*time.Millisecond))
			l.press(b, "*0")
			l.ended(b)
			l.ended(a)
			if !tt.obeys {
				l.press(d, "*0")
				l.ended(d)
				l.ended(c)
			}
			e, f := l.call(carol, "1002", bob)
			l.press(f, "*0")
			l.ended(f)
			l.ended(e)
			l.nothingLeft()
		})
	}
}

// A call that enters when ARI refuses and that is not known yet lets it be known, and is dialled when ARI answers again.
func TestARIRefusesACall(t *testing.T) {
	t.Parallel()
	s := ownSystem(t)
	l := labOn(t, s)
	l.document("acme", wireCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	again := l.ariConf(func(text string) string { return strings.ReplaceAll(text, l.ARIPassword, "another") })
	a, err := alice.Dial(l.ctx, "1002")
	l.must(err)
	took := l.awaits(http.StatusServiceUnavailable, "(401)")
	t.Logf("noticed after %v", took.Round(10*time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("the refused request is noticed after %v", took)
	}
	for deadline := l.soon(20 * time.Second); l.metrics()["metaflows_calls"] != 0; { // it tries for some seconds to give the caller back
		select {
		case <-deadline.Done():
			t.Fatal("the call is not given up")
		case <-time.After(50 * time.Millisecond):
		}
	}
	again()
	l.awaits(http.StatusOK)
	b := l.incoming(bob)
	l.talk(a, b)
	l.press(b, "*0")
	l.ended(b)
	l.ended(a)
	l.nothingLeft()
}

// TestOfferedCalls: a line with StasisBroadcast, as asterisk-conf/README.md gives it, hands its calls to metaflows, and dials
// them itself after its time when metaflows hangs, is refused by Asterisk, or is away.
func TestOfferedCalls(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	o.document("acme", wireCodes)
	alice, bob, dave := o.phone("alice"), o.phone("bob"), o.phone("dave")
	plain := o.rung(alice, "d-bob", bob)
	codes := func() {
		t.Helper()
		a, b := o.call(alice, "offered-bob", bob)
		o.press(b, "*0")
		o.ended(b)
		o.ended(a)
	}
	dials := func(why string) {
		t.Helper()
		took := o.rung(alice, "offered-bob", bob)
		t.Logf("%s: the phone rings after %v, by plain Dial() after %v", why, took.Round(time.Millisecond), plain.Round(time.Millisecond))
		if took > plain+offerTime+300*time.Millisecond {
			t.Errorf("%s: the phone rings after %v", why, took)
		}
	}
	codes()
	o.must(o.program.Pause())
	dials("it hangs")
	o.must(o.program.Resume())
	codes()
	again := o.ariConf(func(text string) string { return strings.ReplaceAll(text, o.ARIPassword, "another") })
	dials("ARI refuses")
	again()
	o.awaits(http.StatusOK)
	codes()
	a, err := o.phone("carol").Call(o.soon(5*time.Second), "offered-dave")
	o.must(err)
	d := o.incoming(dave)
	o.program.Kill()
	dials("it is away")
	o.again()
	o.press(d, "*0") // of a call that was offered, and adopted
	o.ended(d)
	o.ended(a)
	codes()
	o.nothingLeft()
}

// offerTime is the time of StasisBroadcast in the lab's dialplan.
const offerTime = 500 * time.Millisecond
