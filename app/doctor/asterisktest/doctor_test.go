// Package asterisktest holds the doctor's tests on a real Asterisk, apart from those that need none.
package asterisktest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"metaflows/app/config"
	"metaflows/app/doctor"
	"metaflows/docker/pbx"
)

func start(t *testing.T, options pbx.Options) (*pbx.Server, config.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	asterisk, err := pbx.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = asterisk.Stop() })
	var cfg config.Config
	cfg.ARI.URL, cfg.ARI.Username, cfg.ARI.Password, cfg.ARI.Application = asterisk.ARIURL, pbx.ARIUser, asterisk.ARIPassword, "metaflows"
	return asterisk, cfg
}

// examine runs the doctor and checks that it leaves nothing behind.
func examine(t *testing.T, asterisk *pbx.Server, cfg config.Config) (healthy bool, says string) {
	t.Helper()
	var out strings.Builder
	healthy = doctor.Examine(t.Context(), cfg, filepath.Join(asterisk.Dir, "etc"), &out)
	t.Log(out.String())
	if files, err := os.ReadDir(asterisk.RecordingDir); err != nil || len(files) != 0 {
		t.Error("recordings are left over", files, err)
	}
	for range 100 {
		channels, err := asterisk.Channels(t.Context())
		bridges, err2 := asterisk.Bridges(t.Context())
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if len(channels) == 0 && len(bridges) == 0 {
			return healthy, out.String()
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("channels or bridges are left over")
	return healthy, out.String()
}

func TestHealthy(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{})
	healthy, says := examine(t, asterisk, cfg)
	if !healthy || strings.Count(says, "ok ") != 9 || strings.Count(says, "NOTE ") != 2 ||
		!strings.Contains(says, "NOTE    the application metaflows is held by nobody now") || !strings.Contains(says, "NOTE    1 of 6 endpoints have no METAFLOWS_ACCOUNT, so no codes, and cannot transfer: outside (pjsip.conf:") {
		t.Error("the lab's Asterisk is refused")
	}
	cfg.ARI.Password = "wrong"
	if healthy, says := examine(t, asterisk, cfg); healthy || !strings.Contains(says, "refuses the login") || strings.Contains(says, "wrong") {
		t.Error("a wrong password is not noticed")
	}
}

func TestMissingLines(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{Append: map[string]string{
		"ari.conf": "\n[general](+)\nchannelvars = METAFLOWS_ACCOUNT,METAFLOWS_USER\n",
	}})
	healthy, says := examine(t, asterisk, cfg)
	if healthy {
		t.Error("nothing is missed")
	}
	for _, line := range []string{
		"ari.conf does not list METAFLOWS_DEVICE, METAFLOWS_CONTEXT, METAFLOWS_CALL, METAFLOWS_ROLE",
		"channelvars = METAFLOWS_ACCOUNT,METAFLOWS_USER,METAFLOWS_DEVICE,METAFLOWS_CONTEXT,METAFLOWS_CALL,METAFLOWS_ROLE",
	} {
		if !strings.Contains(says, line) {
			t.Errorf("it does not say %q", line)
		}
	}
}

// What the files have and the running dialplan does not wants no lines, but a reload. ARI says only which lines a context
// has, and not what they do: one that lacks any of the shipped one, or the name of its form, is an old one.
func TestOldDialplan(t *testing.T) {
	for _, tt := range []struct {
		name, remove string
		says         []string
	}{
		{"no handler", "context metaflows-orphan", []string{"MISSING the hangup handler metaflows-orphan is not in the running dialplan, but in site/extensions.conf:"}},
		{"an older handler", "extension v7@metaflows-orphan", []string{"MISSING the hangup handler metaflows-orphan has no v7,1 in the running dialplan, but in site/extensions.conf:"}},
		{"nothing for options b and B", "context metaflows-predial", []string{"MISSING the context metaflows-predial, which options b and B need, is not in the running dialplan, but in site/extensions.conf:"}},
		{"less for options b and B", "extension s@metaflows-predial 3", []string{"MISSING the context metaflows-predial, which options b and B need, has no s,3 in the running dialplan, but in site/extensions.conf:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asterisk, cfg := start(t, pbx.Options{})
			if _, err := asterisk.CLI("dialplan remove " + tt.remove); err != nil {
				t.Fatal(err)
			}
			healthy, says := examine(t, asterisk, cfg)
			if healthy {
				t.Error("it is not noticed")
			}
			wants(t, says, append(tt.says, `asterisk -rx "dialplan reload"`)...)
			if strings.Contains(says, "[metaflows-") {
				t.Error("it gives lines that are there already")
			}
			if _, err := asterisk.CLI("dialplan reload"); err != nil {
				t.Fatal(err)
			}
			if healthy, _ := examine(t, asterisk, cfg); !healthy {
				t.Error("reloaded, it is still refused")
			}
		})
	}
}

func TestReadOnlyUser(t *testing.T) {
	asterisk, cfg := start(t, pbx.Options{Append: map[string]string{
		"ari.conf": "\n[watcher]\ntype = user\nread_only = yes\npassword_format = plain\npassword = looks\n",
	}})
	cfg.ARI.Username, cfg.ARI.Password = "watcher", "looks"
	if healthy, says := examine(t, asterisk, cfg); healthy || !strings.Contains(says, "read_only = no") {
		t.Error("a user who may only read is not noticed")
	}
}
