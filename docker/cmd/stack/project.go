package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// project is one run of a compose file.
type project struct {
	*engine
	name     string
	file     string
	servers  int      // of NATS
	settings []string // NAME=value, in place of those of docker/.env
	ports
	visitors
}

// newProject chooses names, ports and a network. Nothing is started yet.
func newProject(e *engine, t trial) (*project, error) {
	p := &project{engine: e, name: e.id + "-" + strings.ToLower(rand.Text()[:4]), file: e.file(t.file), servers: t.servers}
	var err error
	if p.ports, err = freePorts(); err != nil {
		return nil, err
	}
	p.settings = slices.Concat(p.ports.settings(), e.stamp, []string{"COMPOSE_PROJECT_NAME=" + p.name, "ADDR=127.0.0.1", "TAG=" + e.tag})
	return p, nil
}

// compose runs a command of compose on this project and gives what it prints.
func (p *project) compose(ctx context.Context, args ...string) (string, error) {
	return p.command(ctx, p.settings, slices.Concat(p.tool, []string{"-p", p.name, "-f", p.file, "--profile", "demo"}, args)...)
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
	ctx, cancel := context.WithTimeout(context.Background(), evidenceTime)
	defer cancel()
	var b strings.Builder
	list, err := p.docker(ctx, "ps", "--all", "--filter", "label=com.docker.compose.project="+p.name, "--format", "{{.Names}}\t{{.Status}}")
	if err != nil {
		return err.Error()
	}
	fmt.Fprintln(&b, list)
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(line, "\t")
		said, err := exec.CommandContext(ctx, "docker", "logs", "--tail", "25", name).CombinedOutput()
		if err != nil {
			said = append(said, err.Error()...)
		}
		fmt.Fprintf(&b, "the end of what %s said:\n%s\n", name, said)
	}
	return b.String()
}
