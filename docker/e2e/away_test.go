package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// The application stops: calls go on talking, nobody is left over when they end, and new calls go through by Dial().
func TestApplicationAway(t *testing.T) {
	t.Parallel()
	s := ownSystem(t)
	l := labOn(t, s)
	alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
	mallory, outside := l.phone("mallory"), l.phone("outside")

	a, b := l.call(alice, "1002", bob)
	c, d := l.call(carol, "1004", dave)
	l.press(b, "*") // armed: absorb is on when it stops
	outside.Behave(phone.RingForever())
	m, err := mallory.Dial(l.ctx, "1006")
	l.must(err)
	o, err := outside.Incoming(l.soon(5 * time.Second))
	l.must(err)
	l.must(o.WaitRinging(l.soon(5 * time.Second)))
	l.must(m.WaitRinging(l.soon(5 * time.Second)))

	l.must(s.end())
	l.talk(a, b)
	l.talk(c, d)

	l.hangUp(a) // the caller hangs up
	l.ended(b)
	l.hangUp(d) // the callee hangs up
	l.ended(c)
	l.must(m.Cancel(l.soon(5 * time.Second))) // a caller gives up
	l.ended(o)

	a, b = l.call(alice, "1002", bob)
	l.asteriskSays("app_dial.c", "PJSIP/bob")
	l.hangUp(b)
	l.ended(a)
	ctx := l.soon(5 * time.Second)
	for {
		channels, err := l.Channels(ctx)
		l.must(err)
		if len(channels) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("channels are left: %v", channels)
		case <-time.After(20 * time.Millisecond):
		}
	}

	// Started again: the bridges that were left are removed, and codes work.
	s.reader.Stop()
	s.audit.Close()
	l.must(s.startApplication(context.Background(), nil))
	l.nothingLeft()
	status, body, err := l.request(http.MethodPost, "/v2/accounts/acme/metaflows", `{"data":`+twoCodes+`}`)
	if err != nil || status != http.StatusOK {
		t.Fatal(status, body, err)
	}
	a, b = l.call(alice, "1002", bob)
	l.press(b, "*0")
	l.ended(b)
	l.ended(a)

	// Who has picked a call up ends with the other party, too.
	bob.Behave(phone.RingForever())
	bob.ForgetIncoming()
	a, err = alice.Dial(l.ctx, "1002")
	l.must(err)
	l.must(a.WaitRinging(l.soon(5 * time.Second)))
	d, err = dave.Call(l.soon(5*time.Second), "*8")
	l.must(err)
	l.talk(a, d)
	l.press(d, "*5") // the application has caught up with the pickup when the other party hears this
	l.gets(a, "*5")
	l.must(s.end())
	l.hangUp(d)
	l.ended(a)
}
