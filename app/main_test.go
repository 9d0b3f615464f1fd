package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is metaflows itself when it is told so, or curl.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_BE_METAFLOWS") != "" {
		os.Exit(run(os.Args[1:]))
	}
	if os.Getenv("TEST_BE_CURL") != "" {
		os.Exit(curl(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func command(t *testing.T, env []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "METAFLOWS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, "TEST_BE_METAFLOWS=1"), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		env  string
		args string
		code int
		says string
	}{
		{"", "version", 0, "metaflows "},
		{"", "--version", 0, "metaflows " + version},
		{"", "help", 0, "METAFLOWS_DIGIT_TIMEOUT"},
		{"", "--help", 0, "metaflows doctor"},
		{"", "-h", 0, "metaflows tail"},
		{"", "help tail", 0, "metaflows tail [--account A]"},
		{"", "help help", 0, "METAFLOWS_DIGIT_TIMEOUT"},
		{"", "tial", 2, "metaflows has no command tial; did you mean tail? metaflows --help tells what there is\n"},
		{"", "--cals", 2, "did you mean calls?"},
		{"", "foo", 2, "metaflows has no command foo; metaflows --help tells what there is\n"},
		{"", "doctor now", 2, "metaflows doctor takes no arguments, and these are some: now\n"},
		{"", "version now", 2, "metaflows version takes no arguments"},
		{"", "health now", 2, "metaflows health\nmetaflows health --help tells what there is\n"},
		{"METAFLOWS_HTTP_ADDR=127.0.0.1:1", "health", 1, "metaflows does not answer: "},
		{"METAFLOWS_HTTP_ADDR=127.0.0.1:1 METAFLOWS_DATA_DIR=/does/not/exist", "calls", 1, "the token in /does/not/exist/admin.token cannot be read: no such file or directory; accepted is METAFLOWS_DATA_DIR"},
		{"METAFLOWS_HTTP_ADDR=127.0.0.1:1 METAFLOWS_ADMIN_TOKEN=secret-of-ari-0123", "calls", 1, "metaflows does not answer: "},
		{"METAFLOWS_HTTP_ADDR=here", "tail", 1, `METAFLOWS_HTTP_ADDR="here" is wrong; accepted is host:port`},
		{"", "", 1, "METAFLOWS_ARI_PASSWORD is not set"},
		{"METAFLOWS_ARI_PASSWORD=secret-of-ari METAFLOWS_ABSORB=always", "", 1, `METAFLOWS_ABSORB="always" is wrong; accepted is armed or off`},
		{"METAFLOWS_ARI_URL=http://127.0.0.1:1/ari", "doctor", 1, "METAFLOWS_ARI_PASSWORD is not set"},
		{"METAFLOWS_ARI_PASSWORD=secret-of-ari METAFLOWS_ARI_URL=http://127.0.0.1:1/ari", "doctor --repair", 1, "nobody answers at http://127.0.0.1:1/ari"},
		{"", "doctor --repair now", 2, "metaflows doctor"},
		{"METAFLOWS_ARI_PASSWORD=secret-of-ari METAFLOWS_ARI_URL=http://127.0.0.1:1/ari", "doctor", 1, "nobody answers at http://127.0.0.1:1/ari"},
		{"METAFLOWS_DATA_DIR=/does/not/exist", "documents recover", 0, "nothing is asked: /does/not/exist has no question"},
		{"", "documents", 2, "metaflows documents --help tells what there is"},
		{"", "documents foo", 2, "metaflows documents has no command foo; metaflows documents --help tells what there is\n"},
		{"", "documents recovr", 2, "metaflows documents has no command recovr; did you mean recover?"},
	} {
		cmd, out := command(t, strings.Fields(c.env), strings.Fields(c.args)...)
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(out.String(), c.says) || strings.Contains(out.String(), "secret-of-ari") {
			t.Errorf("%s %s: %d\n%s", c.env, c.args, code, out)
		}
	}
}

func TestSignalEndsItOrderly(t *testing.T) {
	dir := t.TempDir()
	cmd, out := command(t, []string{
		"METAFLOWS_ARI_URL=http://127.0.0.1:1/ari", "METAFLOWS_ARI_PASSWORD=secret-of-ari", "METAFLOWS_DATA_DIR=" + dir,
		"METAFLOWS_HTTP_ADDR=127.0.0.1:0", "METAFLOWS_NATS_LISTEN=off", "METAFLOWS_LOG_FORMAT=json", "METAFLOWS_UNKNOWN_THING=1",
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "admin.token")); err == nil {
			break
		}
	}
	time.Sleep(500 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"warning: METAFLOWS_UNKNOWN_THING", `"msg":"stopped"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// TestEveryCommandHasHelp: it is the command's own, comes without settings, and is no failure.
func TestEveryCommandHasHelp(t *testing.T) {
	for _, c := range commands() {
		names := []string{c.name}
		if c.name == "documents" {
			names = append(names, "documents recover", "documents get", "documents put", "documents diff")
		}
		for _, name := range names {
			cmd, out := command(t, []string{"METAFLOWS_ABSORB=wrong"}, append(strings.Fields(name), "--help")...)
			err := cmd.Run()
			if text := out.String(); err != nil || !strings.HasPrefix(text, "metaflows "+strings.Replace(name, "help", "gives", 1)) || c.name != "help" && strings.Contains(text, "METAFLOWS_NATS_URL ") {
				t.Errorf("%s --help: %v\n%s", name, err, text)
			}
		}
	}
}
