package recordings

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// An account's webhook is told of what has arrived, signed, as often as it takes.
func TestWebhook(t *testing.T) {
	web := newTaker(t, status(500), breaksOff, status(302, "Location", "/there"))
	l := newLab(t)
	l.hook = web.URL + "/hook?token=t0p"
	l.begin()
	e := l.record("acme/c/1", sound(3, 5000), calls.Delivery{})
	l.until("the webhook is told", func() bool { _, taken := web.requests(); return len(taken) == 1 })
	n, taken := web.requests()
	last := web.came[n-1]
	if n != 4 || last.Method != "POST" || last.URL.Path != "/there" || last.Header.Get("Webhook-Id") != e.ID {
		t.Errorf("%d requests, the last %s %s %v", n, last.Method, last.URL, last.Header)
	}
	var at time.Time
	var told struct {
		Type      string
		Timestamp time.Time
		Data      Metadata
	}
	if err := json.Unmarshal(taken[0], &told); err != nil || told.Type != "recording.delivered" || told.Timestamp.IsZero() {
		t.Errorf("%s: %v", taken[0], err)
	}
	if d := told.Data; d.ID != e.ID || d.State != Kept || d.From != "+49 30 1" || d.To != "1002" || d.DurationMS != 1500 || d.Size != 5000 || d.Recording != "acme/c/1" {
		t.Errorf("it is told %s", taken[0])
	}
	stamp := last.Header.Get("Webhook-Timestamp")
	if err := json.Unmarshal([]byte(stamp), new(int64)); err != nil {
		t.Error(err)
	}
	var seconds int64
	_ = json.Unmarshal([]byte(stamp), &seconds)
	at = time.Unix(seconds, 0)
	if want := signed(e.ID, at, secret, taken[0])["Webhook-Signature"]; last.Header.Get("Webhook-Signature") != want {
		t.Errorf("signature %q, want %q", last.Header.Get("Webhook-Signature"), want)
	}
	l.until("its tries are noted", func() bool { return l.entry("acme/c/1").Hook.Tries == 3 })
}

// A webhook that is gone is asked once; what was recorded has arrived all the same.
func TestWebhookGone(t *testing.T) {
	web := newTaker(t, repeat(status(http.StatusGone), 10)...)
	l := newLab(t)
	l.hook = web.URL
	l.begin()
	l.record("acme/c/1", sound(3, 5000), calls.Delivery{})
	l.until("it is noted", func() bool { e := l.entry("acme/c/1"); return e != nil && e.Hook.Tries == 1 && e.State == Kept })
	l.record("acme/c/2", sound(3, 5000), calls.Delivery{})
	l.until("the next is noted", func() bool { e := l.entry("acme/c/2"); return e != nil && e.Hook.Tries == 1 })
	if n, _ := web.requests(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// The signature is that of Standard Webhooks: this is the example of its specification's libraries.
func TestSigned(t *testing.T) {
	h := signed("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), secret, []byte(`{"test": 2432232314}`))
	if h["Webhook-Signature"] != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(h)
	}
	if _, is := signed("m", time.Unix(0, 0), "", nil)["Webhook-Signature"]; is {
		t.Error("it is signed without a secret")
	}
}
