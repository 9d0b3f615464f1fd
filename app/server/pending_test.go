package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
)

// A stop with events that wait leaves them to the next start, which publishes them once. They wait since somebody else's
// stream has their subjects.
func TestStopWithWaitingEvents(t *testing.T) {
	external := brokertest.Start(t)
	nc, err := nats.Connect(external.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHERS", Subjects: []string{broker.PublishSubjects}}); err != nil {
		t.Fatal(err)
	}
	cfg := settingsFor(filepath.Join(t.TempDir(), "data"))
	cfg.NATS.URL = external.URL()
	l := start(t, cfg)
	accounts := []string{"one", "two", "three"}
	for _, account := range accounts {
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) { // NATS is connected beside the start
			status, answer := l.do("POST", "/v2/accounts/"+account+"/metaflows", document)
			if status == 200 {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatal(status, answer)
			}
		}
	}
	if err := l.stop(); err != nil {
		t.Fatal("events are lost:", err)
	}
	file := filepath.Join(cfg.DataDir, "events.pending")
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "OTHERS"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and the one after it publishes nothing again
		again := start(t, cfg)
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(file); os.IsNotExist(err) {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatal("the file is still there")
			}
		}
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
		s, err := js.Stream(t.Context(), broker.EventStream)
		if err != nil {
			t.Fatal(err)
		}
		if state := s.CachedInfo().State; state.Msgs != uint64(len(accounts)) {
			t.Errorf("%d events of %d", state.Msgs, len(accounts))
		}
	}
}
