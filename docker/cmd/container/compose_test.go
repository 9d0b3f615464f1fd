package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	defined = regexp.MustCompile(`(?m)^([A-Z][A-Z0-9_]*)=(.*)$`)
	used    = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)
	based   = regexp.MustCompile(`(?m)^ARG ([A-Z]+_IMAGE)=(\S+)$`)
)

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Every setting of the compose files has a line in docker/.env, so that nothing must be edited, and every line is used.
func TestSettings(t *testing.T) {
	values := map[string]string{}
	for _, line := range defined.FindAllStringSubmatch(text(t, "../../.env"), -1) {
		values[line[1]] = line[2]
	}
	wanted := map[string]bool{"COMPOSE_PROJECT_NAME": true}
	for _, file := range []string{"../../compose.yaml", "../../compose.cluster.yaml"} {
		for _, u := range used.FindAllStringSubmatch(text(t, file), -1) {
			if wanted[u[1]] = true; !slices.Contains(keys(values), u[1]) {
				t.Errorf("%s uses %s, which docker/.env lacks", file, u[1])
			}
		}
	}
	for name, value := range values {
		if !wanted[name] {
			t.Errorf("docker/.env: nobody uses %s", name)
		}
		if strings.HasPrefix(name, "METAFLOWS_") && value != "" {
			t.Errorf("docker/.env: %s is not the default of metaflows", name)
		}
	}
	for _, b := range based.FindAllStringSubmatch(text(t, "../../Dockerfile"), -1) {
		if values[b[1]] != b[2] {
			t.Errorf("%s is %q in docker/.env and %q in docker/Dockerfile", b[1], values[b[1]], b[2])
		}
	}
}

func keys(m map[string]string) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}
