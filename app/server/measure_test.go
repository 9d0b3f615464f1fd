package server

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// get asks without a token.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(text)
}

// The metrics need no token, tell of each part, and hold nothing of what is stored.
func TestMetrics(t *testing.T) {
	l := start(t, settingsFor(t.TempDir()))
	l.posts(document)
	status, body := get(t, "http://"+l.HTTP+"/metrics")
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	for _, line := range []string{
		"metaflows_calls 0", "metaflows_ari_connected 0", "metaflows_nats_connected 1", `metaflows_ready{part="documents"} 1`,
		`metaflows_ready{part="asterisk"} 0`, "metaflows_events_lost_total 0",
		`metaflows_build_info{version="1.2.3"} 1`, `metaflows_actions_total{module="transfer",result="failed"} 0`,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if !regexp.MustCompile(`\nmetaflows_store_revision\{store="documents"\} [1-9]`).MatchString(body) {
		t.Error("the stored document has no revision")
	}
	if strings.Contains(body, "acme") || strings.Contains(body, l.token) {
		t.Error("the metrics tell of an account, or the token")
	}
	if status, _ := get(t, "http://"+l.HTTP+"/debug/pprof/"); status != http.StatusNotFound || l.Pprof != "" {
		t.Error("profiles are served:", status, l.Pprof)
	}
}

// Profiles are at an address of their own, where nothing else is.
func TestProfiles(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.Pprof.Addr = "127.0.0.1:0"
	l := start(t, cfg)
	if status, body := get(t, "http://"+l.Pprof+"/debug/pprof/goroutine?debug=1"); status != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Error(status, body)
	}
	if status, _ := get(t, "http://"+l.Pprof+"/v2/accounts/acme/metaflows"); status != http.StatusNotFound {
		t.Error(status)
	}
	if status, _ := get(t, "http://"+l.HTTP+"/debug/pprof/"); status != http.StatusNotFound {
		t.Error(status)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + l.Pprof + "/debug/pprof/"); err == nil {
		t.Error("profiles are still served")
	}
}
