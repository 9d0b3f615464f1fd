package rest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const seedPost = `{"data":{"binding_digit":"*", "patterns":{"2(\\d+)":{"module":"transfer", "data":{"takeback_dtmf":"*1"}}}}}`

// TestSeed makes the requests of the seed (app/rest/README.md, A first try) and compares the answers with what it shows. Ours has a
// warning more, as takeback_dtmf is not obeyed yet.
func TestSeed(t *testing.T) {
	for _, uri := range []string{"/v2/accounts/acme/metaflows", "/v2/accounts/acme/users/alice/metaflows", "/v2/accounts/acme/devices/desk/metaflows"} {
		l := newLab(t)
		golden(t, "get_empty", l.do("GET", uri, "").Body.Bytes())
		golden(t, "post", l.do("POST", uri, seedPost, "Content-Type: application/x-www-form-urlencoded").Body.Bytes())
		golden(t, "get", l.do("GET", uri, "").Body.Bytes())
		golden(t, "delete", l.do("DELETE", uri, "").Body.Bytes())
		golden(t, "get_empty", l.do("GET", uri, "").Body.Bytes())
	}
}

// The placeholders of the seed, and what may stand there.
var placeholders = map[string]string{
	"auth_token": `^admin$`, "node": `^[A-Za-z0-9_-]{22}$`, "request_id": `^[0-9a-f]{32}$`, "revision": `^[0-9]+$`,
	"timestamp": `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, "version": `^1\.2\.3$`,
}

// golden compares an answer with testdata/<name>.json as JSON values, the placeholders filled in.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal(got, &answer); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, got)
	}
	for key, form := range placeholders {
		if text, ok := answer[key].(string); ok && regexp.MustCompile(form).MatchString(text) {
			answer[key] = "{" + strings.ToUpper(key) + "}"
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	if err := e.Encode(answer); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text.Bytes(), want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, text.Bytes(), want)
	}
}
