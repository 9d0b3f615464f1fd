package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	asteriskconf "metaflows/asterisk-conf"
)

// logins makes the logins of a folder anew.
func logins(t *testing.T, s settings) {
	t.Helper()
	if err := s.makeLogins(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir folder) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range append([]string{natsURL, natsConf, clusterConf, phonesFile}, secrets...) {
		value, err := dir.read(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir.path(name))
		if err != nil || info.Mode().Perm() != 0o444 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
		files[name] = value
	}
	return files
}

// What is there stays, all secrets differ, and phones have their names as passwords only where nobody else can try them.
func TestLogins(t *testing.T) {
	s := settings{Addr: "127.0.0.1", NATS: "nats-1,nats-2", Logins: folder(t.TempDir())}
	logins(t, s)
	first := read(t, s.Logins)
	logins(t, s)
	for name, value := range read(t, s.Logins) {
		if value != first[name] {
			t.Errorf("%s is another one after the second time", name)
		}
	}
	seen := map[string]bool{}
	for _, name := range secrets {
		if seen[first[name]] || len(first[name]) < 16 {
			t.Errorf("%s: %q", name, first[name])
		}
		seen[first[name]] = true
	}
	if want := "nats://metaflows:" + first[natsPassword] + "@nats-1:4222,nats://metaflows:" + first[natsPassword] + "@nats-2:4222"; first[natsURL] != want {
		t.Errorf("%s, want %s", first[natsURL], want)
	}

	passwords := func() map[string]string {
		all, err := s.Logins.phonePasswords()
		if err != nil || len(all) != len(asteriskconf.Phones()) {
			t.Fatal(all, err)
		}
		return all
	}
	for name, password := range passwords() {
		if name != password {
			t.Errorf("%s has the password %q on this machine alone", name, password)
		}
	}
	s.Addr = "192.0.2.1"
	logins(t, s)
	random := passwords()
	for name, password := range random {
		if name == password || len(password) != 16 {
			t.Errorf("%s has the password %q in a network", name, password)
		}
	}
	logins(t, s)
	if again := passwords(); again["alice"] != random["alice"] {
		t.Error("the passwords do not stay")
	}
}

func TestShow(t *testing.T) {
	dir := t.TempDir()
	s := settings{Addr: "127.0.0.1", SIPPort: 5070, APIPort: 8010, NATSPort: 4232, NATS: "nats", Logins: folder(dir)}
	logins(t, s)
	files := read(t, s.Logins)
	var out strings.Builder
	if err := s.show(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"127.0.0.1, port 5070", "  alice     alice             1001    acme\n", "http://127.0.0.1:8010", files[apiToken], "audit:" + files[auditPassword] + "@127.0.0.1:4232"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	for _, secret := range []string{files[ariPassword], files[natsPassword], files[routesPassword]} {
		if strings.Contains(out.String(), secret) {
			t.Error("a login of the program is shown")
		}
	}
	t.Setenv("LOGINS", dir)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"show", "-only", "token"}, 0, files[apiToken] + "\n"},
		{[]string{"show", "-only", "tokens"}, 1, ""},
		{[]string{"dance"}, 2, ""},
	} {
		var out, complaint strings.Builder
		if code := run(c.args, &out, &complaint); code != c.code || out.String() != c.says {
			t.Errorf("%v: %d %q %s", c.args, code, out.String(), &complaint)
		}
	}
}

// Phones are told ADDR, and ports are published there.
func TestAddr(t *testing.T) {
	for addr, accepted := range map[string]bool{
		"127.0.0.1": true, "192.168.1.10": true,
		"": false, "0.0.0.0": false, "::1": false, "::ffff:192.0.2.1": false, "lab.example.com": false, "192.168.1.10:5060": false, "224.0.0.1": false,
	} {
		dir := folder(t.TempDir())
		err := settings{Addr: addr, NATS: "nats", Logins: dir}.makeLogins()
		if (err == nil) != accepted || err != nil && !strings.Contains(err.Error(), fmt.Sprintf("ADDR=%q", addr)) {
			t.Errorf("%q: %v", addr, err)
		}
		if _, err := dir.read(phonesFile); (err == nil) != accepted {
			t.Errorf("%q: the phones' passwords: %v", addr, err)
		}
	}
}
