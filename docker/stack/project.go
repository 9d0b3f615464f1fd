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
	"time"
)

// project is one run of a compose file.
type project struct {
	out      io.Writer
	began    time.Time
	root     string   // of the repository
	tool     []string // docker-compose, or docker compose
	file     string
	name     string
	tag      string   // of the images
	settings []string // NAME=value, in place of those of docker/.env
	servers  int      // of NATS
	ports
	visitors
}

// newProject finds engine and compose, and chooses names, ports and a network. Nothing is started yet.
func newProject(ctx context.Context, out io.Writer, root, file, tag string) (*project, error) {
	id := strings.ToLower(rand.Text()[:8])
	p := &project{out: out, began: time.Now(), root: root, name: "metaflows-test-" + id, tag: tag, file: filepath.Join(root, "docker", file)}
	if _, err := os.Stat(p.file); err != nil {
		return nil, fmt.Errorf("%w: run it in the folder of the repository, or say -root", err)
	}
	version, err := p.docker(ctx, "version", "--format", "engine {{.Server.Version}}")
	if err != nil {
		return nil, fmt.Errorf("no Docker engine answers: %w", err)
	}
	for _, tool := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		said, err := p.command(ctx, append(tool, "version", "--short")...)
		if err == nil {
			p.tool = tool
			p.say("%s, %s %s", version, strings.Join(tool, " "), said)
			break
		}
	}
	if p.tool == nil {
		return nil, errors.New("neither docker compose nor docker-compose is here. Type: apt-get install docker-compose")
	}
	if p.ports, err = freePorts(); err != nil {
		return nil, err
	}
	if p.tag == "" {
		p.tag = p.name
	}
	revision, _ := p.command(ctx, "git", "-C", root, "rev-parse", "HEAD")
	release, _ := p.command(ctx, "git", "-C", root, "describe", "--tags", "--always", "--dirty")
	p.settings = append(p.ports.settings(), "COMPOSE_PROJECT_NAME="+p.name, "ADDR=127.0.0.1", "TAG="+p.tag,
		"VERSION="+release, "REVISION="+revision)
	return p, nil
}

// say tells the time since the begin, and a line.
func (p *project) say(format string, args ...any) {
	fmt.Fprintf(p.out, "%6.1f  %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// take takes the steps until one fails.
func (p *project) take(ctx context.Context, steps []step) error {
	for _, s := range steps {
		p.say("%s", s.title)
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
func (p *project) docker(ctx context.Context, args ...string) (string, error) {
	return p.command(ctx, append([]string{"docker"}, args...)...)
}

// compose runs a command of compose on this project and gives what it prints.
func (p *project) compose(ctx context.Context, args ...string) (string, error) {
	return p.command(ctx, append(append(append([]string{}, p.tool...), "-p", p.name, "-f", p.file, "--profile", "demo"), args...)...)
}

// command runs a program. Its error has the end of what the program said.
func (p *project) command(ctx context.Context, line ...string) (string, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), p.settings...)
	cmd.WaitDelay = 5 * time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(line, " "), err, tail(out.String()+said.String(), 30))
	}
	return strings.TrimSpace(out.String()), nil
}

// tail is the end of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// container is the id of a service's container.
func (p *project) container(ctx context.Context, service string) (string, error) {
	ids, err := p.docker(ctx, "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project="+p.name,
		"--filter", "label=com.docker.compose.service="+service)
	if err == nil && (ids == "" || strings.Contains(ids, "\n")) {
		err = fmt.Errorf("service %s has the containers %q, want one", service, ids)
	}
	return ids, err
}

// evidence is what the services have printed last, for a failure.
func (p *project) evidence() string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var b strings.Builder
	list, err := p.docker(ctx, "ps", "--all", "--filter", "label=com.docker.compose.project="+p.name, "--format", "{{.Names}}\t{{.Status}}")
	fmt.Fprintln(&b, list, err)
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(line, "\t")
		said, err := exec.CommandContext(ctx, "docker", "logs", "--tail", "25", name).CombinedOutput()
		fmt.Fprintf(&b, "--- %s %v\n%s\n", name, err, said)
	}
	return b.String()
}
