package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"metaflows/docker/phone"
)

// registrar accepts each REGISTER, and gives its port.
func registrar(t *testing.T) int {
	t.Helper()
	ua, err := sipgo.NewUA()
	if err != nil {
		t.Fatal(err)
	}
	srv, err := sipgo.NewServer(ua)
	if err != nil {
		t.Fatal(err)
	}
	srv.OnRegister(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
	})
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.ServeUDP(socket) }()
	t.Cleanup(func() { ua.Close(); socket.Close() })
	return socket.LocalAddr().(*net.UDPAddr).Port
}

// Whoever has called one of the phones goes on talking when they begin their next call.
func TestPhonesStay(t *testing.T) {
	s := settings{Addr: "127.0.0.1", Asterisk: "127.0.0.1", SIPPort: registrar(t), NATS: "nats", Logins: folder(t.TempDir())}
	logins(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var p pair
	defer func() { p.close() }()
	if err := s.register(ctx, &p); err != nil {
		t.Fatal(err)
	}
	alice, err := phone.New(ctx, phone.Config{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	call, err := alice.Call(ctx, p.carol.URI())
	if err != nil {
		t.Fatal(err)
	}
	before := p
	if err := s.register(ctx, &p); err != nil {
		t.Fatal(err)
	}
	(&demo{}).end()
	if err := call.WaitTone(ctx, callerTone); err != nil || p != before {
		t.Error("the call does not go on:", err)
	}
}
