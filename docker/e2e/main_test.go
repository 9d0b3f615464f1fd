package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/ari"
	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/flows"
)

type sink struct {
	mu sync.Mutex
	n  []flows.Notice
}

func (s *sink) Publish(n flows.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n = append(s.n, n)
	fmt.Printf("   EVENT %s %s path=%s collected=%s result=%s reason=%s dur=%d digits=%d ch=%s\n", n.Account, n.Type, n.Path, n.Collected, n.Result, n.Reason, n.Duration, n.Digits, n.Channel)
}

type late struct{ c *flows.Calls }

func (l *late) Deliver(id string, ev flows.Event) {
	if os.Getenv("EV") != "" {
		fmt.Printf("      ev %s %T %+v\n", id, ev, ev)
	}
	l.c.Deliver(id, ev)
}

func TestFirst(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	srv, err := pbx.Start(ctx, pbx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l := &late{}
	client, err := ari.New(ari.Config{URL: srv.ARIURL, Username: srv.ARIUser, Password: srv.ARIPassword, Application: "metaflows", Log: log, Handler: l})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := flows.ParseDocument([]byte(`{"binding_digit":"*","numbers":{"9":{"module":"record_call"},"0":{"module":"hangup"}},"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":4}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	eff := flows.Merge(flows.Settings{BindingDigit: '*', DigitTimeout: 800 * time.Millisecond}, doc, nil, nil)
	set := actions.New(actions.Config{PBX: client, Log: log, RecordingMax: time.Hour})
	calls := flows.NewCalls(flows.CallsConfig{Line: client, Publisher: &sink{}, Modules: set.Modules(), Log: log, Absorb: true, Enter: set.Enter, Failed: set.Failed,
		Effective: func(o flows.Owner) *flows.Effective { return eff }})
	l.c = calls
	go client.Run(ctx)
	for !client.Status().Connected {
		time.Sleep(10 * time.Millisecond)
	}
	mk := func(name string, tone float64) *phone.Phone {
		p, err := phone.New(ctx, phone.Config{User: name, Password: srv.Password(name), Server: srv.SIPAddr, Tone: tone})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Register(ctx); err != nil {
			t.Fatal(err)
		}
		return p
	}
	alice, bob := mk("alice", 440), mk("bob", 600)
	defer alice.Close()
	defer bob.Close()
	bob.Behave(phone.Answer())
	must := func(err error) {
		t.Helper()
		if err != nil {
			fmt.Println(srv.CLI("core show channels"))
			t.Fatal(err)
		}
	}
	ac, err := alice.Call(ctx, "1002")
	must(err)
	bc, err := bob.Incoming(ctx)
	must(err)
	must(ac.WaitTone(ctx, 600))
	must(bc.WaitTone(ctx, 440))
	press := func(c *phone.Call, k string) {
		fmt.Println("PRESS", k)
		_, err := c.Press(ctx, k)
		must(err)
	}
	press(bc, "*9")
	time.Sleep(time.Second)
	press(bc, "*9")
	time.Sleep(500 * time.Millisecond)
	fmt.Println("alice heard", ac.Digits())
	press(bc, "*55")
	time.Sleep(1500 * time.Millisecond)
	fmt.Println("alice heard", ac.Digits())
	press(bc, "*21234")
	must(ac.WaitTone(ctx, 523))
	must(bc.WaitEnded(ctx))
	must(ac.Hangup(ctx))
	for i := 0; i < 100 && calls.Len() > 0; i++ {
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Println(srv.Channels(ctx))
	fmt.Println(srv.Bridges(ctx))
	fmt.Println(srv.Complaints())
}
