package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/broker"
	"metaflows/docker/phone"
	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// What phones hear beside each other, in Hz.
const (
	confirmTone = 1000
)

// soon bounds what a machine does in a moment; answered, what takes a restart or a reconnection.
const (
	soon     = 10 * time.Second
	answered = 60 * time.Second
)

// visitors are what comes from the host through the published ports.
type visitors struct {
	phones  []*phone.Phone
	auditor *rig.Auditor
	seen    int    // events up to here were awaited
	token   string // of the REST API
}

func on(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// visit gets the logins and subscribes to the events, as the guide that the service logins shows says.
func (p *project) visit(ctx context.Context) error {
	var err error
	if p.token, err = p.login(ctx, "token"); err != nil {
		return err
	}
	password, err := p.login(ctx, "audit")
	if err != nil {
		return err
	}
	conn, err := p.connect(broker.AuditUser, password, nats.CustomInboxPrefix(broker.AuditInbox), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	p.auditor, err = rig.AuditorOn(conn, func(calls.Notice) {})
	return err
}

// connect logs in to NATS, at one of its servers.
func (p *project) connect(user, password string, options ...nats.Option) (*nats.Conn, error) {
	var urls []string
	for _, port := range p.ports.nats[:p.servers] {
		urls = append(urls, "nats://"+on(port))
	}
	conn, err := nats.Connect(strings.Join(urls, ","), append(options, nats.UserInfo(user, password), nats.IgnoreDiscoveredServers())...)
	if err != nil {
		return nil, fmt.Errorf("log in to NATS as %s: %w", user, err)
	}
	return conn, nil
}

// login is one of the secrets that the service logins has made.
func (p *project) login(ctx context.Context, name string) (string, error) {
	return p.compose(ctx, "run", "--rm", "-T", "logins", "show", "-only", name)
}

// leave hangs up and goes.
func (p *project) leave() {
	for _, visitor := range p.phones {
		_ = visitor.Close()
	}
	if p.auditor != nil {
		p.auditor.Close()
	}
}

// phone registers one of the phones at a node, on this machine. It answers calls after a moment.
func (p *project) phone(ctx context.Context, name string, node int) (*phone.Phone, error) {
	visitor, err := phone.New(context.Background(), phone.Config{
		User: name, Password: name, Server: on(p.sip[node]), Tone: rig.Tones[name], OnInvite: phone.AnswerAfter(300 * time.Millisecond),
	})
	if err != nil {
		return nil, err
	}
	p.phones = append(p.phones, visitor)
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	err = visitor.Register(ctx)
	return visitor, err
}

// conversation is a call of two phones, each of which sends a tone of its own.
type conversation struct {
	p                *project
	a, b             *phone.Call // caller's side and callee's
	callers, callees float64     // their tones
	id               string      // metaflows' name of it
}

// call lets one phone call another one by its number, and returns when both hear each other.
func (p *project) call(ctx context.Context, from *phone.Phone, number string, to *phone.Phone) (*conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	c := &conversation{p: p, callers: rig.Tones[from.Name()], callees: rig.Tones[to.Name()]}
	var err error
	if c.a, err = from.Dial(ctx, number); err != nil {
		return c, err
	}
	if c.b, err = to.Incoming(ctx); err != nil {
		code, reason := c.a.Status()
		return c, fmt.Errorf("%w; the caller's last status is %d %s", err, code, reason)
	}
	if err := c.talk(ctx); err != nil {
		return c, err
	}
	n, err := p.told(ctx, "call.answered", "")
	c.id = n.Call
	return c, err
}

// talk returns when both hear each other.
func (c *conversation) talk(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if err := c.a.WaitTone(ctx, c.callees); err != nil {
		return err
	}
	return c.b.WaitTone(ctx, c.callers)
}

// press lets the callee press a code that it hears a tone for, of which the caller hears the first key at most.
func (c *conversation) press(ctx context.Context, keys string) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	c.a.ForgetDigits()
	if _, err := c.b.Press(ctx, keys); err != nil {
		return err
	}
	if err := c.b.WaitTone(ctx, confirmTone); err != nil {
		return err
	}
	if err := c.b.WaitNoTone(ctx, confirmTone); err != nil {
		return err
	}
	if heard := c.a.Digits(); heard != "" && heard != keys[:1] {
		return fmt.Errorf("the caller heard the keys %q of %s", heard, keys)
	}
	return c.talk(ctx)
}

// end lets the callee press *0, which hangs up.
func (c *conversation) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if _, err := c.b.Press(ctx, "*0"); err != nil {
		return err
	}
	return errors.Join(c.b.WaitEnded(ctx), c.a.WaitEnded(ctx))
}

// told waits for events in this order, of one call if it is named, and gives the last.
func (p *project) told(ctx context.Context, kind, call string, more ...string) (n calls.Notice, err error) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	for _, k := range append([]string{kind}, more...) {
		if n, p.seen, err = p.auditor.AwaitType(ctx, p.seen, k, call); err != nil {
			return n, err
		}
	}
	return n, nil
}

// ready waits until a node's metaflows says that all its parts are ready.
func (p *project) ready(ctx context.Context, node int) error {
	return p.awaits(ctx, node, http.StatusOK)
}

// awaits waits until /readyz of a node answers with a status, and some words.
func (p *project) awaits(ctx context.Context, node, status int, words ...string) error {
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	for {
		got, body, err := p.ask(ctx, node, http.MethodGet, "/readyz", "")
		if err == nil && got == status && holds(body, words) {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("/readyz does not answer %d %v: %d %s %w", status, words, got, body, err)
		}
	}
}

func holds(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// ask sends a request to a node's REST API.
func (p *project) ask(ctx context.Context, node int, method, path, body string) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+on(p.api[node])+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("X-Auth-Token", p.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	return answer.StatusCode, strings.TrimSpace(string(raw)), err
}
