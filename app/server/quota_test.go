package server

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// Each setting is a limit of its own, which also holds after a restart, and the metrics tell of the use.
func TestLimitsOfAnAccount(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	a := &cfg.Account
	a.MaxDocuments, a.MaxAPIKeys, a.MaxUsers, a.MaxDevices, a.MaxBytes = 1, 2, 3, 4, 1000
	l := start(t, cfg)
	l.posts(`{"data":{}}`)
	full := []struct {
		kind, path, body string
		limit            int
	}{
		{"documents", "/v2/accounts/acme/users/alice/metaflows", `{"data":{}}`, 1},
		{"api_keys", "/v2/accounts/acme/api_keys", `{"data":{}}`, 2},
		{"users", "/v2/accounts/acme/users", `{"data":{}}`, 3},
		{"devices", "/v2/accounts/acme/devices", `{"data":{"name":"d"}}`, 4},
	}
	method := func(kind string) string {
		if kind == "documents" {
			return http.MethodPost
		}
		return http.MethodPut
	}
	for _, c := range full[1:] {
		for range c.limit {
			if status, body := l.do(method(c.kind), c.path, c.body); status != http.StatusCreated {
				t.Fatal(c.kind, status, body)
			}
		}
	}
	look := func() {
		t.Helper()
		_, metrics := get(t, "http://"+l.HTTP+"/metrics")
		for _, c := range full {
			status, body := l.do(method(c.kind), c.path, c.body)
			if status != http.StatusBadRequest || !strings.Contains(body, "METAFLOWS_ACCOUNT_MAX_"+strings.ToUpper(c.kind)+" allows ") {
				t.Error(c.kind, status, body)
			}
			if line := "\nmetaflows_account_" + c.kind + "_max " + strconv.Itoa(c.limit) + "\n"; !strings.Contains(metrics, line) {
				t.Errorf("there is no line %s", line)
			}
		}
		status, body := l.do("POST", "/v2/accounts/acme/metaflows", `{"data":{"x":"`+strings.Repeat("y", 1000)+`"}}`)
		if status != http.StatusBadRequest || !strings.Contains(body, "METAFLOWS_ACCOUNT_MAX_BYTES allows 1000") {
			t.Error(status, body)
		}
		if !strings.Contains(metrics, "\nmetaflows_account_bytes_max ") || strings.Contains(metrics, "metaflows_account_bytes_max 0\n") {
			t.Error("bytes are not counted")
		}
	}
	look()
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	l = start(t, cfg)
	look()
}
