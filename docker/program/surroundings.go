package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
)

// Build makes the program of this source, as the file given.
func Build(ctx context.Context, file string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", file, "metaflows/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build metaflows: %w\n%s", errors.Join(err, context.Cause(ctx)), strings.TrimSpace(said.String()))
	}
	return nil
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

// Ports are chosen below the range that the kernel gives to connections, and below package pbx's: while metaflows is away
// nobody takes its port, and nobody who tries to reach it there is connected with himself.
const (
	firstPort = 12000
	ports     = 8000
)

// freeAddresses are addresses of this machine where nobody listens: the ports wanted, others where those are in use or 0.
func freeAddresses(wanted ...int) (free []string, err error) {
	var listeners []net.Listener
	defer func() { // not before all are chosen, so that they differ
		for _, l := range listeners {
			l.Close()
		}
	}()
	for _, port := range wanted {
		l, err := listen(port)
		for range 100 {
			if port != 0 && err == nil {
				break
			}
			port = firstPort + rand.IntN(ports)
			l, err = listen(port)
		}
		if err != nil {
			return nil, fmt.Errorf("no free port: %w", err)
		}
		listeners = append(listeners, l)
		free = append(free, l.Addr().String())
	}
	return free, nil
}

func listen(port int) (net.Listener, error) {
	if port == 0 {
		return nil, errors.New("no port is wanted")
	}
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}
