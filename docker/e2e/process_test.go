package e2e

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"metaflows/app/broker/brokertest"
	"metaflows/app/server"
	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// own is a system of one test's own, whose metaflows is a process that can be killed.
type own struct {
	*lab
	program *program.Program
}

// built is the program, made once for all tests.
var built = sync.OnceValues(func() (string, error) {
	file := filepath.Join(shared.dir, "metaflows")
	return file, program.Build(context.Background(), file)
})

// ownProcess starts an Asterisk with the program beside it.
func ownProcess(t *testing.T) *own {
	t.Helper()
	return ownNode(t, "lab", nil)
}

// ownNode is ownProcess for an Asterisk node of that name, on an external NATS unless that is nil.
func ownNode(t *testing.T, node string, external *brokertest.Server) *own {
	t.Helper()
	return ownNodeOf(t, asteriskOptions(), node, external)
}

// ownNodeOf is ownNode for an Asterisk of other options and a program of other settings.
func ownNodeOf(t *testing.T, asterisk pbx.Options, node string, external *brokertest.Server, env ...string) *own {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	options := program.Options{Binary: binary, Node: node, Env: env}
	if external != nil {
		options.Env = append(options.Env, "METAFLOWS_NATS_URL="+external.URL())
	}
	r, err := rig.Start(t.Context(), rig.Options{Asterisk: asterisk, Program: options})
	if err != nil {
		t.Fatal(err)
	}
	s := &system{Server: r.Asterisk, nats: external, wake: make(chan struct{}), end: func() error { return r.Program.Stop() }}
	s.Addresses = server.Addresses{
		HTTP: r.Program.API, NATS: r.Program.NATS,
		AdminTokenFile: filepath.Join(r.Program.Data, "admin.token"), AuditPasswordFile: filepath.Join(r.Program.Data, "audit.password"),
	}
	t.Cleanup(func() { _ = s.stop() })
	if s.token, err = r.Program.Secret("admin.token"); err != nil {
		t.Fatal(err)
	}
	if err := s.ready(); err != nil {
		t.Fatal(err)
	}
	o := &own{lab: labOn(t, s), program: r.Program}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of metaflows' log:\n%s", program.Tail(r.Program.LogPath, 60))
		}
	})
	return o
}

// again starts metaflows again and reads the events anew.
func (o *own) again() {
	o.Helper()
	o.reader.Stop()
	o.audit.Close()
	ctx, cancel := context.WithTimeout(o.ctx, 20*time.Second)
	defer cancel()
	o.must(o.program.Restart(ctx))
	o.mu.Lock()
	o.seen = nil
	o.mu.Unlock()
	o.must(o.ready())
}

// channels waits until Asterisk has so many channels.
func (o *own) channels(n int, within time.Duration) {
	o.Helper()
	ctx := o.soon(within)
	for {
		channels, err := o.Channels(o.ctx)
		o.must(err)
		if len(channels) == n {
			return
		}
		select {
		case <-ctx.Done():
			o.Fatalf("after %v there are channels %v, want %d", within, channels, n)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ringing lets a phone call an extension whose callee only rings, and returns both sides.
func (o *own) ringing(from *phone.Phone, extension string, to *phone.Phone) (a, b *phone.Call) {
	o.Helper()
	a, err := from.Dial(o.ctx, extension)
	o.must(err)
	b, err = to.Incoming(o.soon(5 * time.Second))
	o.must(err)
	o.must(b.WaitRinging(o.soon(5 * time.Second)))
	o.must(a.WaitRinging(o.soon(5 * time.Second)))
	return a, b
}
