package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"metaflows/app/config"
)

// healthTimeout is shorter than what container engines and supervisors give a health check.
const healthTimeout = 2 * time.Second

// health asks the metaflows of this environment whether it is ready, for health checks of images without a shell.
func health() int {
	cfg, ok := load()
	if !ok {
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	if !ready(ctx, cfg, os.Stdout) {
		return 1
	}
	return 0
}

// ready asks /readyz, tells what it has answered, and says whether every part is ready.
func ready(ctx context.Context, cfg config.Config, out io.Writer) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(cfg.HTTP.Addr)+"/readyz", nil)
	if err != nil {
		fmt.Fprintln(out, err)
		return false
	}
	answer, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(request)
	if err != nil {
		fmt.Fprintln(out, "metaflows does not answer:", err)
		return false
	}
	defer answer.Body.Close()
	var said struct {
		OK    bool
		Parts map[string]struct{ Problem string }
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&said); err != nil {
		fmt.Fprintf(out, "http://%s is no metaflows: %s\n", cfg.HTTP.Addr, answer.Status)
		return false
	}
	if said.OK {
		fmt.Fprintln(out, "ready")
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(said.Parts)) {
		if problem := said.Parts[name].Problem; problem != "" {
			fmt.Fprintf(out, "%s: %s\n", name, problem)
		}
	}
	return false
}

// dialable is where one reaches who listens at an address: all addresses include this machine's own.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
