package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/docker/logtest"
	"metaflows/docker/program"
)

// child is a metaflows in a process of its own, without an Asterisk.
type child struct {
	*testing.T
	cmd       *exec.Cmd
	log       *logtest.Log
	api, nats string
	data      string
	stop      func() error // SIGTERM; the error is how it has ended
	client    http.Client
}

var chaosBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "metaflows-chaos-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "metaflows")
	return file, program.Build(context.Background(), file)
})

// launch runs the program with its data in a folder and so many descriptors at most. It ends with the test.
func launch(t *testing.T, data string, descriptors int) *child {
	t.Helper()
	binary, err := chaosBinary()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{T: t, log: &logtest.Log{}, data: data, client: http.Client{Timeout: 10 * time.Second}}
	c.cmd = exec.Command("sh", "-c", fmt.Sprintf("ulimit -n %d && exec %s", descriptors, binary))
	c.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "METAFLOWS_ARI_URL=http://127.0.0.1:1/ari", "METAFLOWS_ARI_PASSWORD=ari-password-1234", "METAFLOWS_NODE=n1",
		"METAFLOWS_HTTP_ADDR=127.0.0.1:0", "METAFLOWS_NATS_LISTEN=127.0.0.1:0", "METAFLOWS_DATA_DIR=" + data, "METAFLOWS_AUTH_RATE_LIMIT=0",
	}
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	c.stop = sync.OnceValue(func() error {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
			_ = c.cmd.Process.Kill()
			return errors.Join(errors.New("it does not end within 30 s"), <-ended)
		}
	})
	t.Cleanup(func() {
		if err := c.stop(); t.Failed() {
			lines := strings.Split(c.log.String(), "\n")
			t.Logf("it ended with %v; the end of its log:\n%s", err, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	})
	c.nats = c.said(`NATS listens for subscribers" address=(\S+)`)
	c.api = c.said(`the REST API listens" address=(\S+)`)
	return c
}

// said waits for what a line of the log has.
func (c *child) said(pattern string) string {
	c.Helper()
	expr := regexp.MustCompile(pattern)
	var found []string
	c.until("the log says "+pattern, 20*time.Second, func() bool {
		found = expr.FindStringSubmatch(c.log.String())
		return found != nil
	})
	return found[len(found)-1]
}

func (c *child) until(what string, within time.Duration, is func() bool) {
	c.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("not within %s: %s", within, what)
		}
	}
}

// do asks the API; status 0 is no answer.
func (c *child) do(method, path, body string) (status int, answer string) {
	c.Helper()
	token, err := os.ReadFile(filepath.Join(c.data, "admin.token"))
	if err != nil {
		c.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.Context(), method, "http://"+c.api+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", strings.TrimSpace(string(token)))
	w, err := c.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer w.Body.Close()
	text, _ := io.ReadAll(w.Body)
	return w.StatusCode, string(text)
}

// put stores a document of an account.
func (c *child) put(account string) (status int, answer string) {
	c.Helper()
	return c.do("POST", "/v2/accounts/"+account+"/metaflows", `{"data":{"numbers":{"9":{"module":"record_call"}},"note":"`+strings.Repeat("x", 20000)+`"}}`)
}

// ready is what /readyz says of some parts.
func (c *child) ready(parts ...string) bool {
	c.Helper()
	_, text := c.do("GET", "/readyz", "")
	var said struct {
		Parts map[string]struct{ OK bool }
	}
	if json.Unmarshal([]byte(text), &said) != nil {
		return false
	}
	for _, part := range parts {
		if !said.Parts[part].OK {
			return false
		}
	}
	return true
}

// told counts how often the stream has told of each account's document.
func (c *child) told() map[string]int {
	c.Helper()
	password, err := os.ReadFile(filepath.Join(c.data, "audit.password"))
	if err != nil {
		c.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+c.nats, nats.UserInfo(broker.AuditUser, strings.TrimSpace(string(password))), nats.CustomInboxPrefix(broker.AuditInbox))
	if err != nil {
		c.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	count := map[string]int{}
	s, err := js.Stream(c.Context(), broker.EventStream)
	if err != nil {
		return count
	}
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(c.Context(), seq)
		if err != nil {
			c.Fatal(seq, err)
		}
		if strings.HasSuffix(m.Subject, ".document.changed") {
			count[strings.Split(m.Subject, ".")[3]]++
		}
	}
	return count
}

// smallDisk is a folder on a disk of some MiB of its own. It needs root, as CI has.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Fatal("a small disk cannot be mounted; this test runs as root:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all that is left on a disk, until free.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte("f"), 64<<10)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
	return func() {
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			t.Error(err)
		}
	}
}

// A disk that is full for some time ends nothing: /readyz says so as soon as it is true, and when there is room again,
// changes are stored and events told once, without a restart, and all that was stored is there.
func TestChaosFullDisk(t *testing.T) {
	disk := smallDisk(t)
	c := launch(t, filepath.Join(disk, "data"), 1024)
	stored := map[string]bool{}
	for i := range 20 {
		account := fmt.Sprintf("before%d", i)
		if status, answer := c.put(account); status != 200 {
			t.Fatal(status, answer)
		}
		stored[account] = true
	}
	c.until("nats and documents are ready", 20*time.Second, func() bool { return c.ready("nats", "documents", "directory", "logins") })

	free := fill(t, disk)
	c.until("/readyz sees that the disk is full", 12*time.Second, func() bool { return !c.ready("nats") && !c.ready("documents") && !c.ready("logins") })
	refused := 0
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(200 * time.Millisecond) {
		account := fmt.Sprintf("full%d", refused)
		status, answer := c.put(account)
		if status == 200 {
			stored[account] = true
		} else if status != 503 {
			t.Fatal(status, answer)
		}
		if status, _ := c.do("GET", "/v2/accounts/before0/metaflows", ""); status != 200 {
			t.Error("a document cannot be read:", status)
		}
		refused++
	}
	if c.ready("documents") {
		t.Error("/readyz says that documents can be changed while the disk is full")
	}
	free()
	freed := time.Now()
	c.until("a change is stored after the disk has room", 30*time.Second, func() bool { status, _ := c.put("after"); return status == 200 })
	t.Logf("a change was stored %s after there was room", time.Since(freed).Round(time.Millisecond))
	stored["after"] = true
	c.until("all is ready", 30*time.Second, func() bool { return c.ready("nats", "documents", "directory", "logins") })
	for account := range stored {
		if status, answer := c.do("GET", "/v2/accounts/"+account+"/metaflows", ""); status != 200 || !strings.Contains(answer, "xxxx") {
			t.Error(account, status)
		}
	}
	var told map[string]int
	c.until("each change is told", 20*time.Second, func() bool {
		told = c.told()
		for account := range stored {
			if told[account] == 0 {
				return false
			}
		}
		return true
	})
	for account, times := range told {
		if times != 1 {
			t.Errorf("%s was told of %d times", account, times)
		}
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	again := launch(t, c.data, 1024)
	for account := range stored {
		if status, _ := again.do("GET", "/v2/accounts/"+account+"/metaflows", ""); status != 200 {
			t.Errorf("%s after a restart: %d", account, status)
		}
	}
}

// Connections to the NATS port without a login take no descriptors that the process needs.
func TestChaosDescriptorsOfNATS(t *testing.T) {
	c := launch(t, filepath.Join(t.TempDir(), "data"), 1024)
	c.until("all is ready", 20*time.Second, func() bool { return c.ready("nats", "documents", "directory", "logins") })
	release := occupy(t, c.nats, 1100)
	for i := range 20 {
		if status, answer := c.put(fmt.Sprintf("a%d", i)); status != 200 {
			t.Errorf("%d connections to NATS: %d %s", 1100, status, answer)
		}
	}
	if !c.ready("nats", "documents") {
		t.Error("not ready")
	}
	release()
	if status, answer := c.put("after"); status != 200 {
		t.Error(status, answer)
	}
	if strings.Contains(c.log.String(), "too many open files") || strings.Contains(c.log.String(), "can write no more") {
		t.Error("descriptors were short")
	}
}

// When descriptors run out all the same, here by connections to the API, what has failed goes on when there are some again,
// and /readyz says what is true.
func TestChaosDescriptorsOfAPI(t *testing.T) {
	c := launch(t, filepath.Join(t.TempDir(), "data"), 100)
	if status, answer := c.put("before"); status != 200 { // by a connection that stays
		t.Fatal(status, answer)
	}
	over := make(chan struct{})
	var taking sync.WaitGroup
	taking.Go(func() { // such connections live for 5 seconds
		for {
			release := occupy(t, c.api, 200)
			select {
			case <-time.After(time.Second):
				release()
			case <-over:
				release()
				return
			}
		}
	})
	began := time.Now()
	for i := 0; time.Since(began) < 12*time.Second; i++ { // files are closed and opened, and new ones are needed
		_, _ = c.put(fmt.Sprintf("a%d", i%7))
	}
	close(over)
	taking.Wait()
	c.until("a change is stored after there are descriptors", 40*time.Second, func() bool { status, _ := c.put("after"); return status == 200 })
	c.until("all is ready", 30*time.Second, func() bool { return c.ready("nats", "documents", "directory", "logins") })
	for _, account := range []string{"before", "after"} {
		if status, _ := c.do("GET", "/v2/accounts/"+account+"/metaflows", ""); status != 200 {
			t.Error(account, status)
		}
	}
}

// occupy makes connections that say nothing, until release. That some are closed at once is the point.
func occupy(t *testing.T, address string, n int) (release func()) {
	t.Helper()
	var all []net.Conn
	for range n {
		conn, err := net.DialTimeout("tcp", address, 2*time.Second)
		if err != nil {
			continue
		}
		all = append(all, conn)
	}
	if len(all) < n/2 {
		t.Errorf("only %d connections of %d were made", len(all), n)
	}
	return func() {
		for _, conn := range all {
			_ = conn.Close()
		}
	}
}
