package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"metaflows/docker/pbx"
)

// program is a running metaflows, as a user runs it.
type program struct {
	api     string // host:port of the REST API
	nats    string // host:port of the NATS inside
	data    string // METAFLOWS_DATA_DIR
	logPath string

	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone and waited for
	err   error         // why; set before ended is closed
}

// programOptions say how metaflows is run.
type programOptions struct {
	binary    string   // the program; empty: it is built
	data      string   // METAFLOWS_DATA_DIR
	logPath   string   // where its log goes
	api, nats int      // the ports that are wanted on 127.0.0.1; others are taken where they are in use
	env       []string // further NAME=value
}

// Times of metaflows' start and stop; it needs less than a second for each.
const (
	programStart = 20 * time.Second
	programStop  = 15 * time.Second
)

// startProgram runs metaflows beside an Asterisk and returns when it is ready.
func startProgram(ctx context.Context, asterisk *pbx.Server, options programOptions) (*program, error) {
	p := &program{data: options.data, logPath: options.logPath, ended: make(chan struct{})}
	free, err := freeAddresses(options.api, options.nats)
	if err != nil {
		return nil, fmt.Errorf("start metaflows: %w", err)
	}
	p.api, p.nats = free[0], free[1]
	p.cmd = exec.Command(options.binary)
	p.cmd.Env = append(append(foreignEnv(os.Environ()), options.env...),
		"METAFLOWS_ARI_URL="+asterisk.ARIURL, "METAFLOWS_ARI_USERNAME="+asterisk.ARIUser, "METAFLOWS_ARI_PASSWORD="+asterisk.ARIPassword,
		"METAFLOWS_NODE=lab", "METAFLOWS_HTTP_ADDR="+p.api, "METAFLOWS_NATS_LISTEN="+p.nats, "METAFLOWS_DATA_DIR="+p.data)
	if err := p.launch(); err != nil {
		return nil, fmt.Errorf("start metaflows: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, programStart, fmt.Errorf("not ready after %s", programStart))
	defer cancel()
	if err := p.ready(ctx); err != nil {
		_ = p.stop()
		return nil, fmt.Errorf("start metaflows: %w; the end of its log:\n%s", err, tail(p.logPath, 20))
	}
	return p, nil
}

// foreignEnv is an environment without metaflows' variables.
func foreignEnv(all []string) []string {
	var env []string
	for _, e := range all {
		if !strings.HasPrefix(e, "METAFLOWS_") {
			env = append(env, e)
		}
	}
	return env
}

// freeAddresses are addresses of this machine where nobody listens: the ports wanted, others where those are in use.
func freeAddresses(ports ...int) (free []string, err error) {
	var listeners []net.Listener
	defer func() { // not before all are chosen, so that they differ
		for _, l := range listeners {
			l.Close()
		}
	}()
	for _, port := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			return nil, fmt.Errorf("no free port: %w", err)
		}
		listeners = append(listeners, l)
		free = append(free, l.Addr().String())
	}
	return free, nil
}

// launch starts the process. It ends when we do, however that happens: the kernel ends it with the thread that started
// it, so that thread belongs to a goroutine which lives as long as the process. Ctrl-C does not reach it; stop does.
func (p *program) launch() error {
	log, err := os.Create(p.logPath)
	if err != nil {
		return err
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return <-started
}

// ready returns when metaflows says that all its parts are.
func (p *program) ready(ctx context.Context) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.api+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.ended:
			return fmt.Errorf("it ended at once: %w", p.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stop asks metaflows to end, waits, and insists.
func (p *program) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(programStop):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("metaflows did not end within %s and was killed", programStop)
	}
	if p.err != nil {
		return fmt.Errorf("metaflows ended: %w", p.err)
	}
	return nil
}

// secret is a password or token that metaflows keeps in a file of its data folder.
func (p *program) secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(p.data, name))
	return strings.TrimSpace(string(text)), err
}

// buildProgram makes the program of this source, as the file given.
func buildProgram(ctx context.Context, file string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", file, "metaflows/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build metaflows: %w\n%s", errors.Join(err, context.Cause(ctx)), strings.TrimSpace(said.String()))
	}
	return nil
}

// tail is the end of a text file.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
