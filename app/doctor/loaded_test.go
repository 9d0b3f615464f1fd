package doctor

import (
	"os"
	"path/filepath"
	"slices"
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

// Of what the files have, no line is given to be written into them again; of what they lack, all are.
func TestContextNotLoaded(t *testing.T) {
	shipped := asteriskconf.Context(asteriskconf.HangupHandler)
	for name, tt := range map[string]struct {
		file     string
		priority int
		what     string
		lines    []string
	}{
		"nowhere":             {"[acme]\n", 1, "the handler is not in the dialplan", append([]string{"in extensions.conf:"}, shipped...)},
		"no files":            {"", 1, "the handler is not in the dialplan", append([]string{"in extensions.conf:"}, shipped...)},
		"an older one":        {strings.Join(shipped[:5], "\n") + "\n", 5, "the handler is an older one: it has no priority 5 in the dialplan", append([]string{"in extensions.conf, in its place:"}, shipped...)},
		"only in the files":   {"[acme]\n" + strings.Join(shipped, "\n") + "\n", 1, "the handler is not in the running dialplan, but in extensions.conf:2: it is not loaded", []string{reloadDialplan}},
		"newer in the files":  {strings.Join(shipped, "\n") + "\n", 5, "the handler has no priority 5 in the running dialplan, but in extensions.conf:1: it is not loaded", []string{reloadDialplan}},
		"commented out there": {"; " + strings.Join(shipped, "\n; ") + "\n", 1, "the handler is not in the dialplan", append([]string{"in extensions.conf:"}, shipped...)},
	} {
		t.Run(name, func(t *testing.T) {
			f := examineContext(written(t, "extensions.conf", tt.file), asteriskconf.HangupHandler, "the handler", tt.priority)
			if f.level != missing || f.what != tt.what || !slices.Equal(f.lines, tt.lines) {
				t.Errorf("%s: %s\n%s", f.level, f.what, strings.Join(f.lines, "\n"))
			}
		})
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
