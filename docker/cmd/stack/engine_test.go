package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// begun makes a pipe that a program writes to when it has begun, and a context that ends then.
func begun(t *testing.T) context.Context {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "begun")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BEGUN", pipe)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	go func() {
		_, _ = os.ReadFile(pipe) // returns when the program has closed it
		cancel()
	}()
	return ctx
}

// A command that is ended early may tidy up, and so may what it has started.
func TestCommandEnds(t *testing.T) {
	tidied := filepath.Join(t.TempDir(), "tidied")
	t.Setenv("TIDIED", tidied)
	ctx := begun(t)
	_, err := (&engine{}).command(ctx, nil, "sh", "-c", `sh -c 'trap "echo yes > $TIDIED; exit" TERM; echo > $BEGUN; while :; do sleep 0.1; done' | cat`)
	if err == nil {
		t.Error("it is not an error")
	}
	if _, err := os.Stat(tidied); err != nil || ctx.Err() == nil {
		t.Error(err, ctx.Err())
	}
}

// offline-images.sh ends what it has started, and leaves no files, when it is told to end.
func TestOfflineImagesEnd(t *testing.T) {
	left := t.TempDir()
	tidied := filepath.Join(t.TempDir(), "tidied")
	t.Setenv("TIDIED", tidied)
	t.Setenv("TMPDIR", left)
	programs(t, map[string]string{
		"id":         "echo 0",
		"docker":     `case "$*" in "image inspect golang"*) exit 0 ;; *) exit 1 ;; esac`,
		"mmdebstrap": `trap 'sleep 0.3; echo yes > "$TIDIED"; exit 1' TERM; echo > "$BEGUN"; while :; do sleep 0.1; done`,
	})
	ctx := begun(t)
	e := &engine{root: "../../.."}
	if _, err := e.command(ctx, nil, e.file("offline-images.sh")); err == nil {
		t.Error("it is not an error")
	}
	if _, err := os.Stat(tidied); err != nil {
		t.Error("mmdebstrap was not waited for:", err)
	}
	if files, err := os.ReadDir(left); err != nil || len(files) > 0 {
		t.Error("left behind:", files, err)
	}
}

// The image of a Go version is made of that version.
func TestOfflineImagesGo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	programs(t, map[string]string{
		"id":         "echo 0",
		"go":         "echo go1.2.3",
		"docker":     `case "$*" in "image inspect debian"*) exit 0 ;; *) exit 1 ;; esac`,
		"mmdebstrap": "exit 1",
	})
	e := &engine{root: "../../.."}
	_, err := e.command(t.Context(), nil, e.file("offline-images.sh"))
	if err == nil || !strings.Contains(err.Error(), "another version: go1.2.3") {
		t.Error(err)
	}
}

// Images are made here where no registry answers, and not where one answers that it does not give them.
func TestUnreachable(t *testing.T) {
	for said, want := range map[string]bool{
		`Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host`:                                  true,
		`Get "https://registry-1.docker.io/v2/": dial tcp 127.0.0.1:443: connect: connection refused`:                                                      true,
		`Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`: true,
		`Get "https://registry-1.docker.io/v2/": Forbidden`:                                                                                                true,
		`manifest for debian:forky-slim not found: manifest unknown: manifest unknown`:                                                                     false,
		`toomanyrequests: You have reached your pull rate limit.`:                                                                                          false,
		`pull access denied for golang, repository does not exist or may require 'docker login'`:                                                           false,
		`write /var/lib/docker/tmp/GetImageBlob1: no space left on device`:                                                                                 false,
		`Head "https://registry-1.docker.io/v2/library/debian/manifests/forky-slim": unauthorized: incorrect username or password`:                         false,
		`Get "https://registry-1.docker.io/v2/": x509: certificate signed by unknown authority`:                                                            false,
	} {
		if got := unreachable(errors.New(said)); got != want {
			t.Errorf("%v: %s", got, said)
		}
	}
}

// The limit holds the cleaning up.
func TestLimit(t *testing.T) {
	var complaint strings.Builder
	if code := run([]string{"single", "-limit", "1m"}, t.Output(), &complaint); code != 1 || !strings.Contains(complaint.String(), "more than "+cleaningTime.String()) {
		t.Error(code, &complaint)
	}
}
