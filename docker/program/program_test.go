package program

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"metaflows/docker/pbx"
)

// A program that is killed, halted or stopped is found again where it was, with what it knew.
func TestAsteriskProgram(t *testing.T) {
	asterisk, err := pbx.Start(t.Context(), pbx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := asterisk.Stop(); err != nil {
			t.Error(err)
		}
	}()
	folder := t.TempDir()
	binary := filepath.Join(folder, "metaflows")
	if err := Build(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), asterisk, Options{Binary: binary, Data: filepath.Join(folder, "data"), LogPath: filepath.Join(folder, "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	const path = "/v2/accounts/acme/metaflows"
	if _, err := p.Request(t.Context(), "POST", path, `{"data":{"numbers":{"9":{"module":"record_call"}}}}`); err != nil {
		t.Fatal(err)
	}
	stored, err := p.Request(t.Context(), "GET", path, "")
	if err != nil {
		t.Fatal(err)
	}
	pid, ended := p.PID(), p.Ended()
	p.Kill()
	select {
	case <-ended:
	default:
		t.Error("Kill returns before it is gone")
	}
	if _, err := p.Request(t.Context(), "GET", path, ""); err == nil {
		t.Error("it answers after Kill")
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.PID() == pid {
		t.Error("the process is the same after Restart")
	}
	again, err := p.Request(t.Context(), "GET", path, "")
	if err != nil || len(again) != len(stored) {
		t.Errorf("it has forgotten its document: %s, was %s; %v", again, stored, err)
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	halted, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Ready(halted); err == nil {
		t.Error("it answers while it is halted")
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Pause(); err != nil { // Stop ends one that is halted, too
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(p.PID(), 0); err == nil {
		t.Error("the process is there after Stop")
	}
	if log, err := os.ReadFile(p.LogPath); err != nil || len(log) == 0 {
		t.Error("there is no log", err)
	}
}
