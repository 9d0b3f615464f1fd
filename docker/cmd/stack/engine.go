package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// engine is the Docker engine of this machine, and what a run has on it.
type engine struct {
	out   io.Writer
	began time.Time
	root  string   // of the repository
	tool  []string // docker-compose, or docker compose
	id    string   // of the run, in all names
	tag   string   // of the images
	stamp []string // VERSION and REVISION for them
}

// newEngine finds the engine and compose. Nothing is started yet.
func newEngine(ctx context.Context, out io.Writer, root, tag string) (*engine, error) {
	e := &engine{out: out, began: time.Now(), root: root, tag: tag, id: "metaflows-test-" + strings.ToLower(rand.Text()[:8])}
	if tag == "" {
		e.tag = e.id
	}
	if _, err := os.Stat(e.file("Dockerfile")); err != nil {
		return nil, fmt.Errorf("%w: run it in the folder of the repository, or say -root", err)
	}
	version, err := e.docker(ctx, "version", "--format", "engine {{.Server.Version}}")
	if err != nil {
		return nil, fmt.Errorf("no Docker engine answers: %w", err)
	}
	for _, tool := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if said, err := e.command(ctx, nil, append(tool, "version", "--short")...); err == nil {
			e.tool = tool
			e.say("%s, %s %s", version, strings.Join(tool, " "), said)
			break
		}
	}
	if e.tool == nil {
		return nil, errors.New("neither docker compose nor docker-compose is here. Type: apt-get install docker-compose")
	}
	release, err := e.command(ctx, nil, "git", "-C", root, "describe", "--tags", "--always", "--dirty")
	if err != nil {
		return nil, err
	}
	revision, err := e.command(ctx, nil, "git", "-C", root, "rev-parse", "HEAD")
	e.stamp = []string{"VERSION=" + release, "REVISION=" + revision}
	return e, err
}

// file is one of the folder docker.
func (e *engine) file(name string) string { return filepath.Join(e.root, "docker", name) }

// say tells the time since the begin, and a line.
func (e *engine) say(format string, args ...any) {
	fmt.Fprintf(e.out, "%6.1f  %s\n", time.Since(e.began).Seconds(), fmt.Sprintf(format, args...))
}

// take takes the steps until one fails.
func (e *engine) take(ctx context.Context, steps []step) error {
	for _, s := range steps {
		e.say("%s", s.title)
		if err := s.run(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
				err = errors.Join(cause, err)
			}
			return fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return nil
}

// docker runs a command of the engine's client and gives what it prints.
func (e *engine) docker(ctx context.Context, args ...string) (string, error) {
	return e.command(ctx, nil, append([]string{"docker"}, args...)...)
}

// tidyTime is how long a program may take to end once it is told to.
const tidyTime = 8 * time.Second

// command runs a program with these variables too, and gives what it prints. Its error has the end of what it said. When the
// context ends, it and all that it has started are told to end, and killed if they do not.
func (e *engine) command(ctx context.Context, variables []string, line ...string) (string, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), variables...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = tidyTime
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // those that SIGTERM has not ended
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(line, " "), err, tail(out.String()+said.String(), 30))
	}
	return strings.TrimSpace(out.String()), nil
}

// tail is the end of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
