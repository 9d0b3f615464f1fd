package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"metaflows/docker/rig"
)

// consumption is what a process has used up to now.
type consumption struct {
	cpu    time.Duration
	memory int64 // bytes in RAM
}

// clockTick is the kernel's unit in /proc/<pid>/stat.
const clockTick = 10 * time.Millisecond

func consumptionOf(pid int) (u consumption, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before it may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 22 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+2)
	}
	for _, n := range []int{11, 12} { // utime, stime
		ticks, err := strconv.ParseInt(fields[n], 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(ticks) * clockTick
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64) // rss
	u.memory = pages * int64(os.Getpagesize())
	return u, err
}

// The processes whose consumption counts.
const (
	asterisk = iota
	metaflows
	phones // and this program
	processes
)

// consumptions are those of all.
func consumptions(r *rig.Rig) (all [processes]consumption, err error) {
	for n, pid := range [processes]int{asterisk: r.Asterisk.PID(), metaflows: r.Program.PID(), phones: os.Getpid()} {
		var failed error
		all[n], failed = consumptionOf(pid)
		err = errors.Join(err, failed)
	}
	return all, err
}
