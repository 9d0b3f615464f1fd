package pbx

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRestart(t *testing.T) {
	server := start(t, Options{})
	uri, pid := server.ARIURL, server.PID()
	server.Kill()
	if _, err := server.Channels(t.Context()); err == nil {
		t.Error("it serves after Kill")
	}
	if _, err := server.CLI("core show version"); err == nil {
		t.Error("a command is obeyed after Kill")
	}
	for range 2 { // killed, then running
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if server.ARIURL != uri || server.PID() == pid {
			t.Errorf("after Restart: %s, pid %d; before %s, pid %d", server.ARIURL, server.PID(), uri, pid)
		}
		if _, err := server.Channels(t.Context()); err != nil {
			t.Error(err)
		}
		pid = server.PID()
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if err := server.Restart(t.Context()); err == nil {
		t.Error("it can be restarted after Stop")
	}
}

func TestFailedStartSaysWhy(t *testing.T) {
	_, err := Start(t.Context(), Options{Append: map[string]string{"modules.conf": "require = no_such_module.so"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_module") {
		t.Errorf("the error does not say why: %v", err)
	}
}

func TestRunsUnprivileged(t *testing.T) {
	server := start(t, Options{})
	info, err := os.Stat("/proc/" + strconv.Itoa(server.PID()))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 {
		t.Error("it runs as root")
	}
}

func TestPasswords(t *testing.T) {
	local := phones(Options{BindAddr: "127.0.0.1", Passwords: map[string]string{"bob": "secret"}})
	open := phones(Options{BindAddr: "0.0.0.0"})
	if local[0].Password != "alice" || local[1].Password != "secret" {
		t.Errorf("on loopback: %+v", local)
	}
	if len(open[0].Password) < 20 || open[0].Password == open[1].Password {
		t.Errorf("on a network: %+v", open)
	}
}

// TestEndsWithItsParent starts an Asterisk from a process of its own, kills that one, and
// looks for what it left behind.
func TestEndsWithItsParent(t *testing.T) {
	if os.Getenv("PBX_TEST_PARENT") != "" {
		server, err := Start(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString(strconv.Itoa(server.PID()) + " " + server.Dir + "\n")
		select {}
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestEndsWithItsParent$")
	parent.Env = append(os.Environ(), "PBX_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 500)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	number, dir, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
	pid, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("%q: %v", line[:n], err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for late := time.Now().Add(5 * time.Second); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("Asterisk outlived the process that started it")
		}
	}
	start(t, Options{}) // sweeps
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("folder %s is left over: %v", dir, err)
	}
}
