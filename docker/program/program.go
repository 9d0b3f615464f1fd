package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"metaflows/docker/pbx"
)

// Program is a metaflows. Its methods may be called by any goroutine.
type Program struct {
	API     string // host:port of the REST API
	NATS    string // host:port of the NATS inside
	Data    string // METAFLOWS_DATA_DIR
	LogPath string // what it logs, all runs one after another

	binary string
	env    []string

	mu      sync.Mutex // guards what follows, and start against stop
	process *process
}

// Options say how metaflows is run.
type Options struct {
	Binary    string   // the program; see [Build]
	Data      string   // METAFLOWS_DATA_DIR
	LogPath   string   // where its log goes
	Node      string   // METAFLOWS_NODE; default lab
	API, NATS int      // the ports that are wanted on 127.0.0.1; others are taken where they are in use, or 0
	ARIURL    string   // where it reaches ARI, when that is not Asterisk itself
	Env       []string // further NAME=value
}

// Times of metaflows' start and stop; it needs less than a second for each.
const (
	startTime = 20 * time.Second
	stopTime  = 15 * time.Second
)

// Start runs metaflows beside an Asterisk and returns when it is ready. METAFLOWS_* variables of this process's own
// environment do not reach it. If it does not come up, the error has the last lines of its log.
func Start(ctx context.Context, asterisk *pbx.Server, options Options) (*Program, error) {
	addresses, err := freeAddresses(options.API, options.NATS)
	if err != nil {
		return nil, fmt.Errorf("start metaflows: %w", err)
	}
	p := &Program{API: addresses[0], NATS: addresses[1], Data: options.Data, LogPath: options.LogPath, binary: options.Binary}
	p.env = append(append(foreignEnv(os.Environ()), options.Env...),
		"METAFLOWS_ARI_URL="+cmp.Or(options.ARIURL, asterisk.ARIURL),
		"METAFLOWS_ARI_USERNAME="+asterisk.ARIUser, "METAFLOWS_ARI_PASSWORD="+asterisk.ARIPassword,
		"METAFLOWS_RECORDING_KEEP=yes", // their files are looked at
		"METAFLOWS_NODE="+cmp.Or(options.Node, "lab"), "METAFLOWS_HTTP_ADDR="+p.API, "METAFLOWS_NATS_LISTEN="+p.NATS, "METAFLOWS_DATA_DIR="+p.Data)
	if err := os.WriteFile(p.LogPath, nil, 0o600); err != nil {
		return nil, fmt.Errorf("start metaflows: %w", err)
	}
	if err := p.Restart(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Restart stops metaflows if it runs and starts it again with the same folder and addresses. It returns when metaflows is
// ready.
func (p *Program) Restart(ctx context.Context) error {
	if err := p.Launch(); err != nil {
		return err
	}
	if err := p.Ready(ctx); err != nil {
		return errors.Join(fmt.Errorf("start metaflows: %w; the end of its log:\n%s", err, Tail(p.LogPath, 20)), p.Stop())
	}
	return nil
}

// Launch is Restart, but does not wait until metaflows is ready.
func (p *Program) Launch() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		_ = p.process.stop(stopTime)
	}
	next, err := launch(p.binary, p.env, p.LogPath)
	if err != nil {
		return fmt.Errorf("start metaflows: %w", err)
	}
	p.process = next
	return nil
}

// Ready returns when metaflows says that all its parts are ready, or the cause why that is not to be.
func (p *Program) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("not ready after %s", startTime))
	defer cancel()
	process := p.current()
	for {
		if _, err := p.request(ctx, "GET", "/readyz", "", ""); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-process.ended:
			return fmt.Errorf("it ended at once: %w", process.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Stop asks metaflows to end as a service manager does, with SIGTERM, waits, and insists. A second Stop does nothing.
func (p *Program) Stop() error { return p.current().stop(stopTime) }

// Kill ends metaflows without warning, as a crash does, and returns when it is gone.
func (p *Program) Kill() { p.current().kill() }

// Pause stops metaflows where it is, until Resume.
func (p *Program) Pause() error { return p.current().pause() }

// Resume lets metaflows go on after Pause.
func (p *Program) Resume() error { return p.current().resume() }

// PID is the process id of the run that is the latest.
func (p *Program) PID() int { return p.current().cmd.Process.Pid }

// Ended is closed when the run that is the latest now has ended.
func (p *Program) Ended() <-chan struct{} { return p.current().ended }

func (p *Program) current() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process
}

// Secret is a password or token that metaflows keeps in a file of its data folder: "admin.token", "audit.password".
func (p *Program) Secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(p.Data, name))
	return strings.TrimSpace(string(text)), err
}

// Tail is the end of a text file.
func Tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
