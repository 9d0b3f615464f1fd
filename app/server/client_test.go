package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedClient: of /openapi.json, as it is served, a generator makes a client that compiles and does what
// app/rest/README.md does with curl. The client is a module of its own, and is made in a folder of its own.
func TestGeneratedClient(t *testing.T) {
	l := start(t, settingsFor(filepath.Join(t.TempDir(), "data")))
	module := t.TempDir()
	if err := os.CopyFS(module, os.DirFS("../rest/clienttest")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(module, "api"), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Stdin = module, strings.NewReader(l.token)
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, said)
		}
		return string(said)
	}
	api := "http://" + l.HTTP
	run("tool", "oapi-codegen", "-config", "oapi-codegen.yaml", api+"/openapi.json")
	said := run("run", ".", api, "acme")
	for _, want := range []string{
		"stored as revision ", `read * map[2(\d+):map[data:map[captures:[no_match] takeback_dtmf:*1 transfer_type:blind] module:transfer]]`, "deleted", "refused: ",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the client says %q, want %q in it", said, want)
		}
	}
	if status, body := l.do("GET", "/v2/accounts/acme/metaflows", ""); status != 200 || !strings.Contains(body, `"data":{}`) {
		t.Errorf("after the client has deleted the document: %d %s", status, body)
	}
}
