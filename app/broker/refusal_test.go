package broker

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
)

// What NATS does not let us publish is tried again for ever: the log tells it some times, not each time.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	server := brokertest.WithAccounts(t, `accounts {A {users: [{user: a, password: a, permissions: {publish: {deny: ["no.>"]}}}]}}`)
	log := &logtest.Log{}
	b, err := Open(Config{
		URL:  (&url.URL{Scheme: "nats", User: url.UserPassword("a", "a"), Host: server.Addr()}).String(),
		Node: "n1", Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	nc := b.Events()
	answered := func() bool { return nc.FlushTimeout(time.Second) == nil }
	deadline := time.Now().Add(10 * time.Second)
	for !answered() { // until it is connected
		if time.Now().After(deadline) {
			t.Fatal(nc.LastError())
		}
		time.Sleep(10 * time.Millisecond)
	}
	const tries = 200
	for i := range tries {
		if err := nc.Publish(fmt.Sprint("no.", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	last := fmt.Sprintf("no.%d", tries-1)
	for !answered() || !strings.Contains(fmt.Sprint(nc.LastError()), last) { // until all are refused
		if time.Now().After(deadline) {
			t.Fatal(nc.LastError())
		}
	}
	told := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(told) }) // it comes after what is told of the refusals
	nc.Close()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection does not end")
	}
	if n := strings.Count(log.String(), "Permissions Violation"); n < 1 || n > 10 {
		t.Errorf("%d refusals of %d are told", n, tries)
	}
}
