package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/rig"
)

// machine is what the figures were measured on.
type machine struct {
	Date                       string // UTC
	Processor                  string
	Processors                 int
	Memory                     string
	Kernel                     string
	Load                       string // the load averages at the beginning
	Metaflows, Go, AsteriskVer string
}

// here looks at this machine, at the program and at the Asterisk that there is.
func here(ctx context.Context, binary string) (m machine, err error) {
	m = machine{Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Processors: runtime.NumCPU(), Go: runtime.Version()}
	m.Processor = strings.Join(strings.Fields(valueIn("/proc/cpuinfo", "model name")), " ")
	var kilobytes float64
	_, failed := fmt.Sscan(valueIn("/proc/meminfo", "MemTotal"), &kilobytes)
	m.Memory = fmt.Sprintf("%.1f GiB", kilobytes/(1<<20))
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = strings.TrimSpace(string(kernel))
	load, err2 := os.ReadFile("/proc/loadavg")
	if all := strings.Fields(string(load)); len(all) > 3 {
		m.Load = strings.Join(all[:3], ", ")
	}
	said, err3 := exec.CommandContext(ctx, binary, "version").Output()
	m.Metaflows = strings.TrimSpace(strings.TrimPrefix(string(said), "metaflows "))
	asterisk, err4 := pbx.Start(ctx, pbx.Options{})
	if err := errors.Join(failed, err, err2, err3, err4); err != nil {
		return m, err
	}
	m.AsteriskVer = (&rig.Rig{Asterisk: asterisk}).Version()
	return m, asterisk.Stop()
}

// valueIn is what stands after the first such name and its colon in a file of lines.
func valueIn(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if before, after, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(before) == name {
			return strings.TrimSpace(after)
		}
	}
	return ""
}
