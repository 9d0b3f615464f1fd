package broker

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// stranger is a connection to the broker's port that has said nothing. hears is what it is told until it is closed.
func stranger(t *testing.T, b *Broker) (conn net.Conn, hears func() (string, time.Duration)) {
	t.Helper()
	began := time.Now()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, func() (string, time.Duration) {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		said, err := io.ReadAll(conn)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal("it is not closed:", err)
		}
		return string(said), time.Since(began)
	}
}

// Strangers have few places and little time; who is logged in does not notice them, and who wants to log in gets a place
// when they are gone.
func TestStrangersHaveFewPlaces(t *testing.T) {
	b := open(t, Config{})
	auditor, err := login(b, nats.UserInfo(AuditUser, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer auditor.Close()
	var waiting []func() (string, time.Duration)
	for range maxStrangers {
		conn, hears := stranger(t, b)
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO {") {
			t.Fatal("the server's first line:", line, err)
		}
		waiting = append(waiting, hears)
	}
	for range 100 {
		_, hears := stranger(t, b)
		if said, after := hears(); said != "" || after > time.Second {
			t.Fatalf("one too many was told %q and closed after %s", said, after)
		}
	}
	if err := auditor.FlushTimeout(time.Second); err != nil {
		t.Error("the auditor cannot go on:", err)
	}
	for _, hears := range waiting {
		if said, after := hears(); said != "" || after < loginTime || after > loginTime+3*time.Second {
			t.Fatalf("a stranger was told %q and closed after %s", said, after)
		}
	}
	if err := auditor.FlushTimeout(time.Second); err != nil {
		t.Error("the auditor was closed with the strangers:", err)
	}
	again, err := login(b, nats.UserInfo(AuditUser, "secret"))
	if err != nil {
		t.Fatal("nobody can log in after the strangers:", err)
	}
	again.Close()
}

// What is no login is refused at once, whatever it is, and gives its place back.
func TestNoLogin(t *testing.T) {
	b := open(t, Config{})
	for line, want := range map[string]string{
		"PING\r\n":       "Authorization Violation",
		"CONNECT\r\n":    "Authorization Violation",
		"CONNECT {}\r\n": "Authorization Violation",
		"CONNECT {\"user\":\"audit\",\"pass\":\"secreT\"}\r\n":                "Authorization Violation",
		"CONNECT {\"user\":\"metaflows-events\",\"pass\":\"secret\"}\r\n":     "Authorization Violation",
		"CONNECT " + strings.Repeat("x", maxLogin) + "\r\n":                   "Maximum Control Line Exceeded",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n":                      "Authorization Violation",
		"GET / HTTP/1.1\r\nAuthorization: Basic YXVkaXQ6c2VjcmV0\r\n\r\n\r\n": "Authorization Violation",
	} {
		conn, hears := stranger(t, b)
		if _, err := conn.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if said, after := hears(); !strings.Contains(said, "-ERR '"+want) && said != "" && !strings.HasPrefix(said, "INFO") || after > time.Second {
			t.Errorf("%.30q was told %q and closed after %s", line, said, after)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		b.gate.mu.Lock()
		left := len(b.gate.guests)
		b.gate.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(left, "places are still taken")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
