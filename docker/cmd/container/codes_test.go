package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"metaflows/flows"
)

// The first codes are a document; they are stored where there is none, once the API answers, and never over another.
func TestCodes(t *testing.T) {
	for _, c := range []struct{ name, stored, posts, says string }{
		{"nothing stored", `{}`, string(firstCodes), "its first codes"},
		{"codes of the user's own", `{"numbers":{"5":{"module":"hangup"}}}`, "", "they stay"},
	} {
		away, posted := true, ""
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path != codesPath || r.Header.Get("X-Auth-Token") == "":
				w.WriteHeader(http.StatusForbidden)
			case away:
				away = false
				w.WriteHeader(http.StatusServiceUnavailable)
			case r.Method == http.MethodPost:
				body, _ := io.ReadAll(r.Body)
				posted = string(body)
			default:
				_, _ = io.WriteString(w, `{"data":`+c.stored+`,"status":"success"}`)
			}
		}))
		dir := t.TempDir()
		logins(t, settings{Addr: "127.0.0.1", NATS: "nats", Logins: folder(dir)})
		t.Setenv("LOGINS", dir)
		t.Setenv("API_URL", api.URL)
		var out, complaint strings.Builder
		if code := run([]string{"codes"}, &out, &complaint); code != 0 || posted != c.posts || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %d posted %q; %s%s", c.name, code, posted, &out, &complaint)
		}
		api.Close()
	}
	_, document, _ := strings.Cut(string(firstCodes), `"data":`)
	document = document[:strings.LastIndex(document, "}")]
	if doc, err := flows.ParseDocument([]byte(document)); err != nil || len(doc.Numbers) != 2 || len(doc.Patterns) != 1 {
		t.Error(doc, err)
	}
}
