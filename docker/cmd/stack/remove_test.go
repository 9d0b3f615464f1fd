package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// programs puts programs of these names, in shell, before all others.
func programs(t *testing.T, texts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// What compose does not remove, the engine does; what stays all the same is told.
func TestRemove(t *testing.T) {
	for stays, want := range map[string]string{"": "", "volume": "left behind: volume the-volume"} {
		have := t.TempDir()
		for _, kind := range []string{"container", "network", "volume"} {
			if err := os.WriteFile(filepath.Join(have, kind), []byte("the-"+kind), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("HAVE", have)
		t.Setenv("STAYS", stays)
		programs(t, map[string]string{"compose": "exit 1", "docker": `
case "$1 $2" in
	"ps --all") cat "$HAVE/container" 2> /dev/null || : ;;
	"rm --force") rm "$HAVE/container" ;;
	*" ls") cat "$HAVE/$1" 2> /dev/null || : ;;
	*" rm") [ "$1" = "$STAYS" ] || rm "$HAVE/$1" ;;
esac`})
		p := &project{engine: &engine{out: t.Output(), tool: []string{"compose"}}, name: "x"}
		err := p.remove()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
