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
