package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
	"metaflows/app/config"
)

// arrived is what a server was sent.
type arrived struct {
	*http.Request
	body []byte
}

// A recording is sent to the URL of its node when it is over, without one it is in the object store; and it is not in
// Asterisk's folder any more.
func TestRecordingArrives(t *testing.T) {
	came, hooks := make(chan arrived, 1), make(chan arrived, 2)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/hook" {
			hooks <- arrived{r, body}
			return
		}
		came <- arrived{r, body}
	}))
	defer web.Close()
	s, err := newSystem(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.nats = brokertest.Start(t)
	s.set = func(c *config.Config) { c.BlockedAddresses, c.Recording.Keep = "none", "no" }
	if err := s.startApplication(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	l := labOn(t, s)
	l.document("acme", fmt.Sprintf(`{"numbers":{"9":{"module":"record_call","data":{"url":"%s/in?token=t0p"}},"8":{"module":"record_call"}}}`, web.URL))
	status, answer, err := l.request(http.MethodPut, "/v2/accounts", fmt.Sprintf(`{"data":{"id":"acme","name":"Acme","webhook_url":"%s/hook","webhook_secret":"%s"}}`, web.URL, base64.StdEncoding.EncodeToString(make([]byte, 24))))
	l.must(err)
	if status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	record := func(key string, n int) event {
		l.press(b, "*"+key)
		l.event("recording.started", n)
		l.heldFor(a, b, time.Second)
		l.press(b, "*"+key)
		return l.event("recording.stored", n)
	}

	sent := record("9", 1)
	if n := l.event("recording.delivered", 1); n.Recording != sent.Recording || n.Result != "delivered" || n.Call != sent.Call {
		t.Errorf("recording.delivered says %+v", n)
	}
	got := <-came
	sum := sha256.Sum256(got.body)
	if got.Method != http.MethodPut || got.Header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		t.Errorf("%s %v", got.Method, got.Header)
	}
	q := got.URL.Query()
	for name, want := range map[string]string{
		"token": "t0p", "recording": "call_recording_" + q.Get("recording_id") + ".wav", "from": "1001", "to": "1002", "account_id": "acme", "owner_id": "bob",
		"call_id": sent.Channel, "cdr_id": sent.UniqueID, "interaction_id": sent.LinkedID, "duration_ms": fmt.Sprint(sent.Duration),
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q: %s", name, q.Get(name), want, got.URL.RawQuery)
		}
	}
	if seconds := float64(len(got.body)-44) / 2 / rate; seconds < 1 || seconds > 5 || !bytes.HasPrefix(got.body, []byte("RIFF")) {
		t.Errorf("%d bytes arrive", len(got.body))
	}

	kept := record("8", 2)
	if n := l.event("recording.delivered", 2); n.Recording != kept.Recording || n.Result != "kept" {
		t.Errorf("recording.delivered says %+v", n)
	}
	conn, err := s.nats.Connect()
	l.must(err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	l.must(err)
	store, err := js.ObjectStore(l.ctx, "metaflows_recordings")
	l.must(err)
	objects, err := store.List(l.ctx)
	l.must(err)
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	object, err := store.GetBytes(l.ctx, objects[0].Name)
	l.must(err)
	if seconds := float64(len(object)-44) / 2 / rate; seconds < 1 || seconds > 5 || !bytes.HasPrefix(object, []byte("RIFF")) {
		t.Errorf("%d bytes are in the object store", len(object))
	}
	id := strings.TrimSuffix(strings.TrimPrefix(objects[0].Name, "acme."), ".wav")
	status, answer, err = l.request(http.MethodGet, "/v2/accounts/acme/recordings/"+id+"?accept=audio/wav", "")
	l.must(err)
	if status != http.StatusOK || answer != string(object) {
		t.Errorf("GET gives %d, %d bytes of %d", status, len(answer), len(object))
	}
	l.event("recording.played", 1)
	for range 2 {
		select {
		case h := <-hooks:
			if !bytes.Contains(h.body, []byte(`"type":"recording.delivered"`)) || h.Header.Get("Webhook-Signature") == "" {
				t.Errorf("the webhook is told %s %v", h.body, h.Header)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the webhook is not told")
		}
	}
	for _, n := range []event{sent, kept} {
		if _, err := os.Stat(filepath.Join(l.RecordingDir, n.Recording+".wav")); !os.IsNotExist(err) {
			t.Errorf("%s is in Asterisk's folder still: %v", n.Recording, err)
		}
	}
	l.hangUp(a)
	l.ended(b)
	l.finished()
}
