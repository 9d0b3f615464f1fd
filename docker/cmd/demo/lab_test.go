package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/docker/logtest"
	"metaflows/docker/phone"
	"metaflows/docker/rig"
)

// The test binary is the lab itself when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_BE_LAB") != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// child is a lab in a process of its own; what it says is read while it says it.
type child struct {
	*testing.T
	cmd    *exec.Cmd
	folder string
	said   logtest.Log
}

func startLab(t *testing.T, folder string, args ...string) *child {
	t.Helper()
	c := &child{T: t, folder: folder}
	c.cmd = exec.Command(os.Args[0], append([]string{"lab", "-dir", folder}, args...)...)
	c.cmd.Env = append(os.Environ(), "TEST_BE_LAB=1")
	c.cmd.Stdout, c.cmd.Stderr = &c.said, &c.said
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

// find waits until the lab has said something, and returns the parts of it.
func (c *child) find(pattern string) []string {
	c.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if found := re.FindStringSubmatch(c.said.String()); found != nil {
			return found
		}
	}
	c.Fatalf("the lab does not say %s:\n%s", pattern, c.said.String())
	return nil
}

// descendants are the processes that a process has started.
func descendants(pid int) []int {
	var list []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			list = append(append(list, child), descendants(child)...)
		}
	}
	return list
}

// end sends a signal and checks that no process is left.
func (c *child) end(signal os.Signal) {
	c.Helper()
	processes := descendants(c.cmd.Process.Pid)
	if len(processes) < 2 {
		c.Errorf("processes %v: where are Asterisk and metaflows?", processes)
	}
	_ = c.cmd.Process.Signal(signal)
	impatient := time.AfterFunc(20*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer impatient.Stop()
	err := c.cmd.Wait()
	patience := time.Duration(0)
	if signal == os.Kill {
		patience = 5 * time.Second // the kernel ends Asterisk and tells metaflows to stop
	} else if err != nil {
		c.Errorf("the lab ends with %v:\n%s", err, c.said.String())
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		var left []string
		for _, pid := range processes {
			if name, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil {
				left = append(left, name)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Since(began) >= patience {
			c.Errorf("left over: %s", left)
			return
		}
	}
}

func (c *child) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("%v\n%s", err, c.said.String())
	}
}

// phone registers with the login that the lab has printed.
func (c *child) phone(name string) *phone.Phone {
	c.Helper()
	place := c.find(`server (\S+), port (\d+)`)
	password := c.find(`(?m)^  ` + name + ` +(\S+) +100`)[1]
	p, err := phone.New(c.Context(), phone.Config{User: name, Password: password, Server: net.JoinHostPort(place[1], place[2]), Tone: 440, Listen: place[1]})
	c.must(err)
	c.Cleanup(func() { _ = p.Close() })
	c.must(p.Register(c.soon()))
	return p
}

func (c *child) soon() context.Context {
	ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
	c.Cleanup(cancel)
	return ctx
}

// What the lab prints works: a phone registers and is answered, codes act, the API and NATS let one in.
func TestAsteriskLab(t *testing.T) {
	folder := t.TempDir()
	c := startLab(t, folder)
	c.find("What happens")
	curl := c.find(`curl -X POST -H '(X-Auth-Token): (\S+)' (http\S+) \\\n +-d '(.*)'`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, curl[3], strings.NewReader(curl[4]))
	c.must(err)
	request.Header.Set(curl[1], curl[2])
	answer, err := http.DefaultClient.Do(request)
	c.must(err)
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the API says %s %s", answer.Status, body)
	}
	login := c.find(`nats --server (\S+) --inbox-prefix (\S+) sub '(.*)'`)
	conn, err := nats.Connect(login[1], nats.CustomInboxPrefix(login[2]))
	c.must(err)
	defer conn.Close()
	events, err := conn.SubscribeSync(login[3])
	c.must(err)
	c.must(conn.Flush())

	alice := c.phone("alice")
	call, err := alice.Call(c.soon(), "1003")
	c.must(err)
	c.must(call.WaitTone(c.soon(), rig.Tones["carol"]))
	for { // the document's change may be told first
		m, err := events.NextMsg(5 * time.Second)
		c.must(err)
		if strings.HasSuffix(m.Subject, ".call.started") {
			break
		}
	}
	_, err = call.Press(t.Context(), "*9")
	c.must(err)
	c.must(call.WaitTone(c.soon(), confirmTone))
	_, err = call.Press(t.Context(), "*9")
	c.must(err)
	if _, err := os.Stat(c.find(`the recording: (\S+)`)[1]); err != nil {
		t.Error(err)
	}
	_, err = call.Press(t.Context(), "*0") // which curl has stored
	c.must(err)
	c.must(call.WaitEnded(c.soon()))

	// A softphone takes the place of a phone that answers by itself, and gives it back.
	carol := c.phone("carol")
	c.find(`carol +registers`)
	call, err = alice.Call(c.soon(), "1003")
	c.must(err)
	c.must(call.WaitTone(c.soon(), 440))
	c.must(carol.Close())
	c.find(`carol +has gone`)
	c.must(call.WaitEnded(c.soon()))
	call, err = alice.Call(c.soon(), "carol")
	c.must(err)
	c.must(call.WaitTone(c.soon(), rig.Tones["carol"]))
	c.end(os.Interrupt)
	if !strings.Contains(c.said.String(), "all is stopped") {
		t.Error("it does not say that all is stopped")
	}
	for _, name := range []string{"asterisk.log", "metaflows.log", "admin.token"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	t.Log(c.said.String())

	// What was stored is there the next time; a lab that is killed leaves nothing running either.
	again := startLab(t, folder)
	again.find("What happens")
	if next := again.find(`curl -X POST -H '(X-Auth-Token): (\S+)'`); next[2] != curl[2] {
		t.Error("the token is another one")
	}
	second := startLab(t, folder)
	if err := second.cmd.Wait(); err == nil || !strings.Contains(second.said.String(), "another lab is running with the folder") {
		t.Errorf("a second lab says %v %s", err, second.said.String())
	}
	again.end(os.Kill)
}

// On the network, passwords are not to be guessed, and stay the same.
func TestAsteriskLabNetwork(t *testing.T) {
	addr := networkAddress()
	if addr == "" {
		t.Fatal("this machine has no IPv4 address beside 127.0.0.1")
	}
	folder := t.TempDir()
	c := startLab(t, folder, "-addr", addr)
	c.find("What happens")
	if place := c.find(`server (\S+), port`); place[1] != addr {
		t.Errorf("it serves %s, want %s", place[1], addr)
	}
	password := c.find(`(?m)^  alice +(\S+) +1001`)[1]
	if len(password) < 16 {
		t.Errorf("alice's password is %q", password)
	}
	for _, inside := range []string{`REST API +http://127\.0\.0\.1:`, `@127\.0\.0\.1:`} {
		c.find(inside)
	}
	call, err := c.phone("alice").Call(c.soon(), "dave")
	c.must(err)
	c.must(call.WaitTone(c.soon(), rig.Tones["dave"]))
	c.end(syscall.SIGTERM)
	kept, err := keptPasswords(filepath.Join(folder, "phones.json"))
	if info, _ := os.Stat(filepath.Join(folder, "phones.json")); err != nil || kept["alice"] != password || info.Mode().Perm() != 0o600 {
		t.Error(kept, err, info.Mode())
	}
}

func networkAddress() string {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	return ""
}
