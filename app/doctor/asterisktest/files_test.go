package asterisktest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"metaflows/app/doctor"
	"metaflows/docker/pbx"
)

// wants looks for what the doctor must say.
func wants(t *testing.T, says string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(says, line) {
			t.Errorf("it does not say %q", line)
		}
	}
}

// What is wrong in the files is found with its line, and is gone once the line is as the doctor says.
func TestWrongLines(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{Append: map[string]string{
		"extensions.conf": "[pilot]\nexten => 1,1,Stasis(metaflow,dial,PJSIP/alice,30)\nexten => 2,1,Stasis(metaflows,dial,PJSIP/alice,30,tZg)",
		"pjsip.conf":      "[newcomer]\ntype = endpoint\ncontext = acme\n",
	}})
	healthy, says := examine(t, asterisk, cfg)
	if healthy {
		t.Error("nothing is missed")
	}
	wants(t, says,
		"Stasis(metaflow,dial,PJSIP/alice,30) gives calls to metaflow, but the application's name is metaflows", "exten => 1,1,Stasis(metaflows,dial,PJSIP/alice,30)",
		`option "Z" is not known`, "exten => 2,1,Stasis(metaflows,dial,PJSIP/alice,30,tg)",
		"NOTE    2 of 7 endpoints have no METAFLOWS_ACCOUNT", "newcomer (pjsip.conf:", "set_var = METAFLOWS_ACCOUNT=acme",
	)
	path := filepath.Join(asterisk.Dir, "etc", "extensions.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mended := strings.NewReplacer("Stasis(metaflow,", "Stasis(metaflows,", ",30,tZg)", ",30,tg)").Replace(string(text))
	if err := os.WriteFile(path, []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	if healthy, _ := examine(t, asterisk, cfg); !healthy {
		t.Error("mended, it is still refused")
	}
}

// The shipped lines move a server that is elsewhere when they are included at the end, and not where the README puts them.
func TestHTTPServerStays(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{})
	etc := filepath.Join(asterisk.Dir, "etc")
	port := strings.TrimSuffix(strings.TrimPrefix(cfg.ARI.URL, "http://127.0.0.1:"), "/ari")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(etc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile(filepath.Join(etc, "site", "http.conf"))
	if err != nil {
		t.Fatal(err)
	}
	write("metaflows/http.conf", strings.Replace(string(shipped), "bindport = 8088", "bindport = "+port, 1)) // 8088 may be somebody's
	serves := func(text, address string) {
		t.Helper()
		write("http.conf", text)
		_, err := asterisk.CLI("module reload http")
		status, err2 := asterisk.CLI("http show status")
		if err != nil || err2 != nil || !strings.Contains(status, "Bound to "+address+":"+port) {
			t.Fatal(err, err2, status)
		}
	}
	const include = "#include metaflows/http.conf\n"
	own := "enabled = yes\nbindaddr = 127.0.0.2\nbindport = " + port + "\n"

	serves("[general]\n"+own, "127.0.0.2")
	serves("[general]\n"+own+include, "127.0.0.1")
	healthy, says := examine(t, asterisk, cfg)
	if healthy {
		t.Error("nothing is missed")
	}
	wants(t, says, "bindaddr from 127.0.0.2 (http.conf:3) to 127.0.0.1 (metaflows/http.conf:", "directly below [general]")

	serves("[general]\n"+include+own, "127.0.0.2")
	healthy, says = examine(t, asterisk, cfg)
	if healthy {
		t.Error("nobody answers at the old address")
	}
	wants(t, says, "METAFLOWS_ARI_URL=http://127.0.0.2:"+port+"/ari")
	cfg.ARI.URL = "http://127.0.0.2:" + port + "/ari"
	if healthy, says = examine(t, asterisk, cfg); !healthy {
		t.Error("it is refused")
	}
	wants(t, says, "ok      http.conf has the HTTP server at 127.0.0.2:"+port)
}

// The folder for recordings is missing, then Asterisk may not write into it: the doctor's lines make it right.
func TestRecordingFolder(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{})
	spool, err := asterisk.CLI("core show settings")
	if err != nil {
		t.Fatal(err)
	}
	_, spool, _ = strings.Cut(spool, "Spool directory:")
	spool = strings.Fields(spool)[0]
	lines := []string{"MISSING calls cannot be recorded", "mkdir -p " + spool + "/recording\n", "chown asterisk: " + spool + "/recording\n"}
	if err := os.Remove(asterisk.RecordingDir); err != nil {
		t.Fatal(err)
	}
	var says strings.Builder
	doctor.Examine(t.Context(), cfg, "", &says)
	t.Log(says.String())
	wants(t, says.String(), lines...)

	if err := os.Mkdir(asterisk.RecordingDir, 0o755); err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(asterisk.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if stat := owner.Sys().(*syscall.Stat_t); int(stat.Uid) != os.Getuid() { // else Asterisk is us, who may
		_, text := examine(t, asterisk, cfg)
		wants(t, text, append(lines, "a recording has no file")...)
		if err := os.Chown(asterisk.RecordingDir, int(stat.Uid), int(stat.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	_, text := examine(t, asterisk, cfg)
	wants(t, text, "ok      Asterisk can write recordings")
}
