package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/app/config"
	"metaflows/app/egress"
	"metaflows/app/server"
)

// program is a metaflows without an Asterisk.
type program struct {
	*testing.T
	cfg  config.Config
	site Site
	stop func()
}

func start(t *testing.T, dir, address string) *program {
	t.Helper()
	var c config.Config
	c.ARI.URL, c.ARI.Username, c.ARI.Password, c.ARI.Application = "http://127.0.0.1:1/ari", "metaflows", "ari-password-1234", "metaflows"
	c.Node, c.NATS.Listen, c.HTTP.Addr, c.DataDir = "n1", "off", address, dir
	c.Events.MaxAge, c.Events.MaxBytes = time.Hour, 8<<20
	c.BindingDigit, c.DigitTimeout, c.Precedence, c.Directory, c.PatternSearch, c.Absorb = "*", 800*time.Millisecond, "device", "open", "start", "armed"
	c.BlockedAddresses, c.Recording.Max, c.Log.Level, c.Log.Format = egress.Default, time.Hour, "debug", "text"
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, c, server.Options{Version: "1.2.3", Listening: func(a server.Addresses) { listening <- a }})
	}()
	p := &program{T: t, cfg: c, stop: sync.OnceFunc(func() { cancel(); <-ended })}
	t.Cleanup(p.stop)
	select {
	case a := <-listening:
		p.site = Site{Address: a.HTTP, Token: c.SuperAdminToken, Binding: "*"}
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the stream is made beside the start
		if code, _, _ := p.run("call", "none"); code == 1 {
			if _, _, errs := p.run("call", "none"); strings.HasPrefix(errs, "no call is known") {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the event stream does not come")
		}
	}
}

// run runs a command and gives its exit code and what it says.
func (p *program) run(name string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Run(p.Context(), name, args, func() (Site, error) { return p.site, nil }, &o, &e)
	return code, o.String(), e.String()
}

// want runs a command that says something, on the right side.
func (p *program) want(code int, says string, name string, args ...string) {
	p.Helper()
	got, out, errs := p.run(name, args...)
	text := out
	if code != success {
		text = errs
	}
	if got != code || !strings.Contains(text, says) || code == success && errs != "" || code != success && out != "" {
		p.Errorf("%s %q: %d, want %d with %q\n%s%s", name, args, got, code, says, out, errs)
	}
}

// ask makes a request as the super-admin.
func (p *program) ask(method, path, body string) {
	p.Helper()
	token, err := p.site.Token()
	if err != nil {
		p.Fatal(err)
	}
	if _, err := New(p.site.Address, token).ask(p.Context(), method, path, []byte(body), nil); err != nil {
		p.Fatal(method, path, err)
	}
}

// TestCodes: whoever is meant by an endpoint, a user or a device is found in the directory or by a document, and what holds
// for him is shown with where it comes from.
func TestCodes(t *testing.T) {
	p := start(t, t.TempDir(), "127.0.0.1:0")
	p.want(failed, "desk is neither in the directory nor on a call", "codes", "desk")
	for path, body := range map[string]string{
		"/v2/accounts/acme/metaflows":              `{"data":{"numbers":{"9":{"module":"record_call","data":{"action":"toggle"}}},"patterns":{"2(\\d+)":{"module":"transfer"},"1.":{"module":"hangup"}}}}`,
		"/v2/accounts/acme/users/alice/metaflows":  `{"data":{"binding_digit":"#","numbers":{"9":{"module":"none"}}}}`,
		"/v2/accounts/acme/devices/desk/metaflows": `{"data":{"numbers":{"7":{"module":"hangup"}}}}`,
		"/v2/accounts/other/users/bob/metaflows":   `{"data":{"numbers":{"5":{"module":"hangup"}}}}`,
	} {
		p.ask("POST", path, body)
	}
	p.want(failed, "desk is neither in the directory nor on a call", "codes", "desk")
	p.want(success, "device desk, account acme\n*9", "codes", "desk", "--account", "acme") // whose it is is not known
	p.want(success, "user bob, account other\n*5", "codes", "--account=other", "bob")
	p.want(failed, "account other has no user, device or endpoint desk", "codes", "--account=other", "desk")
	p.ask("PUT", "/v2/accounts", `{"data":{"id":"acme","name":"Acme"}}`)
	p.ask("PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice","username":"al"}}`)
	p.ask("PUT", "/v2/accounts/acme/devices", `{"data":{"id":"desk","name":"Desk","owner_id":"alice","endpoint":"PJSIP/desk"}}`)
	want := `device desk of user alice, account acme
#9       none                            user alice, instead of the one of the account
#7       hangup                          device desk
#2(\d+)  transfer                        account acme
#1.      hangup                          account acme
`
	for _, name := range []string{"desk", "PJSIP/desk"} {
		code, out, errs := p.run("codes", name)
		if code != 0 || strings.Join(strings.Fields(out), " ") != strings.Join(strings.Fields(want), " ") || errs != "" {
			t.Errorf("%s: %d\n%s%s", name, code, out, errs)
		}
	}
	p.want(success, "user alice, account acme\n#9", "codes", "al")
	code, out, _ := p.run("codes", "--json", "alice")
	var answer struct {
		Origins struct {
			Numbers map[string]struct{ Source string }
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || answer.Origins.Numbers["9"].Source != "user" {
		t.Error(code, err, out)
	}
}

// TestWithoutCalls: what there is to say where nobody talks.
func TestWithoutCalls(t *testing.T) {
	p := start(t, t.TempDir(), "127.0.0.1:0")
	p.want(success, "there are no calls\n", "calls")
	p.want(success, "[]\n", "calls", "--json")
	p.want(success, "there are no calls\n", "calls", "--account", "acme")
	p.want(failed, "there is no live channel PJSIP/bob; metaflows calls lists them", "run", "PJSIP/bob", "hangup")
	p.want(failed, "the node is no JSON: ", "run", "PJSIP/bob", `{"module":`)
	p.want(failed, "accepted is 0 to 120 seconds", "run", "--wait", "121", "PJSIP/bob", "hangup")
	p.want(failed, "no call is known that has 1234 as id, channel, endpoint or number", "call", "1234")
	p.want(failed, "no call is known that has 1234", "call", "--account=acme", "1234")
}

// TestWrongSites: what is wrong is said in one line, and no token in it.
func TestWrongSites(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	t.Cleanup(other.Close)
	p := start(t, t.TempDir(), "127.0.0.1:0")
	right := p.site
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("no-such-token-12345\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		site Site
		args []string
		says string
	}{
		"nobody there":      {Site{Address: "127.0.0.1:1", Token: right.Token}, nil, "metaflows does not answer: "},
		"another program":   {Site{Address: strings.TrimPrefix(other.URL, "http://"), Token: right.Token}, nil, "is no metaflows: 200 OK"},
		"a wrong token":     {Site{Address: right.Address, Token: func() (string, error) { return "no-such-token-12345", nil }}, nil, "401 Unauthorized: invalid credentials"},
		"a wrong file":      {right, []string{"--token-file", file}, "401 Unauthorized: invalid credentials"},
		"no file":           {right, []string{"--token-file", file + ".not"}, "no such file"},
		"no token":          {Site{Address: right.Address, Token: func() (string, error) { return "", errors.New("it cannot be read") }}, nil, "it cannot be read"},
		"a word that is no": {right, []string{"--account", "a.b"}, "404 Not Found: invalid account_id 'a.b'"},
	} {
		p.site = c.site
		for _, command := range [][]string{{"calls"}, {"call", "x"}, {"codes", "x"}, {"tail"}, {"run", "x", "hangup"}} {
			args := slices.Concat(command[1:], c.args)
			code, out, errs := p.run(command[0], args...)
			if code != failed || out != "" || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "no-such-token") {
				t.Errorf("%s: %q: %d %s%s", name, command, code, out, errs)
			}
		}
	}
}

// lines are what a command that goes on says.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// until waits for what is said, as often as wanted.
func (l *lines) until(t *testing.T, says string, times int) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); strings.Count(l.all(), says) < times; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not said %d times:\n%s", says, times, l.all())
		}
	}
}

// TestTailAfter: what is typed wrong is named as it was typed.
func TestTailAfter(t *testing.T) {
	var out, errs bytes.Buffer
	find := func() (Site, error) {
		return Site{Address: "127.0.0.1:1", Token: func() (string, error) { return "secret", nil }}, nil
	}
	if code := Run(t.Context(), "tail", []string{"--after", "yesterday"}, find, &out, &errs); code != failed || !strings.HasPrefix(errs.String(), "--after yesterday is wrong; accepted is ") {
		t.Errorf("%d %s%s", code, &out, &errs)
	}
}

// TestTail: events are told as they come, each once, also when metaflows is started again meanwhile.
func TestTail(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "127.0.0.1:0")
	const path, body = "/v2/accounts/acme/metaflows", `{"data":{"numbers":{"9":{"module":"hangup"}}}}`
	p.ask("POST", path, body)
	ctx, cancel := context.WithCancel(t.Context())
	var told, programs, errs lines
	codes := make(chan int, 2)
	find := func() (Site, error) { return p.site, nil }
	go func() { codes <- Run(ctx, "tail", []string{"--after", "0"}, find, &told, &errs) }()
	go func() {
		codes <- Run(ctx, "tail", []string{"--json", "--account", "acme", "--after=0"}, find, &programs, &errs)
	}()
	told.until(t, "document.changed", 1)
	p.ask("DELETE", path, "")
	told.until(t, "document.changed", 2)
	address := p.site.Address
	p.stop()
	errs.until(t, "the connection is lost, and made again", 2)
	p = start(t, dir, address)
	p.ask("POST", path, body)
	told.until(t, "document.changed", 3)
	programs.until(t, "\n", 3)
	cancel()
	for range 2 {
		if code := <-codes; code != success {
			t.Error(code, errs.all())
		}
	}
	text := strings.Split(strings.TrimSpace(told.all()), "\n")
	if len(text) != 3 || !strings.Contains(text[0], "acme  -  document.changed") || !strings.HasSuffix(text[0], "/v2/accounts/acme/metaflows stored") || !strings.HasSuffix(text[1], "removed") {
		t.Errorf("%q", text)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(programs.all()), "\n") {
		var e struct{ Type, SpecVersion string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Type != "metaflows.v1.document.changed" || e.SpecVersion != "1.0" {
			t.Error(err, line)
		}
	}
}

// TestUsage: help is the command's own and no failure; what is not understood is one.
func TestUsage(t *testing.T) {
	for name, c := range commands {
		var out, errs bytes.Buffer
		find := func() (Site, error) { t.Error("asked for the site"); return Site{}, nil }
		if code := Run(t.Context(), name, []string{"--help"}, find, &out, &errs); code != success || !strings.HasPrefix(out.String(), "metaflows "+name) || errs.Len() > 0 {
			t.Errorf("%s --help: %d\n%s%s", name, code, &out, &errs)
		}
		out.Reset()
		for _, args := range [][]string{{"--dance"}, {"a", "b", "c", "d"}} {
			errs.Reset()
			if code := Run(t.Context(), name, args, find, &out, &errs); code != misusing || out.Len() > 0 || !strings.Contains(errs.String(), "metaflows "+name+" --help tells what there is") {
				t.Errorf("%s %q: %d\n%s%s", name, args, code, &out, &errs)
			}
		}
		if errs.Reset(); c.least > 0 && Run(t.Context(), name, nil, find, &out, &errs) != misusing {
			t.Errorf("%s without arguments", name)
		}
	}
}
