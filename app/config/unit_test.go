package config

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unit has the systemd unit's settings and data in a folder.
func unit(t *testing.T, settings string) (data string) {
	t.Helper()
	dir := t.TempDir()
	was := [3]string{unitSettings, unitData, unitPassword}
	unitSettings, unitData, unitPassword = filepath.Join(dir, "metaflows.env"), filepath.Join(dir, "state"), filepath.Join(dir, "ari.password")
	t.Cleanup(func() { unitSettings, unitData, unitPassword = was[0], was[1], was[2] })
	if settings != "" {
		if err := os.WriteFile(unitSettings, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return unitData
}

// TestLoadForCommand: a command has the settings of the unit where the environment has none, needs no password of ARI unless
// it speaks to Asterisk, and finds the token where the program keeps it.
func TestLoadForCommand(t *testing.T) {
	const settings = "# a comment\n; another\n\nMETAFLOWS_HTTP_ADDR=127.0.0.1:8001\n METAFLOWS_NODE = \"n7\" \nMETAFLOWS_BINDING_DIGIT='#'\n" +
		"METAFLOWS_PRECEDENCE=kazoo\nMETAFLOWS_ADMIN_TOKEN_FILE=/does/not/exist\nMETAFLOWS_ARI_PASSWORD_FILE=/does/not/exist\nPATH=/nowhere\nnonsense\n"
	data := unit(t, settings)
	path := os.Getenv("PATH")
	environment(t, map[string]string{"METAFLOWS_PRECEDENCE": "device", "METAFLOWS_ADMIN_TOKEN": "a-token-that-was-given"})
	c, warnings, err := LoadForCommand(false)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if c.HTTP.Addr != "127.0.0.1:8001" || c.Node != "n7" || c.BindingDigit != "#" || c.Precedence != "device" || os.Getenv("PATH") != path || c.DataDir != "data" {
		t.Errorf("%+v", c)
	}
	if token, err := c.SuperAdminToken(); err != nil || token != "a-token-that-was-given" {
		t.Error(token, err)
	}
	if _, _, err := LoadForCommand(true); err == nil || !strings.Contains(err.Error(), "METAFLOWS_ARI_PASSWORD_FILE=") {
		t.Error("who speaks to Asterisk needs the password:", err)
	}

	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := KeptSecret(filepath.Join(data, "admin.token")); err != nil {
		t.Fatal(err)
	}
	environment(t, nil)
	if err := os.Remove(unitSettings); err != nil {
		t.Fatal(err)
	}
	c, _, err = LoadForCommand(false)
	if token, problem := c.SuperAdminToken(); err != nil || problem != nil || len(token) != 52 || c.DataDir != data {
		t.Error(err, problem, len(token), c.DataDir)
	}
	if err := os.Mkdir("data", 0o700); err != nil { // the one of this folder comes first
		t.Fatal(err)
	}
	c, _, err = LoadForCommand(false)
	if _, problem := c.SuperAdminToken(); err != nil || problem == nil || !strings.HasPrefix(problem.Error(), "the token in data/admin.token cannot be read: no such file or directory; accepted is") {
		t.Error(err, problem)
	}
	t.Setenv("METAFLOWS_DATA_DIR", data)
	if c, _, err = LoadForCommand(false); err != nil || c.DataDir != data {
		t.Error(err, c.DataDir)
	}
}

// TestUnitPassword: who speaks to Asterisk finds the password that the unit gives the program, unless another is given.
func TestUnitPassword(t *testing.T) {
	unit(t, "")
	environment(t, nil)
	if _, _, err := LoadForCommand(true); !errors.Is(err, errMissingPassword) {
		t.Error("without a password:", err)
	}
	if err := os.WriteFile(unitPassword, []byte("of the unit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{"", "another"} {
		environment(t, map[string]string{"METAFLOWS_ARI_PASSWORD": given})
		want := cmp.Or(given, "of the unit")
		if c, warnings, err := LoadForCommand(true); err != nil || len(warnings) > 0 || c.ARI.Password != want {
			t.Errorf("with %q: %q, want %q (%v, %v)", given, c.ARI.Password, want, err, warnings)
		}
	}
	environment(t, nil)
	if err := errors.Join(os.Remove(unitPassword), os.Mkdir(unitPassword, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadForCommand(true); err == nil || !strings.Contains(err.Error(), unitPassword) {
		t.Error("one that cannot be read is not named:", err)
	}
	environment(t, nil)
}

// TestUnitSettingsThatCannotBeRead are told, and the command goes on with what there is.
func TestUnitSettingsThatCannotBeRead(t *testing.T) {
	unit(t, "")
	if err := os.Mkdir(unitSettings, 0o700); err != nil {
		t.Fatal(err)
	}
	environment(t, nil)
	if _, warnings, err := LoadForCommand(false); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "metaflows.env") {
		t.Error(err, warnings)
	}
}

// TestWrongUnitSettings: what is wrong there stops a command as it stops the program.
func TestWrongUnitSettings(t *testing.T) {
	for settings, want := range map[string]string{
		"METAFLOWS_ABSORB=always\n":          `METAFLOWS_ABSORB="always" is wrong; accepted is armed or off`,
		"METAFLOWS_HTTP_ADDRR=127.0.0.1:1\n": "METAFLOWS_HTTP_ADDRR is not a variable of metaflows; did you mean METAFLOWS_HTTP_ADDR?",
	} {
		unit(t, settings)
		environment(t, nil)
		if _, _, err := LoadForCommand(false); err == nil || err.Error() != want {
			t.Errorf("%s: %v", settings, err)
		}
		environment(t, nil)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"calls", "call", "tail", "health"}
	for name, want := range map[string]string{"cals": "calls", "cal": "call", "tial": "tail", "heath": "health", "--cals": "calls", "haelt": "health", "foo": "", "run": "", "": "", "ta": "", "c": "", "callers": "calls"} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
