package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		ok     bool
		says   []string
	}{
		{"ready", 200, `{"ok":true,"parts":{"nats":{"ok":true}}}`, true, []string{"ready"}},
		{"not ready", 503, `{"ok":false,"parts":{"asterisk":{"ok":true},"nats":{"ok":false,"problem":"not connected"}}}`, false, []string{"nats: not connected\n"}},
		{"another program", 200, `<html>`, false, []string{"is no metaflows: 200 OK"}},
		{"an object that says nothing", 200, `{}`, false, nil},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				t.Errorf("%s: asked for %s", c.name, r.URL.Path)
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		api := New(strings.Replace(strings.TrimPrefix(server.URL, "http://"), "127.0.0.1", "0.0.0.0", 1), "")
		var out strings.Builder
		if ok := api.ready(t.Context(), &out); ok != c.ok {
			t.Errorf("%s: %v %s", c.name, ok, &out)
		}
		for _, want := range c.says {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q, want %q in it", c.name, out.String(), want)
			}
		}
		server.Close()
		if out.Reset(); api.ready(t.Context(), &out) || !strings.Contains(out.String(), "does not answer") {
			t.Errorf("%s, and then gone: %s", c.name, &out)
		}
	}
}

func TestDialable(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8000": "127.0.0.1:8000", "0.0.0.0:8000": "localhost:8000", ":8000": "localhost:8000",
		"[::]:8000": "localhost:8000", "[::1]:8000": "[::1]:8000", "example:80": "example:80",
	} {
		if got := dialable(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
