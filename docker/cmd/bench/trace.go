package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// request is one that metaflows has sent to ARI.
type request struct {
	what        string
	begin, took time.Duration // since the last digit; until the answer
}

// tracer is a proxy between metaflows and ARI that notes the requests.
type tracer struct {
	url string
	web *http.Server

	mu   sync.Mutex
	list []traced
}

type traced struct {
	what       string
	begin, end time.Time
}

// newTracer serves on an address of its own until close.
func newTracer(ctx context.Context, target string) (*tracer, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tracer{url: "http://" + socket.Addr().String() + u.Path}
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	pass.Transport = &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: 10 * time.Second} // Asterisk closes after 15 s
	t.web = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := r.Method + " " + shorter(strings.TrimPrefix(r.URL.Path, u.Path))
		if name := r.URL.Query().Get("variable"); name != "" {
			what += " " + name
		}
		begin := time.Now()
		pass.ServeHTTP(w, r)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.list = append(t.list, traced{what, begin, time.Now()})
	})}
	go func() { _ = t.web.Serve(socket) }()
	return t, nil
}

// through lets metaflows reach ARI by a tracer.
func through(ctx context.Context, made **tracer) func(*pbx.Server, *program.Options) error {
	return func(asterisk *pbx.Server, wanted *program.Options) (err error) {
		if *made, err = newTracer(ctx, asterisk.ARIURL); err == nil {
			wanted.ARIURL = (*made).url
		}
		return err
	}
}

func (t *tracer) close() { _ = t.web.Close() }

// end ends what a bench has begun, as far as it has: phones, the system, and the proxy last.
func end(system *rig.Rig, t *tracer, phones ...*phone.Phone) (err error) {
	for _, p := range phones {
		if p != nil {
			_ = p.Close()
		}
	}
	if system != nil {
		err = system.Stop()
	}
	if t != nil {
		t.close()
	}
	return err
}

// take returns what was requested since a time, in the order of the beginnings, and forgets all.
func (t *tracer) take(since time.Time) (list []request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.list {
		if r.end.After(since) {
			list = append(list, request{r.what, r.begin.Sub(since), r.end.Sub(r.begin)})
		}
	}
	t.list = nil
	slices.SortFunc(list, func(x, y request) int { return cmp.Compare(x.begin, y.begin) })
	return list
}

// shorter leaves the ends of long ids.
func shorter(p string) string {
	parts := strings.Split(path.Clean(p), "/")
	for i, part := range parts {
		if len(part) > 16 {
			parts[i] = "…" + part[len(part)-8:]
		}
	}
	return strings.Join(parts, "/")
}

// tellRequests lists requests in the order in which they began, up to the effect.
func tellRequests(out io.Writer, list []request, effect time.Duration) {
	fmt.Fprintf(out, "      begins      takes\n")
	told := false
	for _, r := range list {
		if r.begin > effect && !told {
			fmt.Fprintf(out, "  %10s             the effect\n", milliseconds(effect))
			told = true
		}
		fmt.Fprintf(out, "  %10s %10s  %s\n", milliseconds(r.begin), milliseconds(r.took), r.what)
	}
}
