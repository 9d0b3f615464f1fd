package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// remove removes everything of the project, and looks whether that is so.
func (p *project) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	_, err := p.compose(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "5")
	images, errImages := p.docker(ctx, "images", "--quiet", "--filter", "reference=metaflows-lab/*:"+p.name)
	err = errors.Join(err, errImages)
	for image := range strings.FieldsSeq(images) {
		_, errImage := p.docker(ctx, "rmi", "--force", image)
		err = errors.Join(err, errImage)
	}
	return errors.Join(err, p.left(ctx))
}

// left is an error that lists what the engine still has of the project.
func (p *project) left(ctx context.Context) error {
	var found []string
	label := "label=com.docker.compose.project=" + p.name
	for what, list := range map[string][]string{
		"containers": {"ps", "--all", "--format", "{{.Names}}", "--filter", label},
		"networks":   {"network", "ls", "--format", "{{.Name}}", "--filter", label},
		"volumes":    {"volume", "ls", "--format", "{{.Name}}", "--filter", label},
		"images":     {"images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=metaflows-lab/*:" + p.name},
	} {
		names, err := p.docker(ctx, list...)
		if err != nil {
			return err
		}
		if names != "" {
			found = append(found, what+" "+strings.Join(strings.Fields(names), " "))
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("left behind: %s", strings.Join(found, "; "))
	}
	return nil
}
