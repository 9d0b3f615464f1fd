package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func parse(t *testing.T, list string) Blocked {
	t.Helper()
	b, err := Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestURL(t *testing.T) {
	for _, c := range []struct {
		list, url string
		ok        bool
	}{
		{Default, "http://example.com/x?y=1", true},
		{Default, "https://user:secret@example.com:8443", true},
		{Default, "HTTPS://EXAMPLE.COM", true},
		{Default, "http://192.0.2.7:80/", true},
		{Default, "http://[2001:db8::1]/", true},
		{Default, "http://localhost.example.com", true},
		{Default, "http://notlocalhost", true},
		{Default, "ftp://example.com", false},
		{Default, "file:///etc/passwd", false},
		{Default, "example.com", false},
		{Default, "http://", false},
		{Default, "http:///x", false},
		{Default, "http://a b", false},
		{Default, "http://%zz", false},
		{Default, "", false},
		{Default, "http://localhost", false},
		{Default, "http://LocalHost:8080/x", false},
		{Default, "http://localhost./", false},
		{Default, "http://a.localhost/", false},
		{Default, "http://127.0.0.1", false},
		{Default, "http://127.9.9.9:1", false},
		{Default, "http://127.0.0.1.", false},
		{Default, "http://%31%32%37.0.0.1", false},
		{Default, "http://0.0.0.0", false},
		{Default, "http://0.1.2.3", false},
		{Default, "http://10.1.2.3", false},
		{Default, "http://172.31.0.1", false},
		{Default, "http://172.32.0.1", true},
		{Default, "http://192.168.1.1", false},
		{Default, "http://100.64.0.1", false},
		{Default, "http://169.254.169.254/latest/meta-data", false},
		{Default, "http://[::1]", false},
		{Default, "http://[::]", false},
		{Default, "http://[fe80::1%25eth0]", false},
		{Default, "http://[fd00::1]", false},
		{Default, "http://[::ffff:127.0.0.1]", false},
		{Default, "http://[64:ff9b::7f00:1]", false},
		{Default, "http://[64:ff9b::c000:207]", true},
		{Default, "http://[2002:0a01:0203::1]", false},
		{Default, "http://2130706433", false},
		{Default, "http://127.1", false},
		{Default, "http://0x7f.0x1", false},
		{Default, "http://0177.0.0.1", false},
		{Default, "http://127。0。0。1/", false}, // ideographic dots, which clients of Unicode names take for dots
		{Default, "http://127．0．0．1/", false}, // fullwidth
		{Default, "http://127｡0｡0｡1/", false}, // halfwidth
		{Default, "http://１２７.0.0.1/", false},
		{Default, "http://①②⑦.⓪.⓪.①/", false},
		{Default, "http://127%E3%80%820%E3%80%820%E3%80%821/", false},
		{Default, "http://ⓛocalhost/", false},
		{Default, "http://localhost。/", false},
		{Default, "http://loc\u00adalhost/", false},
		{Default, "http://bücher.example/", false},
		{Default, "http://xn--bcher-kva.example/", true},
		{Default, "http://exa%6dple.com/", false},
		{Default, "http://a_b.example.com/", true},
		{Default, "http://exam%20ple.com/", false},
		{Default, "http://example.com%2f@127.0.0.1/", false},
		{Default, "http://[fe80::1%251]/", false},
		{"none", "http://127。0。0。1/", false},
		{"none", "http://127.0.0.1", true},
		{"none", "http://localhost", true},
		{"none", "gopher://localhost", false},
		{"192.0.2.0/24, internal.example.com,2001:db8::1", "http://192.0.2.9", false},
		{"192.0.2.0/24, internal.example.com,2001:db8::1", "http://internal.example.com", false},
		{"192.0.2.0/24, internal.example.com,2001:db8::1", "http://a.Internal.example.com", false},
		{"192.0.2.0/24, internal.example.com,2001:db8::1", "http://xinternal.example.com", true},
		{"192.0.2.0/24, internal.example.com,2001:db8::1", "http://[2001:db8:0::1]", false},
		{"192.0.2.0/24, internal.example.com,2001:db8::1", "http://127.0.0.1", true},
	} {
		if err := parse(t, c.list).URL(c.url); (err == nil) != c.ok {
			t.Errorf("%s, %q: %v", c.list, c.url, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, list := range []string{"", "loopback,", "none,loopback", "10.0.0.0/33", "10.0.0", "http://x", "a b", "ünder"} {
		if _, err := Parse(list); err == nil {
			t.Errorf("%q is accepted", list)
		}
	}
}

// A name that means a blocked address is not called, whatever it meant when it was stored.
func TestControl(t *testing.T) {
	asked := make(chan struct{}, 8)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	get := func(list, host string) error {
		dialer := &net.Dialer{Control: parse(t, list).Control}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+net.JoinHostPort(host, port), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::ffff:127.0.0.1"} {
		if err := get(Default, host); !errors.Is(err, ErrBlocked) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if len(asked) != 0 {
		t.Error("the server was asked")
	}
	if err := get("private", "127.0.0.1"); err != nil || len(asked) != 1 {
		t.Errorf("what is not blocked is not called: %v", err)
	}
	for _, address := range []string{"10.0.0.1:80", "[fe80::1%eth0]:80", "[::ffff:10.0.0.1]:443", "nonsense", "localhost:80"} {
		if err := parse(t, Default).Control("tcp", address, nil); !errors.Is(err, ErrBlocked) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
