package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"metaflows/app/egress"
)

// environment sets the variables given and removes every other of ours.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix+"_") {
			t.Setenv(name, "") // so that it is put back
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range set {
		t.Setenv(name, value)
	}
}

func TestDefaults(t *testing.T) {
	environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD": "s", "METAFLOWS_HTTP_ADDR": "", "METAFLOWS_EVENTS_MAX_BYTES": "", "LOG_LEVEL": "nonsense", "NODE": "not ours"})
	c, warnings, err := Load()
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	if c.ARI.URL != "http://127.0.0.1:8088/ari" || c.ARI.Username != "metaflows" || c.ARI.Application != "metaflows" ||
		c.NATS.URL != "" || c.NATS.Listen != "127.0.0.1:4222" || c.Events.MaxAge != 0 || c.Events.MaxBytes != 0 ||
		c.HTTP.Addr != "127.0.0.1:8000" || c.DataDir != "data" || c.Auth.RateLimit != 10 ||
		c.Account.MaxDocuments != 25000 || c.Account.MaxBytes != 64<<20 || c.Account.MaxAPIKeys != 100 || c.Account.MaxUsers != 20000 || c.Account.MaxDevices != 20000 ||
		c.Pprof.Addr != "" || c.AdminToken != "" || c.BindingDigit != "*" ||
		c.DigitTimeout != 800*time.Millisecond || c.Precedence != "device" || c.Directory != "open" || c.PatternSearch != "start" ||
		c.Absorb != "armed" || c.BlockedAddresses != egress.Default || c.Recording.Max != 2*time.Hour || c.Recording.DeliveryFor != 24*time.Hour || c.Recording.Retention != 0 || c.Recording.Keep != "no" || c.Recordings.MaxBytes != 0 || c.Log.Level != "info" || c.Log.Format != "text" {
		t.Errorf("%+v", c)
	}
	if !word.MatchString(c.Node) || c.Node == "not ours" {
		t.Errorf("node %q", c.Node)
	}
}

// Every variable of the struct has the name that envconfig gives it: each is set to a wrong value, and refused by name.
func TestEveryVariableIsRead(t *testing.T) {
	free := map[string]bool{"METAFLOWS_ARI_USERNAME": true, "METAFLOWS_ARI_PASSWORD": true, "METAFLOWS_DATA_DIR": true}
	if n := len(variables()); n != 37 {
		t.Errorf("%d variables, app/README.md has 37", n)
	}
	for _, v := range variables() {
		if v.About == "" || v.Accepts == "" {
			t.Errorf("%s is not described", v.Name)
		}
		if free[v.Name] {
			continue
		}
		environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD": "s", v.Name: "a b\tc"})
		_, _, err := Load()
		if err == nil || !strings.Contains(err.Error(), v.Name) || !strings.Contains(err.Error(), v.Accepts) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

func TestWrongValues(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, want string }{
		{"METAFLOWS_ARI_URL", "127.0.0.1:8088", `METAFLOWS_ARI_URL has a wrong value (not shown: it may have a login); accepted is an http or https URL`},
		{"METAFLOWS_ARI_URL", "ftp://h:1/ari", `METAFLOWS_ARI_URL="ftp://h:1/ari" is wrong; accepted is an http or https URL`},
		{"METAFLOWS_ARI_URL", "http://bob:hunter2@h/ari", `METAFLOWS_ARI_URL has a wrong value (not shown`},
		{"METAFLOWS_ARI_URL", "http://127.0.0.1:8088/ari?api_key=metaflows:hunter2", `METAFLOWS_ARI_URL="http://127.0.0.1:8088/ari" is wrong`},
		{"METAFLOWS_ARI_URL", "http://127.0.0.1:8088/ari#hunter2", `METAFLOWS_ARI_URL="http://127.0.0.1:8088/ari" is wrong`},
		{"METAFLOWS_ARI_APPLICATION", "a,b", "1 to 64 letters"},
		{"METAFLOWS_NODE", "pbx.example", "1 to 64 letters"},
		{"METAFLOWS_NATS_URL", "localhost", `METAFLOWS_NATS_URL has a wrong value (not shown`},
		{"METAFLOWS_NATS_URL", "http://u:hunter2@h", "not shown"},
		{"METAFLOWS_NATS_URL", "mynats:hunter2", "not shown"},
		{"METAFLOWS_NATS_URL", "nats://h, http://u:1/hunter2@h", "not shown"},
		{"METAFLOWS_NATS_URL", "nats://h:1,http://i", `METAFLOWS_NATS_URL="nats://h:1,http://i" is wrong`},
		{"METAFLOWS_NATS_URL_FILE", "/nowhere", "no such file"},
		{"METAFLOWS_NODE_FILE", "/nowhere", "METAFLOWS_NODE_FILE: METAFLOWS_NODE cannot be given as a file; accepted are METAFLOWS_ARI_PASSWORD_FILE, METAFLOWS_NATS_URL_FILE, METAFLOWS_ADMIN_TOKEN_FILE"},
		{"METAFLOWS_NATS_CREDS_FILE", "/nowhere", "METAFLOWS_NATS_CREDS cannot be given as a file"},
		{"METAFLOWS_NATS_CREDS", "/nowhere", "path of a readable file"},
		{"METAFLOWS_NATS_CREDS", dir, "path of a readable file"},
		{"METAFLOWS_NATS_LISTEN", "4222", "host:port or off"},
		{"METAFLOWS_BLOCKED_ADDRESSES", "loopback,10.0.0.0/33", "or none"},
		{"METAFLOWS_NATS_LISTEN", "h:99999", "host:port or off"},
		{"METAFLOWS_EVENTS_MAX_AGE", "30d", `METAFLOWS_EVENTS_MAX_AGE="30d" is wrong; accepted is a duration`},
		{"METAFLOWS_EVENTS_MAX_AGE", "-1h", `METAFLOWS_EVENTS_MAX_AGE="-1h"`},
		{"METAFLOWS_EVENTS_MAX_BYTES", "1 gig", `METAFLOWS_EVENTS_MAX_BYTES="1 gig"`},
		{"METAFLOWS_EVENTS_MAX_BYTES", "12", "1MiB or more"},
		{"METAFLOWS_HTTP_ADDR", ":http", "host:port"},
		{"METAFLOWS_PPROF_ADDR", "0.0.0.0:6060", `METAFLOWS_PPROF_ADDR="0.0.0.0:6060" is wrong; accepted is host:port of this machine`},
		{"METAFLOWS_PPROF_ADDR", ":6060", "of this machine"},
		{"METAFLOWS_PPROF_ADDR", "[::]:6060", "of this machine"},
		{"METAFLOWS_PPROF_ADDR", "192.0.2.1:6060", "of this machine"},
		{"METAFLOWS_PPROF_ADDR", "localhost.example:6060", "of this machine"},
		{"METAFLOWS_PPROF_ADDR", "127.0.0.1", "of this machine"},
		{"METAFLOWS_BINDING_DIGIT", "**", "one of 0-9 * #"},
		{"METAFLOWS_BINDING_DIGIT", "A", "one of 0-9 * #"},
		{"METAFLOWS_DIGIT_TIMEOUT", "800", `METAFLOWS_DIGIT_TIMEOUT="800"`},
		{"METAFLOWS_DIGIT_TIMEOUT", "0s", "1ms to 1m"},
		{"METAFLOWS_PRECEDENCE", "user", "device or kazoo"},
		{"METAFLOWS_DIRECTORY", "closed", "open or strict"},
		{"METAFLOWS_PATTERN_SEARCH", "end", "start or anywhere"},
		{"METAFLOWS_ABSORB", "always", "armed or off"},
		{"METAFLOWS_RECORDING_MAX", "0s", "a second or more"},
		{"METAFLOWS_RECORDING_DELIVERY_FOR", "0s", "a second or more"},
		{"METAFLOWS_RECORDING_RETENTION", "59m", "an hour or more"},
		{"METAFLOWS_RECORDING_KEEP", "true", `METAFLOWS_RECORDING_KEEP="true" is wrong; accepted is yes or no`},
		{"METAFLOWS_RECORDINGS_MAX_BYTES", "1KiB", "1MiB or more"},
		{"METAFLOWS_RECORDING_NAME", "{acount}/{call}/{id}", `METAFLOWS_RECORDING_NAME="{acount}/{call}/{id}" is wrong; accepted is folders and a name of letters, digits, _ . + - and {account},`},
		{"METAFLOWS_RECORDING_NAME", "../{call}/{id}", "folders and a name"},
		{"METAFLOWS_RECORDING_CDR", "true", `METAFLOWS_RECORDING_CDR="true" is wrong; accepted is yes or no`},
		{"METAFLOWS_LOG_LEVEL", "INFO", "debug, info, warn or error"},
		{"METAFLOWS_LOG_FORMAT", "xml", "text or json"},
		{"METAFLOWS_AUTH_RATE_LIMIT", "-1", `METAFLOWS_AUTH_RATE_LIMIT="-1" is wrong; accepted is a whole number`},
		{"METAFLOWS_AUTH_RATE_LIMIT", "10/s", "from 0 to 1000000"},
		{"METAFLOWS_ACCOUNT_MAX_DOCUMENTS", "-1", `METAFLOWS_ACCOUNT_MAX_DOCUMENTS="-1" is wrong; accepted is a whole number from 0`},
		{"METAFLOWS_ACCOUNT_MAX_BYTES", "64 megs", `METAFLOWS_ACCOUNT_MAX_BYTES="64 megs" is wrong; accepted is a size, as 64MiB, 1GiB, or 0`},
		{"METAFLOWS_ACCOUNT_MAX_API_KEYS", "many", `METAFLOWS_ACCOUNT_MAX_API_KEYS="many" is wrong`},
		{"METAFLOWS_ACCOUNT_MAX_USERS", "1e3", `METAFLOWS_ACCOUNT_MAX_USERS="1e3" is wrong`},
		{"METAFLOWS_ACCOUNT_MAX_DEVICES", "2000000000", "from 0 to 1000000000"},
		{"METAFLOWS_ACCOUNT_MAX_DEVICE", "10", "did you mean METAFLOWS_ACCOUNT_MAX_DEVICES?"},
		{"METAFLOWS_ADMIN_TOKEN", "hunter2", "METAFLOWS_ADMIN_TOKEN has a wrong value (not shown); accepted is 16"},
		{"METAFLOWS_ADMIN_TOKEN_FILE", "/nowhere", "no such file"},
		{"METAFLOWS_ADMIN_TOKEN_FILE", empty, "the file is empty"},
		{"METAFLOWS_ARI_PASSWORD_FILE", "/nowhere", "both set"},
		{"METAFLOWS_ARI_PASSWORT", "x", "did you mean METAFLOWS_ARI_PASSWORD?"},
		{"METAFLOWS_ARI_PASSWORD_FIL", "x", "did you mean METAFLOWS_ARI_PASSWORD_FILE?"},
		{"METAFLOWS_NODES", "x", "did you mean METAFLOWS_NODE?"},
		{"METAFLOWS_LOGLEVEL", "x", "did you mean METAFLOWS_LOG_LEVEL?"},
	} {
		environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD": "s", c.name: c.value})
		_, _, err := Load()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n\r") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s: %q", c.name, c.value, err)
		}
	}
	environment(t, nil)
	if _, _, err := Load(); err == nil || !strings.HasPrefix(err.Error(), "METAFLOWS_ARI_PASSWORD is not set") {
		t.Error(err)
	}
}

func TestUnknownIsAWarning(t *testing.T) {
	set := map[string]string{"METAFLOWS_ARI_PASSWORD": "s"}
	names := []string{
		"METAFLOWS_COLOUR_OF_THE_SKY", "METAFLOWS_NAME", "METAFLOWS_PORT", "METAFLOWS_PORT_8000_TCP", "METAFLOWS_PORT_8000_TCP_ADDR",
		"METAFLOWS_SERVICE_HOST", "METAFLOWS_SERVICE_PORT", "METAFLOWS_SERVICE_PORT_HTTP", "METAFLOWS_NATS_SERVICE_HOST",
	}
	for _, n := range names {
		set[n] = "tcp://10.0.0.1:8000"
	}
	environment(t, set)
	_, warnings, err := Load()
	if err != nil || len(warnings) != len(names) {
		t.Error(err, warnings)
	}
}

func TestSecretFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ari")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD_FILE": path, "METAFLOWS_ARI_PASSWORD": "", "METAFLOWS_ADMIN_TOKEN_FILE": ""})
	c, warnings, err := Load()
	if err != nil || len(warnings) != 0 || c.ARI.Password != "from a file" {
		t.Error(err, warnings, c.ARI.Password)
	}
	if err := os.WriteFile(path, []byte("nats://metaflows:hunter2@h:4222\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD": "s", "METAFLOWS_NATS_URL_FILE": path})
	if c, warnings, err := Load(); err != nil || len(warnings) != 0 || c.NATS.URL != "nats://metaflows:hunter2@h:4222" {
		t.Error(err, warnings)
	}
	if err := os.WriteFile(path, []byte("nats:hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(); err == nil || !strings.Contains(err.Error(), "METAFLOWS_NATS_URL has a wrong value") || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestKeptSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "admin.token")
	first, made, err := KeptSecret(path)
	if err != nil || !made || !isToken(first) {
		t.Fatal(first, made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	_ = os.Chmod(path, 0o644)
	second, made, err := KeptSecret(path)
	if err != nil || made || second != first {
		t.Error(second, made, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Error("the file stayed readable for others")
	}
	for _, content := range []string{"", "hunter2", "a secret with spaces", "a-long-secret\nwith-two-lines", strings.Repeat("x", 513)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := KeptSecret(path); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q was taken for a secret: %v", content, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]Size{"1GiB": 1 << 30, "1.5 MiB": 3 << 19, "2MB": 2e6, "100": 100, "7B": 7} {
		var s Size
		if err := s.Decode(in); err != nil || s != want {
			t.Errorf("%q: %d %v", in, s, err)
		}
	}
	for _, in := range []string{"", "GiB", "-1", "1GIB", "NaN", "inf", "9999999TiB", "1e400"} {
		var s Size
		if err := s.Decode(in); err == nil {
			t.Errorf("%q: %d", in, s)
		}
	}
}

func TestLogger(t *testing.T) {
	var c Config
	c.Log.Level, c.Log.Format = "warn", "json"
	var out bytes.Buffer
	log := c.Logger(&out)
	log.Info("no")
	log.Warn("yes")
	if s := out.String(); strings.Contains(s, "no") || !strings.Contains(s, `"msg":"yes"`) {
		t.Error(s)
	}
}

func TestHelpShowsNoSecret(t *testing.T) {
	environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD": "hunter2"})
	if h := Help(); strings.Contains(h, "hunter2") || !strings.Contains(h, "METAFLOWS_DIGIT_TIMEOUT") {
		t.Error(h)
	}
}

// What a variable is about stands below what another is about, however long their names and defaults are.
func TestHelpIsATable(t *testing.T) {
	column := 0
	for line := range strings.Lines(Help()) {
		for _, v := range variables() {
			if !strings.HasPrefix(line, "  "+v.Name+" ") {
				continue
			}
			at := strings.Index(line, v.About)
			if column == 0 {
				column = at
			}
			if at != column {
				t.Errorf("column %d, want %d: %s", at, column, line)
			}
		}
	}
	if column < 1 {
		t.Error(Help())
	}
}

// app/README.md lists every variable with its default.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, settings, found := strings.Cut(string(readme), "\n## Settings\n")
	settings, _, ended := strings.Cut(settings, "\n## ")
	if !found || !ended {
		t.Fatal("app/README.md has no settings")
	}
	for _, v := range variables() {
		name := "`" + strings.TrimPrefix(v.Name, prefix+"_") + "`"
		row := ""
		for line := range strings.Lines(settings) {
			if cells := strings.Split(line, "|"); len(cells) > 3 && strings.Contains(cells[1], name) {
				row = cells[2]
			}
		}
		if row == "" || v.Default != "" && !strings.Contains(row, "`"+v.Default+"`") {
			t.Errorf("app/README.md does not say that %s is %q where it is not set: %q", v.Name, v.Default, row)
		}
	}
}
