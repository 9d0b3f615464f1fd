package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// says is what the doctor prints of configuration files; the folder's own name is left out.
func says(t *testing.T, files map[string]string, connected ...string) (healthy bool, text string) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	p := &patient{out: &out, healthy: true, applications: connected}
	p.cfg.ARI.Application, p.cfg.ARI.URL = "metaflows", "http://127.0.0.1:8088/ari"
	p.open(folder, false)
	p.files(false)
	return p.healthy, strings.ReplaceAll(out.String(), folder, "DIR")
}

// fragment is asterisk-conf/site/http.conf.
func fragment(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../asterisk-conf/site/http.conf")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFiles(t *testing.T) {
	const own = "enabled=yes\nbindaddr=0.0.0.0 ; phones\nbindport=18088\n"
	const include = "#include metaflows/http.conf\n"
	for name, tt := range map[string]struct {
		files   map[string]string
		healthy bool
		wants   []string
	}{
		"nothing there": {nil, false, []string{"MISSING no configuration of Asterisk is in DIR", "--folder FOLDER"}},

		"the fragment moves the server": {map[string]string{"http.conf": "[general]\n" + own + include, "metaflows/http.conf": fragment(t)}, false, []string{
			"MISSING the included lines move the HTTP server",
			"bindaddr from 0.0.0.0 (http.conf:3) to 127.0.0.1 (metaflows/http.conf:", "bindport from 18088 (http.conf:4) to 8088 (metaflows/http.conf:",
			"\n          in http.conf, directly below [general] and nowhere else", "\n          [general]\n          #include metaflows/http.conf\n",
		}},
		"it does not below the section's name": {map[string]string{"http.conf": "[general]\n" + include + own, "metaflows/http.conf": fragment(t)}, false, []string{
			"ok      http.conf has the HTTP server at 0.0.0.0:18088",
			"METAFLOWS_ARI_URL is http://127.0.0.1:8088/ari, and http.conf has the server at 0.0.0.0:18088", "\n          METAFLOWS_ARI_URL=http://127.0.0.1:18088/ari\n",
		}},
		"it gives what is absent": {map[string]string{"http.conf": "[general]\n" + include + "enablestatic=no\n", "metaflows/http.conf": fragment(t)}, true, []string{
			"ok      http.conf has the HTTP server at 127.0.0.1:8088",
		}},
		"the same is no move": {map[string]string{"http.conf": "[general]\nenabled=yes\nbindaddr=127.0.0.1\n" + include, "metaflows/http.conf": fragment(t)}, true, []string{
			"ok      http.conf has the HTTP server at 127.0.0.1:8088",
		}},
		"another's include may move it": {map[string]string{"http.conf": "[general]\n" + own + "#include http_custom.conf\n", "http_custom.conf": "[general](+)\nbindport=8088\n"}, true, []string{
			"ok      http.conf has the HTTP server at 0.0.0.0:8088",
		}},
		"disabled": {map[string]string{"http.conf": "[general]\n" + include + "enabled=no\n", "metaflows/http.conf": fragment(t)}, false, []string{
			"MISSING http.conf:3 does not enable the HTTP server", "\n          enabled = yes\n",
		}},
		"no address": {map[string]string{"http.conf": "[general]\nenabled=yes\n"}, false, []string{"MISSING http.conf gives the HTTP server no address", "\n          bindaddr = 127.0.0.1\n"}},
		"no section": {map[string]string{"http.conf": include, "metaflows/http.conf": fragment(t)}, false, []string{
			"adds to [general], which http.conf does not have above: Asterisk reads nothing of the file", "\n          above all else in http.conf:\n          [general]\n",
		}},

		"glued to a value": {map[string]string{"ari.conf": "[general]\n[x]\npassword = p#include metaflows/ari.conf\n"}, false, []string{
			"MISSING ari.conf:3: #include metaflows/ari.conf stands behind something else", "\n          in ari.conf, on a line of its own:\n          #include metaflows/ari.conf\n",
		}},
		"glued to a comment":         {map[string]string{"ari.conf": "[general]\n; the end#include metaflows/ari.conf\n"}, false, []string{"MISSING ari.conf:2: #include metaflows/ari.conf stands behind"}},
		"no newline before it comes": {map[string]string{"ari.conf": "[general]\nenabled=yes"}, true, []string{"NOTE    ari.conf has no newline at its end", "\n          echo >> DIR/ari.conf\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			healthy, text := says(t, tt.files)
			if healthy != tt.healthy {
				t.Errorf("healthy: %v", healthy)
			}
			for _, want := range tt.wants {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

// What is as it should be, or is only written about, is not spoken of.
func TestFilesAtPeace(t *testing.T) {
	healthy, text := says(t, map[string]string{
		"ari.conf":                  "; Here comes:\n;   #include metaflows/ari.conf\n[general]\n;-- password = p#include nothing\n[x] --;\n#include metaflows/ari.conf",
		"metaflows/ari.conf":        "[general](+)\nenabled = yes", // the last line needs no end
		"extensions.conf":           "[acme]\nexten => 1,1,Stasis(metaflows,dial,PJSIP/alice)\n; exten => 2,1,Stasis(metaflow,dial,PJSIP/alice,30,Z)\n#include metaflows/extensions.conf\n",
		"metaflows/extensions.conf": "; same => n,Stasis(metaflow,dial,PJSIP/alice)\n",
		"pjsip.conf":                "[alice]\ntype=endpoint\nset_var=METAFLOWS_ACCOUNT=acme\n",
	})
	if !healthy || strings.Contains(text, "MISSING") || strings.Contains(text, "NOTE") {
		t.Error(text)
	}
}

// An #include of ours that became a part of another line is found wherever it stands, and is not where it is only written
// about, or commented out beside one that counts. What a comment has directly behind its ; may be meant so.
func TestIncludesBehindSomething(t *testing.T) {
	const working = "[general]\nenabled=yes\nbindaddr=127.0.0.1\n"
	for name, tt := range map[string]struct {
		file, text, wants string
		healthy           bool
	}{
		"Debian's http.conf":           {"http.conf", working + ";\n; put the files there.#include metaflows/http.conf\n", "MISSING http.conf:5: #include metaflows/http.conf stands behind something else", false},
		"a comment that is empty":      {"http.conf", working + ";#include metaflows/http.conf\n", "NOTE    http.conf:4: #include metaflows/http.conf is a part of a comment", true},
		"a comment that ends in a ;":   {"http.conf", working + ";;;; ;;#include metaflows/http.conf\n", "NOTE    http.conf:4: #include metaflows/http.conf is a part of a comment", true},
		"a comment that ends in a gap": {"ari.conf", "[general]\n; as before #include metaflows/ari.conf\n", "NOTE    ari.conf:2: #include metaflows/ari.conf is a part of a comment", true},
		"a value and a gap":            {"ari.conf", "[general]\npretty = yes #include metaflows/ari.conf\n", "MISSING ari.conf:2: #include metaflows/ari.conf stands behind something else", false},
		"a value and a comment":        {"pjsip.conf", "[alice]\ntype=aor\nmax_contacts=5 ; of them#include metaflows/pjsip.conf\n", "MISSING pjsip.conf:3: #include metaflows/pjsip.conf stands behind something else", false},
		"a whole path":                 {"extensions.conf", "[acme]\nexten => 1,1,NoOp() #include \"/etc/asterisk/metaflows/extensions.conf\"\n", "MISSING extensions.conf:2: #include /etc/asterisk/metaflows/extensions.conf stands behind", false},
		"behind a header":              {"pjsip_wizard.conf", "[alice]#tryinclude metaflows/pjsip.conf\n", "MISSING pjsip_wizard.conf:1: #include metaflows/pjsip.conf stands behind", false},
		"of a block of comments":       {"ari.conf", "[general]\n;-- all\nof it--; #include metaflows/ari.conf\n", "ok      the files in DIR", true}, // it counts
		"of others":                    {"ari.conf", "[general]\n; #include users.conf\n", "ok      the files in DIR", true},
	} {
		t.Run(name, func(t *testing.T) {
			healthy, text := says(t, map[string]string{tt.file: tt.text})
			if !strings.Contains(text, tt.wants) || healthy != tt.healthy || strings.HasPrefix(tt.wants, "ok") && strings.Contains(text, "#include") {
				t.Error(text)
			}
		})
	}
}

// Files that include each other end, and what cannot be read is told.
func TestFilesInARing(t *testing.T) {
	healthy, text := says(t, map[string]string{"ari.conf": "#include ari.conf\n[general]\n#include conf.d/*.conf\n", "conf.d/1.conf": "[x]\npassword=a#include b.conf\n", "conf.d/folder.conf/x": ""})
	if healthy || !strings.Contains(text, "MISSING conf.d/1.conf:2: #include b.conf") || !strings.Contains(text, "NOTE    not looked at: read DIR/conf.d/folder.conf") {
		t.Error(text)
	}
}
