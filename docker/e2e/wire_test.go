package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

const wireCodes = `{"numbers":{"0":{"module":"hangup"},"9":{"module":"record_call"}},"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":2}},"3(\\d{4})":{"module":"transfer"}}}`

// wired is a system whose wire to Asterisk can be cut, with codes for everybody.
func wired(t *testing.T, fault func(http.ResponseWriter, *http.Request) bool) (*system, *relay) {
	t.Helper()
	s, err := newSystem(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := relayTo(t, s.ARIURL)
	s.ari = r.URL
	if err := s.startApplication(context.Background(), fault); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	for _, account := range []string{"acme", "evil"} {
		if status, body, err := s.request(http.MethodPost, "/v2/accounts/"+account+"/metaflows", `{"data":`+wireCodes+`}`); err != nil || status != http.StatusOK {
			t.Fatal(status, body, err)
		}
	}
	return s, r
}

// awaits waits until /readyz is as wanted, and says how long that took.
func (l *lab) awaits(status int, words ...string) time.Duration {
	l.Helper()
	began := time.Now()
	deadline := l.soon(20 * time.Second)
	for {
		got, body, err := l.request(http.MethodGet, "/readyz", "")
		l.must(err)
		as := got == status
		for _, w := range words {
			as = as && strings.Contains(body, w)
		}
		if as {
			return time.Since(began)
		}
		select {
		case <-deadline.Done():
			l.Fatalf("/readyz says %d %s, want %d with %q", got, body, status, words)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// noticed waits until a cut is noticed, which must not take longer than five seconds.
func (l *lab) noticed() {
	l.Helper()
	took := l.awaits(http.StatusServiceUnavailable, `"asterisk":{"ok":false`)
	l.Logf("the cut is noticed after %v", took.Round(10*time.Millisecond))
	if took > 5*time.Second {
		l.Errorf("the cut is noticed after %v, want 5 s at most", took)
	}
}

// mended mends the wire and waits until everything is connected again.
func (l *lab) mended(r *relay) {
	l.Helper()
	r.mend()
	l.Logf("ready %v after the wire was mended", l.awaits(http.StatusOK).Round(10*time.Millisecond))
}

// rings dials and returns both sides when the callee's phone rings.
func (l *lab) rings(from *phone.Phone, target string, to *phone.Phone) (a, b *phone.Call) {
	l.Helper()
	to.Behave(phone.RingForever())
	a, err := from.Dial(l.ctx, target)
	l.must(err)
	b = l.ringing(to)
	l.must(a.WaitRinging(l.soon(5 * time.Second)))
	return a, b
}

// ringing is the next call that a phone gets, not answered.
func (l *lab) ringing(p *phone.Phone) *phone.Call {
	l.Helper()
	c, err := p.Incoming(l.soon(10 * time.Second))
	l.must(err)
	l.must(c.WaitRinging(l.soon(5 * time.Second)))
	return c
}

// The wire is cut without a word while calls talk and ring: they live through it with all that runs on them.
func TestWireCutCallsLive(t *testing.T) {
	t.Parallel()
	s, wire := wired(t, nil)
	l := labOn(t, s)
	alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
	mallory, outside := l.phone("mallory"), l.phone("outside")

	a, b := l.call(alice, "1002", bob)
	c, d := l.call(carol, "1004", dave)
	outside.Behave(phone.RingForever())
	l.press(d, "*31006")
	o := l.ringing(outside)
	l.hears(c, ringing)
	l.ended(d)
	m, e := l.rings(mallory, "1004", dave)

	wire.cut()
	l.noticed()
	l.talk(a, b)
	l.must(o.Answer()) // the transfer's target
	l.talk(c, o)
	l.must(e.Answer()) // a callee
	l.talk(m, e)
	l.mended(wire)

	l.talk(a, b)
	l.press(b, "5")
	l.gets(a, "5")
	l.press(b, "*0")
	l.ended(b)
	l.ended(a)

	if e := l.event("transfer.completed", 1); e.Result != "completed" {
		t.Errorf("transfer.completed says %+v", e.Notice)
	}
	l.talk(c, o)
	l.hangUp(o)
	l.ended(c)

	if got := len(l.all("call.answered")); got != 5 { // four calls, one of them of two accounts
		t.Errorf("call.answered came %d times", got)
	}
	l.press(e, "*0")
	l.ended(e)
	l.ended(m)
	l.nothingLeft()
}

// What ends in the gap is ended at the reconnect at the latest.
func TestWireCutCallsEnd(t *testing.T) {
	t.Parallel()
	s, wire := wired(t, nil)
	l := labOn(t, s)
	alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
	mallory, outside := l.phone("mallory"), l.phone("outside")

	a, b := l.call(alice, "g-bob", bob)
	l.press(b, "*9", quick)
	l.event("recording.started", 1)
	c, d := l.call(carol, "1004", dave)
	m, o := l.call(mallory, "1006", outside)
	l.press(m, "*21998") // rings for two seconds
	l.ended(m)
	l.hears(o, ringing)

	wire.cut()
	l.hangUp(b)
	l.hangUp(d)
	l.ended(c) // by its hangup handler
	l.noticed()
	l.mended(wire)

	l.hears(a, afterTone) // option g: it goes on in the dialplan
	l.asteriskSays("after exten=g-bob", "DIALSTATUS=ANSWER")
	l.ended(a)
	if e := l.event("recording.stored", 1); e.Reason != "call_ended" {
		t.Errorf("recording.stored says %q", e.Reason)
	}
	m = l.incoming(mallory)
	l.talk(m, o)
	if e := l.event("transfer.returned", 1); e.Result != "returned" {
		t.Errorf("transfer.returned says %+v", e.Notice)
	}
	l.press(m, "*0")
	l.ended(m)
	l.ended(o)
	l.event("call.ended", 3)
	l.nothingLeft()
}

// Somebody gives up, or is given up, while it rings in the gap.
func TestWireCutWhileItRings(t *testing.T) {
	t.Parallel()
	s, wire := wired(t, nil)
	l := labOn(t, s)
	alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
	mallory, outside := l.phone("mallory"), l.phone("outside")

	a, b := l.rings(alice, "1002", bob)
	c, d := l.rings(carol, "1004", dave)
	m, o := l.call(mallory, "1006", outside)
	outside.Behave(phone.RingForever())

	wire.cut()
	l.must(a.Cancel(l.soon(5 * time.Second)))
	l.ended(b)
	l.must(d.Reject(486))
	l.noticed()
	l.talk(m, o)
	l.mended(wire)

	l.hears(c, afterTone)
	l.asteriskSays("after exten=1004") // by DIALSTATUS; the cause was told in the gap
	l.ended(c)
	reasons := map[string]int{}
	for n := range 2 {
		reasons[l.event("call.ended", n+1).Reason]++
	}
	if reasons["cancelled"] != 1 {
		t.Errorf("the calls ended with %v, want one of them cancelled", reasons)
	}
	l.press(o, "5")
	l.gets(m, "5")
	l.hangUp(m)
	l.ended(o)
	l.nothingLeft()
}

// A leg that somebody else gives back to the dialplan goes on there and is no leg any more: the other ends, also if it was
// done in a gap.
func TestALegIsTakenAway(t *testing.T) {
	t.Parallel()
	s, wire := wired(t, nil)
	l := labOn(t, s)
	for _, cut := range []bool{false, true} {
		for _, taken := range []string{"alice", "bob"} {
			t.Run(fmt.Sprintf("%s, wire cut: %v", taken, cut), func(t *testing.T) {
				l := labOn(t, s)
				a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
				gone, left := a, b
				if taken == "bob" {
					gone, left = b, a
				}
				if cut {
					wire.cut()
				}
				l.takeAway(taken, "1234")
				if cut {
					l.noticed()
					l.mended(wire)
				}
				l.ended(left)
				l.event("call.ended", 1)
				l.hears(gone, music1234)
				l.hangUp(gone)
			})
		}
	}
	l.nothingLeft()
}

// A leg that Asterisk takes out of its bridge, though metaflows holds it to be there (a request of a transfer that was undone is
// carried out late), is put into it again.
func TestALegIsPutBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	bridge, channel := l.bridgeOf("bob"), l.channelOf("bob")
	// It is out when that has been answered.
	l.post("/bridges/" + bridge + "/removeChannel?channel=" + url.QueryEscape(channel))
	for deadline := l.soon(5 * time.Second); l.bridgeOf("bob") != bridge; {
		select {
		case <-deadline.Done():
			t.Fatal("it is not put back")
		case <-time.After(20 * time.Millisecond):
		}
	}
	l.talk(a, b)
	l.hangUp(a)
	l.ended(b)
	l.nothingLeft()
}

// bridgeOf is the bridge that a phone's channel is in, "" for none.
func (l *lab) bridgeOf(phone string) string {
	l.Helper()
	channel := l.channelOf(phone)
	_, text, err := l.ask("/bridges")
	l.must(err)
	var bridges []struct {
		ID       string
		Channels []string
	}
	l.must(json.Unmarshal([]byte(text), &bridges))
	for _, b := range bridges {
		if slices.Contains(b.Channels, channel) {
			return b.ID
		}
	}
	return ""
}

// takeAway gives a phone's channel back to the dialplan, as another client of ARI may.
func (l *lab) takeAway(phone, extension string) {
	l.Helper()
	l.post("/channels/" + url.PathEscape(l.channelOf(phone)) + "/continue?context=acme&priority=1&extension=" + extension)
}

// post is a request of another client of ARI.
func (l *lab) post(what string) {
	l.Helper()
	r, err := http.NewRequestWithContext(l.ctx, http.MethodPost, l.ARIURL+what, nil)
	l.must(err)
	r.SetBasicAuth(l.ARIUser, l.ARIPassword)
	if status, text, err := send(r); err != nil || status != http.StatusNoContent {
		l.Fatalf("%s: %d %s %v", what, status, text, err)
	}
}
