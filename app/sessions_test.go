package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/docker/logtest"
)

// played are the sections whose commands are typed into a shell, beside a metaflows that has just been started: what they
// answer is what stands there.
var played = []string{
	"README.md, A first document",
	"flows/README.md, Trying codes without a phone",
	"app/rest/README.md, A first try",
	"app/rest/README.md, Details",
	"app/rest/README.md, Logging in",
	"app/rest/README.md, Accounts, users, devices",
	"app/rest/README.md, Effective documents",
	"app/rest/README.md, Simulation",
}

// TestSessions types what the documentation types.
func TestSessions(t *testing.T) {
	texts := repository(t)
	for _, section := range played {
		t.Run(strings.ReplaceAll(section, "/", "|"), func(t *testing.T) {
			t.Parallel()
			path, _, _ := strings.Cut(section, ", ")
			commands := slices.DeleteFunc(commandsOf(t, path, texts[path]), func(c documented) bool { return c.where != section })
			if len(commands) == 0 {
				t.Fatal("it has no commands")
			}
			s := newSession(t)
			s.documents(texts["flows/README.md"], strings.HasSuffix(section, "Effective documents") || strings.HasSuffix(section, "Simulation"))
			for _, c := range commands {
				s.types(c)
			}
		})
	}
}

// session is a shell, in a folder of its own, beside a metaflows without an Asterisk. metaflows and curl are this test's binary.
type session struct {
	*testing.T
	folder, api string
	keys        io.Writer
	screen      *bufio.Reader
	shell       *os.Process
	shown       []string // pairs of what the documentation shows where it differs each time, and what has come instead
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{T: t, folder: t.TempDir()}
	var log logtest.Log
	program, _ := command(t, []string{
		"METAFLOWS_ARI_URL=http://127.0.0.1:1/ari", "METAFLOWS_ARI_PASSWORD=secret-of-ari", "METAFLOWS_DATA_DIR=" + filepath.Join(s.folder, "data"),
		"METAFLOWS_HTTP_ADDR=127.0.0.1:0", "METAFLOWS_NATS_LISTEN=off", `METAFLOWS_DIRECTORY_ENDPOINTS=PJSIP/\d+@trunk`,
	})
	program.Stdout, program.Stderr = &log, &log
	s.begin(program)
	address := regexp.MustCompile(`msg="the REST API listens" address=(\S+)`)
	for deadline := time.Now().Add(time.Minute); s.api == ""; time.Sleep(10 * time.Millisecond) {
		if found := address.FindStringSubmatch(log.String()); found != nil {
			s.api = "http://" + found[1]
		} else if time.Now().After(deadline) {
			t.Fatal("metaflows does not listen:", log.String())
		}
	}

	bin := t.TempDir()
	for name, variable := range map[string]string{"metaflows": "TEST_BE_METAFLOWS", "curl": "TEST_BE_CURL"} {
		script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", variable, os.Args[0])
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	shell := exec.CommandContext(t.Context(), "sh")
	shell.Dir, shell.Env = s.folder, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	keys, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	shell.Stderr = shell.Stdout
	s.keys, s.screen = keys, bufio.NewReader(screen)
	s.begin(shell)
	s.shell = shell.Process
	s.typed("TOKEN=$(cat data/admin.token) API=http://127.0.0.1:8000\n") // as "A first try" begins
	return s
}

// begin starts a process that ends with the test.
func (s *session) begin(cmd *exec.Cmd) {
	s.Helper()
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// documents are the files that flows/README.md shows, or names as wrong; stored: they are account acme's and a device's, too.
func (s *session) documents(text string, stored bool) {
	s.Helper()
	var shown string
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		if b[1] == "json" {
			shown = b[2]
		}
	}
	bad := `{"account":{"numbers":{"9":{"module":"record_call","data":{"action":"begin"}}},"patterns":{"2(\\d+":{"module":"transfer"}}}}`
	for name, text := range map[string]string{"flows.json": shown, "bad.json": bad} {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	if !stored {
		return
	}
	var levels map[string]json.RawMessage
	if err := json.Unmarshal([]byte(shown), &levels); err != nil {
		s.Fatal(err)
	}
	for level, uri := range map[string]string{"account": "acme", "device": "acme/devices/alice-desk"} {
		post := fmt.Sprintf("curl -X POST -H \"X-Auth-Token: $TOKEN\" $API/v2/accounts/%s/metaflows -d '{\"data\":%s}'\n", uri, levels[level])
		if answer := s.typed(post); !strings.Contains(answer, `"status":"success"`) {
			s.Fatal(answer)
		}
	}
}

// typed is what the shell says to a command.
func (s *session) typed(command string) string {
	s.Helper()
	const prompt = "-- that is all --"
	command = strings.ReplaceAll(command, "http://127.0.0.1:8000", s.api)
	if _, err := fmt.Fprintf(s.keys, "%s\necho; echo '%s'\n", command, prompt); err != nil {
		s.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { _ = s.shell.Kill() })
	defer stuck.Stop()
	var said strings.Builder
	for {
		line, err := s.screen.ReadString('\n')
		if err != nil {
			s.Fatalf("%s: %v after\n%s", command, err, &said)
		}
		if line == prompt+"\n" {
			return strings.TrimSpace(said.String())
		}
		said.WriteString(line)
	}
}

// types types a command of the documentation, and holds the answer against what stands there.
func (s *session) types(c documented) {
	s.Helper()
	got := s.typed(strings.NewReplacer(s.shown...).Replace(c.text))
	want := strings.TrimSpace(c.says)
	if got == want {
		return
	}
	if want, got = s.headers(want, got); want == got {
		return
	}
	var wanted, came any
	if err := json.Unmarshal([]byte(whole(want)), &wanted); err != nil {
		s.Errorf("%s\nsays\n%s\nand not\n%s", c.text, got, want)
		return
	}
	if err := json.Unmarshal([]byte(got), &came); err != nil {
		s.Errorf("%s\nsays what is no JSON:\n%s", c.text, got)
		return
	}
	if at := s.lacks("", wanted, came); at != "" {
		s.Errorf("%s\nhas another %s:\n%s\nand not\n%s", c.text, at, got, want)
	}
}

// headers holds the head of an answer against that of the documentation, where it has one, and leaves the bodies.
func (s *session) headers(want, got string) (wanted, came string) {
	s.Helper()
	if !strings.HasPrefix(want, "HTTP/") {
		return want, got
	}
	head, wanted, _ := strings.Cut(want, "\n\n")
	has, came, _ := strings.Cut(got, "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		name, _, _ := strings.Cut(line, ":")
		if slices.Contains([]string{"Date", "X-Request-Id", "Etag", "Content-Length"}, name) {
			line = name + ": "
		}
		if !strings.Contains("\n"+has+"\n", "\n"+line) {
			s.Errorf("no header %q in\n%s", line, has)
		}
	}
	return wanted, came
}

var (
	leftOut = regexp.MustCompile(`\{\.\.\.\}|\[\.\.\.\]`)
	goesOn  = regexp.MustCompile(`,\s*\.\.\.\s*(\}?)$`)
)

// whole makes JSON of what the documentation shows of an answer: what is left out is "...", and an answer's braces may be.
func whole(shown string) string {
	shown = goesOn.ReplaceAllString(leftOut.ReplaceAllString(shown, `"..."`), "$1")
	if strings.HasPrefix(shown, `"`) {
		return "{" + shown + "}"
	}
	return shown
}

// differ are the keys that have another value each time.
var differ = []string{"node", "request_id", "timestamp", "version", "revision", "created", "expires", "api_key", "api_key_id", "prefix"}

// lacks is where an answer is not what the documentation shows: "" if it is, or has more.
func (s *session) lacks(at string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		has, ok := got.(map[string]any)
		for key, value := range want {
			there, known := has[key]
			if !ok || !known {
				return at + "." + key
			}
			if lack := s.lacks(at+"."+key, value, there); lack != "" {
				return lack
			}
		}
		return ""
	case []any:
		has, ok := got.([]any)
		if !ok || len(has) != len(want) {
			return at
		}
		for i, value := range want {
			if lack := s.lacks(fmt.Sprint(at, ".", i), value, has[i]); lack != "" {
				return lack
			}
		}
		return ""
	case string:
		if want == "..." {
			return ""
		}
		has, ok := got.(string)
		beginning, cut := strings.CutSuffix(want, "...")
		key := at[strings.LastIndex(at, ".")+1:]
		switch {
		case !ok || has == "":
			return at
		case cut && strings.HasPrefix(has, beginning), slices.Contains(differ, key), key == "id" && len(want) == 32 && len(has) == 32:
			if len(want) > 16 { // a key or a token, that a later command has, too
				s.shown = append(s.shown, want, has)
			}
			return ""
		}
	}
	if want != got {
		return at
	}
	return ""
}

// curl does what the documentation does with curl: -X, -H, -d, -i, -s, -o and -w.
func curl(args []string) int {
	method, body, out, write, url := "", "", "", "", ""
	head, header := false, http.Header{}
	for len(args) > 0 {
		value := func() string { v := args[1]; args = args[1:]; return v }
		switch args[0] {
		case "-X":
			method = value()
		case "-H":
			name, text, _ := strings.Cut(value(), ": ")
			header.Set(name, text)
		case "-d":
			body = value()
		case "-o":
			out = value()
		case "-w":
			write = value()
		case "-i":
			head = true
		case "-s":
		default:
			url = args[0]
		}
		args = args[1:]
	}
	if method == "" && body != "" {
		method = "POST"
	}
	if body != "" {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return 3
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return 7
	}
	defer func() { _ = answer.Body.Close() }()
	if head {
		fmt.Println(answer.Proto, answer.Status)
		_ = answer.Header.Write(os.Stdout)
		fmt.Println()
	}
	if out == "" {
		_, _ = io.Copy(os.Stdout, answer.Body)
	}
	fmt.Print(strings.ReplaceAll(write, "%{http_code}", fmt.Sprint(answer.StatusCode)))
	return 0
}
