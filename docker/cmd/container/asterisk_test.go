package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	asteriskconf "metaflows/asterisk-conf"
)

func TestAsteriskConfiguration(t *testing.T) {
	s := settings{Addr: "192.0.2.1", SIPPort: 5070, RTPPorts: "10000-10039", LocalNet: "172.29.87.128/25", NATS: "nats", Logins: folder(t.TempDir())}
	if _, err := s.asterisk("/run/asterisk"); err == nil {
		t.Error("there is a configuration without logins")
	}
	logins(t, s)
	values, err := s.asterisk("/run/asterisk")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := asteriskconf.Render(dir, values); err != nil {
		t.Fatal(err)
	}
	if err := contain(dir); err != nil {
		t.Fatal(err)
	}
	passwords, err := s.Logins.phonePasswords()
	if err != nil {
		t.Fatal(err)
	}
	for file, wants := range map[string][]string{
		"pjsip.conf": {
			"bind = 0.0.0.0:5070\nexternal_media_address = 192.0.2.1\nexternal_signaling_address = 192.0.2.1\nlocal_net = 172.29.87.128/25\n",
			"password = " + passwords["alice"] + "\n", "qualify_frequency = 30\n", "rtp_symmetric = yes\n",
		},
		"rtp.conf":    {"rtpstart = 10000\nrtpend = 10039\n"},
		"logger.conf": {"console => "},
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q in\n%s", file, want, text)
			}
		}
	}
	http, err := os.ReadFile(filepath.Join(dir, "http.conf"))
	if err != nil || !strings.HasSuffix(string(http), "[general](+)\nbindaddr = 0.0.0.0\n") {
		t.Errorf("ARI is not reached from another container: %s %v", http, err)
	}
}

func TestPortRange(t *testing.T) {
	if first, last, err := portRange("10000-10039"); first != 10000 || last != 10039 || err != nil {
		t.Error(first, last, err)
	}
	for _, wrong := range []string{"", "10000", "10000-", "10039-10000", "10000-10001", "80-200", "65000-65536", "a-b"} {
		if _, _, err := portRange(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}
