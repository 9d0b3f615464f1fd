package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// sizeLimits are what the images that people run may have at most, in bytes.
var sizeLimits = map[string]int64{"metaflows": 40e6, "asterisk": 400e6}

// pullTime is how long a registry may take to be reached and to deliver a base image.
const pullTime = 90 * time.Second

// image is the name of one of the lab's. No registry has it, nor can anybody offer it there: localhost is this machine.
func image(name, tag string) string { return "localhost/metaflows-lab/" + name + ":" + tag }

// build makes the images, on base images that are made here where they cannot be pulled.
func (e *engine) build(ctx context.Context) error {
	if err := e.bases(ctx); err != nil {
		return err
	}
	variables := append([]string{"COMPOSE_PROJECT_NAME=" + e.id, "TAG=" + e.tag}, e.stamp...)
	_, err := e.command(ctx, variables, slices.Concat(e.tool, []string{"-f", e.file("compose.yaml"), "build"})...)
	return err
}

// bases gets the base images from their registry, or makes those that cannot be had.
func (e *engine) bases(ctx context.Context) error {
	images, err := e.baseImages()
	if err != nil {
		return err
	}
	for _, base := range images {
		if _, err := e.docker(ctx, "image", "inspect", base); err == nil {
			continue
		}
		short, cancel := context.WithTimeout(ctx, pullTime)
		_, err := e.docker(short, "pull", "--quiet", base)
		late := errors.Is(short.Err(), context.DeadlineExceeded)
		cancel()
		switch {
		case err == nil:
		case ctx.Err() != nil || !unreachable(err) && !late:
			return err
		default:
			e.say("  no registry can be reached for %s: docker/offline-images.sh makes the base images", base)
			_, err := e.command(ctx, nil, e.file("offline-images.sh"))
			return err
		}
	}
	return nil
}

var notReached = regexp.MustCompile(`dial tcp|i/o timeout|TLS handshake timeout|Client\.Timeout|/v2/": (EOF|Forbidden|Bad Gateway|Service Unavailable)`)

// unreachable says whether a pull has failed because no registry answered, as far as the engine or a proxy says. What a registry
// itself answers, as that it has no such image or that one has to wait, is another matter.
func unreachable(err error) bool { return notReached.MatchString(err.Error()) }

var baseImage = regexp.MustCompile(`(?m)^ARG [A-Z]+_IMAGE=(\S+)$`)

// baseImages are those that the Dockerfile names.
func (e *engine) baseImages() (images []string, err error) {
	text, err := os.ReadFile(e.file("Dockerfile"))
	for _, found := range baseImage.FindAllStringSubmatch(string(text), -1) {
		images = append(images, found[1])
	}
	return images, err
}

// sizes prints what the images take, and looks at their labels.
func (p *project) sizes(ctx context.Context) error {
	for _, name := range []string{"metaflows", "asterisk", "nats", "lab"} {
		text, err := p.docker(ctx, "image", "inspect", image(name, p.tag))
		if err != nil {
			return err
		}
		var images []struct {
			Size   int64
			Config struct{ Labels map[string]string }
		}
		if err := json.Unmarshal([]byte(text), &images); err != nil || len(images) != 1 {
			return fmt.Errorf("image %s: %w", name, err)
		}
		made := images[0]
		p.say("  %-9s %6.1f MB", name, float64(made.Size)/1e6)
		if most := sizeLimits[name]; most > 0 && made.Size > most {
			return fmt.Errorf("image %s has %d bytes, at most %d are allowed", name, made.Size, most)
		}
		for _, label := range []string{"version", "revision", "licenses"} {
			if value := made.Config.Labels["org.opencontainers.image."+label]; value == "" || value == "unknown" {
				return fmt.Errorf("image %s: label org.opencontainers.image.%s is %q", name, label, value)
			}
		}
	}
	return nil
}

// hardened looks at every container of the project: what it may do, and who reaches it.
func (p *project) hardened(ctx context.Context) error {
	ids, err := p.docker(ctx, "ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project="+p.name)
	if err != nil {
		return err
	}
	text, err := p.docker(ctx, append([]string{"inspect"}, strings.Fields(ids)...)...)
	if err != nil {
		return err
	}
	var containers []struct {
		Name       string
		Config     struct{ User string }
		HostConfig struct {
			Privileged     bool
			ReadonlyRootfs bool
			CapAdd         []string
			CapDrop        []string
			SecurityOpt    []string
			PortBindings   map[string][]struct{ HostIP string }
		}
	}
	if err := json.Unmarshal([]byte(text), &containers); err != nil {
		return err
	}
	for _, c := range containers {
		h := c.HostConfig
		if h.Privileged || !h.ReadonlyRootfs || len(h.CapAdd) > 0 || !slices.Contains(h.CapDrop, "ALL") || !slices.Contains(h.SecurityOpt, "no-new-privileges:true") ||
			c.Config.User == "" || strings.HasPrefix(c.Config.User, "0") || c.Config.User == "root" {
			return fmt.Errorf("container %s may do too much: user %q, %+v", c.Name, c.Config.User, h)
		}
		for port, bindings := range h.PortBindings {
			for _, b := range bindings {
				if b.HostIP != "127.0.0.1" {
					return fmt.Errorf("container %s: port %s is published on %q", c.Name, port, b.HostIP)
				}
			}
		}
	}
	p.say("  %d containers: none privileged, no capabilities, read-only, no root, ports on 127.0.0.1", len(containers))
	return nil
}
