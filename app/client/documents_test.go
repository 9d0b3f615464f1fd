package client

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aSite are the documents of two accounts, as they are sent. Defaults are not in them, and the order of patterns means something.
var aSite = map[string]string{
	"/v2/accounts/acme/metaflows":              `{"patterns":{"2(\\d+)":{"module":"transfer"},"1.":{"module":"hangup"}},"note":"a < b & c"}`,
	"/v2/accounts/acme/users/alice/metaflows":  `{"numbers":{"9":{"module":"none"}}}`,
	"/v2/accounts/acme/devices/desk/metaflows": `{"numbers":{"7":{"module":"hangup"},"9":{"module":"record_call","data":{"action":"toggle"}}},"digit_timeout":500}`,
	"/v2/accounts/zoo/metaflows":               `{"binding_digit":"#"}`,
}

func (p *program) storesSite() {
	p.Helper()
	for path, text := range aSite {
		p.ask("POST", path, `{"data":`+text+`}`)
	}
}

// file is the content of a file of a folder, "" where there is none.
func file(folder, name string) string {
	text, _ := os.ReadFile(filepath.Join(folder, name))
	return string(text)
}

// TestDocumentsMove: a site goes into a folder and from there into another metaflows, as it was stored; nothing is done that
// was not asked for, and what somebody else changes is not overwritten.
func TestDocumentsMove(t *testing.T) {
	p := start(t, t.TempDir(), "127.0.0.1:0")
	p.storesSite()
	folder := filepath.Join(t.TempDir(), "site")
	p.want(success, "added "+filepath.Join(folder, "acme/devices/desk.json")+"\n", "documents get", folder)
	p.want(success, "nothing was written; --apply does it\n", "documents get", folder)
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Fatal("a dry run has made the folder:", err)
	}
	p.want(success, "\n4 written\n", "documents get", "--apply", folder)
	for path, text := range aSite {
		name := strings.TrimPrefix(strings.TrimSuffix(path, "/metaflows"), "/v2/accounts/")
		if strings.Count(name, "/") == 0 {
			name += "/account"
		}
		if got, err := compact([]byte(file(folder, name+".json"))); err != nil || string(got) != text {
			t.Errorf("%s: %v %s, want %s", name, err, got, text)
		}
	}
	p.want(success, "nothing differs\n", "documents get", "--apply", folder)
	p.want(success, "nothing differs\n", "documents diff", folder)
	p.want(success, "nothing differs\n", "documents put", "--apply", folder)

	other := start(t, t.TempDir(), "127.0.0.1:0")
	other.want(success, "added /v2/accounts/acme/devices/desk/metaflows\n", "documents put", folder)
	other.want(success, "nothing was stored; --apply does it\n", "documents put", folder, "--account", "zoo")
	if code, out, _ := other.run("documents diff", folder); code != failed || strings.Count(out, "removed ") != 4 {
		t.Errorf("a dry run has stored something: %d %s", code, out)
	}
	other.want(success, "\n4 stored\n", "documents put", folder, "--apply")
	other.want(success, "nothing differs\n", "documents diff", folder)

	// What differs is told, and only that is put.
	for name, text := range map[string]string{
		"acme/account.json":      `{"patterns":{"1.":{"module":"hangup"},"2(\\d+)":{"module":"transfer"}},"note":"a < b & c"}`,
		"acme/devices/desk.json": `{"numbers":{"9":{"module":"record_call","data":{"action":"start"}},"8":{"module":"none"}},"digit_timeout":500}`,
		"acme/users/bob.json":    `{"numbers":{"5":{"module":"hangup"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(folder, "zoo/account.json")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := other.run("documents diff", folder)
	want := "changed acme/account.json\n  ~ the order of its keys\nchanged acme/devices/desk.json\n  ~ numbers.9\n  - numbers.8\n  + numbers.7\nremoved acme/users/bob.json\nadded zoo/account.json\n"
	if code != failed || out != want || errs != "" {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if code, out, _ := other.run("documents diff", folder, "--json"); code != failed || !strings.Contains(out, `"change": "removed"`) {
		t.Error(code, out)
	}
	other.want(success, "\n3 stored\n", "documents put", "--apply", folder)
	other.want(success, "removed /v2/accounts/zoo/metaflows\n", "documents put", "--delete", folder)
	other.want(success, "\n1 stored\n", "documents put", "--delete", "--apply", folder)
	other.want(success, "nothing differs\n", "documents diff", folder)
	p.want(success, "removed", "documents put", "--delete", "--account", "zoo", folder)
}

// TestDocumentsRefused: where one would be refused nothing is stored, and it is said which and why; a folder with what belongs
// to no site is not taken.
func TestDocumentsRefused(t *testing.T) {
	p := start(t, t.TempDir(), "127.0.0.1:0")
	for name, c := range map[string]struct{ file, text, says string }{
		"a wrong document": {"acme/users/alice.json", `{"numbers":{"9":{"module":"dance"}}}`, "acme/users/alice.json would be refused: 400 Bad Request: numbers.9.module: unable to find metaflow schema for module dance"},
		"no JSON":          {"acme/account.json", `{"numbers":`, "acme/account.json: unexpected end of JSON input"},
		"no object":        {"acme/account.json", `[]`, "acme/account.json: this is no JSON object"},
		"another file":     {"acme.json", `{}`, "acme.json belongs to no site; accepted are <account>/account.json"},
		"a wrong id":       {"acme/users/a b.json", `{}`, "belongs to no site"},
	} {
		folder := t.TempDir()
		for path, text := range map[string]string{"zoo/account.json": `{}`, c.file: c.text} {
			if err := saveFile(filepath.Join(folder, path), text); err != nil {
				t.Fatal(err)
			}
		}
		code, out, errs := p.run("documents put", "--apply", folder)
		if code != failed || !strings.Contains(errs, c.says) || strings.Contains(out, "stored") {
			t.Errorf("%s: %d %s%s", name, code, out, errs)
		}
	}
	for _, command := range []string{"documents put", "documents diff"} {
		p.want(failed, "no such file or directory; metaflows documents get --apply makes one\n", command, "/does/not/exist")
	}
	// One that is no folder is no empty site: with --delete that would empty the one that is stored.
	notes := filepath.Join(t.TempDir(), "notes")
	if err := saveFile(notes, "{}"); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"documents put", "documents diff", "documents get"} {
		p.want(failed, notes+" is no folder\n", command, notes)
	}
	p.want(success, "nothing differs\n", "documents get", t.TempDir())
}

// saveFile writes a file and the folders above it.
func saveFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// TestDocumentsChangedMeanwhile: what has changed since it was looked at is not overwritten.
func TestDocumentsChangedMeanwhile(t *testing.T) {
	p := start(t, t.TempDir(), "127.0.0.1:0")
	p.storesSite()
	token, err := p.site.Token()
	if err != nil {
		t.Fatal(err)
	}
	terminal := &terminal{API: New(p.site.Address, token)}
	there, err := terminal.stored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.ask("POST", "/v2/accounts/zoo/metaflows", `{"data":{"binding_digit":"1"}}`)
	p.ask("POST", "/v2/accounts/zoo/users/late/metaflows", `{"data":{"binding_digit":"1"}}`)
	zoo := place{account: "zoo"}
	for _, c := range []change{
		{zoo, changed, there[zoo], document{text: []byte(`{"binding_digit":"2"}`)}},
		{zoo, removed, there[zoo], document{}},
		{place{"zoo", "users", "late"}, added, document{}, document{text: []byte(`{"binding_digit":"2"}`)}},
	} {
		if err := terminal.carryOut(t.Context(), c); err == nil || !strings.HasPrefix(err.Error(), "it was changed meanwhile") {
			t.Errorf("%s: %v", c.kind, err)
		}
	}
}
