package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// removeTime bounds the cleaning up.
const removeTime = 90 * time.Second

// remove removes everything of the project but the images, and looks whether that is so.
func (p *project) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	_, err := p.compose(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "5")
	label := "label=com.docker.compose.project=" + p.name
	return errors.Join(err, p.none(ctx, "container", "ps", "--all", "--format", "{{.Names}}", "--filter", label),
		p.none(ctx, "network", "network", "ls", "--format", "{{.Name}}", "--filter", label),
		p.none(ctx, "volume", "volume", "ls", "--format", "{{.Name}}", "--filter", label))
}

// removeImages removes the images of the run, and looks whether that is so.
func (e *engine) removeImages() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	list := []string{"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=metaflows-lab/*:" + e.tag}
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
