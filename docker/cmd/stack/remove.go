package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What bounds the cleaning up.
const (
	evidenceTime = 10 * time.Second // to collect what a failed project has said
	removeTime   = 40 * time.Second // of a project
	imagesTime   = 20 * time.Second
	leaveTime    = 8 * time.Second // of the phones, whose goodbyes may stay without an answer
	cleaningTime = tidyTime + evidenceTime + leaveTime + removeTime + imagesTime
)

// downTime is the part of removeTime that compose may take before what is left is removed without it.
const downTime = 20 * time.Second

// remove removes everything of the project but the images, and looks whether that is so. What compose leaves, the engine removes.
func (p *project) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	short, cancel := context.WithTimeout(ctx, downTime)
	defer cancel()
	_, down := p.compose(short, "down", "--volumes", "--remove-orphans", "--timeout", "5")
	label := "label=com.docker.compose.project=" + p.name
	var left error
	for _, kind := range []struct {
		name         string
		list, remove []string
	}{
		{"container", []string{"ps", "--all", "--format", "{{.Names}}"}, []string{"rm", "--force", "--volumes"}},
		{"network", []string{"network", "ls", "--format", "{{.Name}}"}, []string{"network", "rm"}},
		{"volume", []string{"volume", "ls", "--format", "{{.Name}}"}, []string{"volume", "rm", "--force"}},
	} {
		list := slices.Concat(kind.list, []string{"--filter", label})
		var failed error
		if names, err := p.docker(ctx, list...); err == nil && names != "" {
			_, failed = p.docker(ctx, slices.Concat(kind.remove, strings.Fields(names))...)
		}
		if err := p.none(ctx, kind.name, list...); err != nil {
			left = errors.Join(left, failed, err)
		}
	}
	if left != nil {
		return errors.Join(down, left)
	}
	if down != nil {
		p.say("  compose could not remove all of it, the engine did: %v", down)
	}
	return nil
}

// removeImages removes the images of the run, and looks whether that is so.
func (e *engine) removeImages() error {
	ctx, cancel := context.WithTimeout(context.Background(), imagesTime)
	defer cancel()
	list := []string{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=" + image("*", e.tag)}
	names, err := e.docker(ctx, list...)
	for name := range strings.FieldsSeq(names) {
		_, failed := e.docker(ctx, "rmi", name)
		err = errors.Join(err, failed)
	}
	return errors.Join(err, e.none(ctx, "image", list...))
}

// none is an error that says what a list of the engine still has.
func (e *engine) none(ctx context.Context, what string, list ...string) error {
	names, err := e.docker(ctx, list...)
	if err == nil && names != "" {
		err = fmt.Errorf("left behind: %s %s", what, strings.Join(strings.Fields(names), " "))
	}
	return err
}
