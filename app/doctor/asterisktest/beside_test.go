package asterisktest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"metaflows/app/egress"
	"metaflows/app/server"
	"metaflows/docker/pbx"
)

// The doctor can be asked while metaflows runs: it takes nothing away from it.
func TestBesideMetaflows(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{})
	cfg.Node, cfg.NATS.Listen, cfg.HTTP.Addr, cfg.DataDir = "n1", "off", "127.0.0.1:0", t.TempDir()
	cfg.Events.MaxAge, cfg.Events.MaxBytes, cfg.BindingDigit, cfg.Absorb = time.Hour, 8<<20, "*", "armed"
	cfg.BlockedAddresses = egress.Default
	ctx, stop := context.WithCancel(context.Background())
	addresses := make(chan server.Addresses, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, cfg, server.Options{Listening: func(a server.Addresses) { addresses <- a }})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var url string
	select {
	case a := <-addresses:
		url = "http://" + a.HTTP + "/readyz"
	case err := <-ended:
		ended <- err
		t.Fatalf("metaflows has ended: %v", err)
	}
	ready := func() bool {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	for deadline := time.Now().Add(10 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("metaflows does not get ready")
		}
	}
	if healthy, _ := examine(t, asterisk, cfg); !healthy {
		t.Error("the doctor finds something")
	}
	for range 20 {
		if !ready() {
			t.Fatal("the doctor has disturbed metaflows")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
