package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"metaflows/app/server"
	asteriskconf "metaflows/asterisk-conf"
)

// written reads a file of that text; "" is one that is not there.
func written(t *testing.T, name, text string) *configuration {
	t.Helper()
	if text == "" {
		return nil
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := read(folder, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Of what the files have, no line is given to be written into them again; of what they lack, all are, and what they replace.
func TestContextNotLoaded(t *testing.T) {
	shipped := asteriskconf.Context(asteriskconf.HangupHandler)
	text := strings.Join(shipped, "\n") + "\n"
	here := append([]string{"in extensions.conf:"}, shipped...)
	instead := append([]string{"in place of [metaflows-orphan] at extensions.conf:1:"}, shipped...)
	for name, tt := range map[string]struct {
		file  string
		lacks string
		what  string
		lines []string
	}{
		"nowhere":             {"[acme]\n", "s,1", "the handler is not in the dialplan", here},
		"no files":            {"", "s,1", "the handler is not in the dialplan", here},
		"older, no files":     {"", "v7,1", "the handler is an older one: it has no v7,1 in the dialplan", append([]string{"in extensions.conf, in its place:"}, shipped...)},
		"an older one":        {strings.Join(shipped[:4], "\n") + "\n", "v7,1", "the handler is an older one: it has no v7,1 in the dialplan", instead},
		"an older unloaded":   {strings.Join(shipped[:4], "\n") + "\n", "s,1", "the handler is not in the dialplan", instead},
		"only in the files":   {"[acme]\n" + text, "s,1", "the handler is not in the running dialplan, but in extensions.conf:2: it is not loaded", []string{reloadDialplan}},
		"newer in the files":  {text, "v7,1", "the handler has no v7,1 in the running dialplan, but in extensions.conf:1: it is not loaded", []string{reloadDialplan}},
		"commented out there": {"; " + strings.Join(shipped, "\n; ") + "\n", "s,1", "the handler is not in the dialplan", here},
		"loaded, older there": {strings.Join(shipped[:4], "\n") + "\n", "", "the handler is there, but at extensions.conf:1 is another or an older one", instead},
		"older before it":     {strings.Join(shipped[:4], "\n") + "\n" + text, "", "the handler is there, but at extensions.conf:1 is another or an older one", instead},
	} {
		t.Run(name, func(t *testing.T) {
			f := examineContext(written(t, "extensions.conf", tt.file), asteriskconf.HangupHandler, "the handler", tt.lacks)
			if f.level != missing || f.what != tt.what || !slices.Equal(f.lines, tt.lines) {
				t.Errorf("%s: %s\n%s", f.level, f.what, strings.Join(f.lines, "\n"))
			}
		})
	}
	for _, file := range []string{"", "[acme]\n", text, strings.ReplaceAll(text, " => ", "=>")} {
		if f := examineContext(written(t, "extensions.conf", file), asteriskconf.HangupHandler, "the handler", ""); f.level != "" || f.what != "the handler is there" {
			t.Errorf("%q: %s: %s", file, f.level, f.what)
		}
	}
}

// Of the forms that a handler has had none passes for the one of now: each lacks something that is asked for.
func TestOlderHandlersDiffer(t *testing.T) {
	asked := asteriskconf.Priorities(asteriskconf.HangupHandler)
	for lines := 3; lines <= 6; lines++ {
		has := func(at string) bool {
			extension, priority, _ := strings.Cut(at, ",")
			n, err := strconv.Atoi(priority)
			return err == nil && extension == "s" && n <= lines
		}
		if !slices.ContainsFunc(asked, func(at string) bool { return !has(at) }) {
			t.Errorf("a handler of %d lines passes for %q", lines, asked)
		}
	}
}

// Who changes a context gives its form another name, and notes here what it is now.
func TestContextsHaveNames(t *testing.T) {
	for name, want := range map[string]string{asteriskconf.HangupHandler: "46cdde8f", asteriskconf.Predial: "b1177d1e"} {
		sum := sha256.Sum256([]byte(strings.Join(asteriskconf.Context(name), "\n")))
		if got := hex.EncodeToString(sum[:4]); got != want {
			t.Errorf("%s has changed: has its extension v<number> another name, too? (%s)", name, got)
		}
	}
}

func TestChannelVarsNotLoaded(t *testing.T) {
	for text, line := range map[string]string{
		"": server.ChannelVarsLine, "[general]\n": server.ChannelVarsLine,
		"[general]\n" + server.ChannelVarsLine + "\nchannelvars = X\n":                                       server.ChannelVarsLine, // the last line counts
		"[general]\nchannelvars = X\n" + strings.ReplaceAll(server.ChannelVarsLine, ",", " , ") + ",OTHER\n": reloadARI,
	} {
		f := examineChannelVars(written(t, "ari.conf", text), []string{"METAFLOWS_CALL"})
		if f.level != missing || !strings.Contains(f.what, "METAFLOWS_CALL") || !slices.Contains(f.lines, line) || strings.Contains(f.what, "not loaded") != (line == reloadARI) {
			t.Errorf("%q: %s: %s %q", text, f.level, f.what, f.lines)
		}
	}
}

// Whether nobody answers for want of a line or of a reload; a password is never shown.
func TestServerNotLoaded(t *testing.T) {
	const url = "http://127.0.0.1:8088/ari"
	for text, loads := range map[string]bool{
		"": false, "[general]\nenabled = no\nbindaddr = 127.0.0.1\n": false, "[general]\nenabled = yes\n": false,
		"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = 8089\n": false, "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n": true,
	} {
		if at := written(t, "http.conf", text).serves(url); (at != nil) != loads {
			t.Errorf("%q: %v", text, at)
		}
	}
	for text, loads := range map[string]bool{
		"": false, "[general]\n": false, "[metaflows]\ntype = user\npassword = other\n": false, "[metaflows]\ntype = user\nread_only = yes\npassword = secret\n": false,
		"[metaflows]\ntype = user\npassword_format = crypt\npassword = secret\n": false, "[metaflows]\ntype = user\npassword = secret\n": true,
	} {
		at := written(t, "ari.conf", text).login("metaflows", "secret")
		if (at != nil) != loads {
			t.Errorf("%q: %v", text, at)
		}
		if f := notLoaded(at, "refused", reloadARI, []string{"a line"}); loads != slices.Equal(f.lines, []string{reloadARI}) || strings.Contains(f.what, "secret") {
			t.Errorf("%q: %s %q", text, f.what, f.lines)
		}
	}
}
