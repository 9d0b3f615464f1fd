package pbx

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, options Options) *Server {
	t.Helper()
	begin := time.Now()
	server, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %s", time.Since(begin).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestTwoAtOnce(t *testing.T) {
	one, two := start(t, Options{}), start(t, Options{})
	for _, server := range []*Server{one, two} {
		version, err := server.CLI("core show version")
		if err != nil || !strings.HasPrefix(version, "Asterisk ") {
			t.Errorf("version %q, %v", version, err)
		}
		channels, err := server.Channels(t.Context())
		if err != nil || len(channels) != 0 {
			t.Errorf("channels %v, %v", channels, err)
		}
		for _, phone := range []string{"alice", "bob", "carol", "dave", "mallory", "outside"} {
			if online, err := server.Registered(t.Context(), phone); err != nil || online {
				t.Errorf("%s: registered %v, %v", phone, online, err)
			}
		}
		for _, line := range server.Complaints() {
			t.Error(line)
		}
	}
	if one.ARIURL == two.ARIURL || one.SIPAddr == two.SIPAddr || one.RTPStart == two.RTPStart || one.Dir == two.Dir {
		t.Errorf("they share something: %+v and %+v", one, two)
	}
	for _, server := range []*Server{one, two} {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(server.Dir); !os.IsNotExist(err) {
			t.Errorf("folder %s is left over: %v", server.Dir, err)
		}
		listener, err := net.Listen("tcp", server.SIPAddr)
		if err != nil {
			t.Errorf("something still runs: %v", err)
			continue
		}
		listener.Close()
	}
}

func TestOnANetwork(t *testing.T) {
	server := start(t, Options{BindAddr: "0.0.0.0", ExternalAddr: "192.0.2.1"})
	shown, err := server.CLI("pjsip show transport udp")
	if err != nil || !strings.Contains(shown, "192.0.2.1") || !strings.Contains(shown, "0.0.0.0:") {
		t.Errorf("transport: %v\n%s", err, shown)
	}
	if !strings.HasPrefix(server.ARIURL, "http://127.0.0.1:") {
		t.Errorf("ARI is at %s", server.ARIURL)
	}
	for _, line := range server.Complaints() {
		t.Error(line)
	}
}

func TestBadAddress(t *testing.T) {
	for _, addr := range []string{"localhost", "::1", "192.0.2.77"} {
		if server, err := Start(t.Context(), Options{BindAddr: addr}); err == nil {
			t.Errorf("%s: started", addr)
			_ = server.Stop()
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	for range 4 {
		t.Run("one", func(t *testing.T) {
			t.Parallel()
			server := start(t, Options{})
			if _, err := server.Channels(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
