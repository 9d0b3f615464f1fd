package asterisktest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"metaflows/ari"
	"metaflows/docker/pbx"
	"metaflows/flows/calls"
)

// stranger is a program that takes an ARI application's events and is no metaflows.
type stranger struct{}

func (stranger) Deliver(string, calls.Event) {}

// Another program has the application's name; then it has one of its own, which is its own affair.
func TestAnotherApplication(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{})
	connect := func(name string) (end func()) {
		t.Helper()
		client, err := ari.New(ari.Config{URL: cfg.ARI.URL, Username: cfg.ARI.Username, Password: cfg.ARI.Password, Application: name, Log: slog.New(slog.DiscardHandler), Handler: stranger{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = client.Run(ctx) }()
		for deadline := time.Now().Add(10 * time.Second); !client.Status().Connected; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the other program does not connect")
			}
		}
		return func() { cancel(); <-ended }
	}

	end := connect("metaflows")
	healthy, says := examine(t, asterisk, cfg)
	if end(); healthy {
		t.Error("nothing is missed")
	}
	wants(t, says, "MISSING the application metaflows is connected, but not by metaflows")

	end = connect("metaflow")
	defer end()
	healthy, says = examine(t, asterisk, cfg)
	if !healthy {
		t.Error("another application is no fault")
	}
	wants(t, says, "NOTE    the application metaflows is held by nobody now", "connected are metaflow (METAFLOWS_ARI_APPLICATION")
}
