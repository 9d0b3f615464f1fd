package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"metaflows/docker/command"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// restBench measures the REST API as a client has it, on connections that stay open.
type restBench struct {
	out     io.Writer
	binary  string
	lasts   time.Duration
	workers int
}

func restCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) ([]figure, error) {
	b := &restBench{out: out}
	command.BinaryVar(flags, &b.binary)
	flags.DurationVar(&b.lasts, "for", 10*time.Second, "how long each is measured")
	flags.IntVar(&b.workers, "workers", 8, "how many ask at once")
	return b.run
}

func (b *restBench) run(ctx context.Context) (list []figure, err error) {
	if b.workers < 1 || b.lasts <= 0 {
		return nil, fmt.Errorf("-workers %d -for %s: accepted are 1 and more, for some time", b.workers, b.lasts)
	}
	r, err := rig.Start(ctx, rig.Options{Program: program.Options{Binary: b.binary, Env: []string{"METAFLOWS_AUTH_RATE_LIMIT=0"}}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	c, err := newClient(r.Program, b.workers)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, method := range []string{http.MethodPost, http.MethodGet} { // what is asked for was stored before
		fmt.Fprintf(b.out, "%s of a document, %d at once, for %s\n", method, b.workers, b.lasts)
		took, passed, err := c.repeat(ctx, b.workers, b.lasts, func(int) (string, string, string) {
			return method, "/v2/accounts/acme/metaflows", map[bool]string{true: loadDocument}[method == http.MethodPost]
		})
		if err != nil {
			return list, err
		}
		list = append(list, figure{method + "s in a second", "", float64(len(took)) / passed.Seconds(), 0})
		list = append(list, quantiles(method, took, nil)...)
	}
	tell(b.out, list)
	return list, nil
}

// client speaks to the API as an administrator.
type client struct {
	web         *http.Client
	base, token string
}

func newClient(p *program.Program, connections int) (*client, error) {
	token, err := p.Secret("admin.token")
	return &client{web: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}, base: "http://" + p.API, token: token}, err
}

func (c *client) close() { c.web.CloseIdleConnections() }

// do sends a request and reads the answer; anything but a 200 is an error.
func (c *client) do(ctx context.Context, method, path, body string) error {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-Token", c.token)
	answer, err := c.web.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %.200s", method, path, answer.Status, text)
	}
	return err
}

// repeat lets some send requests, each one after another, until the time is over. It returns how long each took, and all.
func (c *client) repeat(ctx context.Context, workers int, lasts time.Duration, next func(worker int) (method, path, body string)) (took times, passed time.Duration, err error) {
	limit, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	each, failed := make([]times, workers), make([]error, workers)
	begin := time.Now()
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for limit.Err() == nil && failed[i] == nil {
				method, path, body := next(i)
				began := time.Now()
				failed[i] = c.do(ctx, method, path, body)
				each[i] = append(each[i], time.Since(began))
			}
		})
	}
	all.Wait()
	passed = time.Since(begin)
	for _, t := range each {
		took = append(took, t...)
	}
	return took, passed, errors.Join(errors.Join(failed...), ctx.Err())
}
