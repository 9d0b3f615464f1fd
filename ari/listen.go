package ari

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	v5 "github.com/CyCoreSystems/ari/v5"
	"github.com/coder/websocket"

	"metaflows/flows"
)

// maxFrame is the longest event that is read; Asterisk's are about 1 kB.
const maxFrame = 1 << 20

// politeness is how long Asterisk has to agree to the end of a connection.
const politeness = 300 * time.Millisecond

// problem is why there is no connection, for people. slow: only an administrator can help.
type problem struct {
	text string
	slow bool
}

func (p *problem) Error() string { return p.text }

// Run keeps the events' websocket connected until ctx ends, and returns its error then. After another instance has taken
// over the application it does not connect again: it detaches the client and returns ErrReplaced. Run may be called once.
func (c *Client) Run(ctx context.Context) error {
	delay := c.cfg.RetryMin
	for {
		began := time.Now()
		err := c.session(ctx)
		switch {
		case errors.Is(err, ErrReplaced):
			c.stepDown()
			return ErrReplaced
		case ctx.Err() != nil:
			c.setProblem("stopped")
			return ctx.Err()
		}
		var p *problem
		text, slow := reason(err), false
		if errors.As(err, &p) {
			text, slow = p.text, p.slow
		}
		if c.setProblem(text) {
			c.cfg.Log.Warn("no connection to Asterisk, trying again", "problem", text, "url", c.base.Redacted())
		}
		if time.Since(began) > c.cfg.RetryMax {
			delay = c.cfg.RetryMin // it had been up
		}
		wait := delay/2 + rand.N(delay/2+1)
		if slow {
			wait = c.cfg.RetrySlow/2 + rand.N(c.cfg.RetrySlow/2+1)
		}
		delay = min(2*delay, c.cfg.RetryMax)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// stepDown is what remains to be done when the application is another's: not to fight for it.
func (c *Client) stepDown() {
	c.Detach()
	text := fmt.Sprintf("another instance has taken over the ARI application %q; this one has stepped down", c.cfg.Application)
	c.setProblem(text)
	c.mu.Lock()
	c.status.Replaced = true
	c.mu.Unlock()
	c.cfg.Log.Error(text)
}

// session is one connection from its making to its end; it returns why it ended, never nil.
func (c *Client) session(parent context.Context) error {
	if err := c.checkVersion(parent); err != nil {
		return err
	}
	conn, err := c.dial(parent)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(parent)
	g := &gate{handler: c.cfg.Handler}
	var wg sync.WaitGroup
	wg.Go(func() { end(c.read(conn, g)) })
	wg.Go(func() { end(c.ping(ctx, conn)) })
	// Nothing is delivered after the session: the next one's events must not be overtaken.
	defer wg.Wait()
	defer hangUp(ctx, conn)
	defer end(nil)

	if err := c.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	c.connected()
	g.open()
	<-ctx.Done()
	return context.Cause(ctx)
}

// hangUp closes a connection: politely when we want to go, so that Asterisk's log stays clean.
func hangUp(ctx context.Context, conn *websocket.Conn) {
	if cause := context.Cause(ctx); errors.As(cause, new(*problem)) {
		conn.CloseNow()
		return
	}
	impatient := time.AfterFunc(politeness, func() { conn.CloseNow() })
	defer impatient.Stop()
	conn.Close(websocket.StatusNormalClosure, "")
}

// checkVersion asks before the application is registered, so that calls fall back to plain Dial() while it cannot be used.
func (c *Client) checkVersion(ctx context.Context) error {
	var said v5.AsteriskInfo
	err := c.doAlways(ctx, request{method: http.MethodGet, path: []string{"asterisk", "info"}}, &said)
	var e *Error
	switch {
	case errors.As(err, &e) && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return &problem{text: fmt.Sprintf("Asterisk refuses the ARI user %q or its password (%d)", c.cfg.Username, e.Status)}
	case errors.As(err, &e) && e.Status == http.StatusNotFound:
		return &problem{text: "there is no ARI at this URL (404): is res_ari loaded, is ari.conf enabled, does the URL end in /ari?"}
	case errors.As(err, &e):
		return &problem{text: fmt.Sprintf("Asterisk cannot answer: %s (%d)", e.Message, e.Status)}
	case err != nil:
		return &problem{text: reason(err)}
	}
	info := newInfo(&said)
	c.oneByOne.Store(false) // it may be another version than before
	c.mu.Lock()
	c.status.Version = info.Version
	c.mu.Unlock()
	if tooOld(info.Version) {
		return &problem{text: fmt.Sprintf("Asterisk %s is too old: %d or newer is needed", info.Version, minVersion), slow: true}
	}
	return nil
}

// dial opens the websocket. From here on the application is registered.
func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	query := url.Values{"app": {c.cfg.Application}, "subscribeAll": {"false"}}
	login := base64.StdEncoding.EncodeToString([]byte(c.cfg.Username + ":" + c.cfg.Password))
	conn, resp, err := websocket.Dial(ctx, c.base.String()+"/events?"+query.Encode(), &websocket.DialOptions{
		HTTPClient: c.http,
		HTTPHeader: http.Header{"Authorization": {"Basic " + login}},
	})
	switch {
	case err == nil:
		conn.SetReadLimit(maxFrame)
		return conn, nil
	case resp != nil:
		return nil, &problem{text: fmt.Sprintf("Asterisk refuses the events' websocket (%d)", resp.StatusCode)}
	default:
		return nil, &problem{text: reason(err)}
	}
}

// prepare sets the event filter, which Asterisk forgets together with the application, and runs OnConnect.
func (c *Client) prepare(ctx context.Context) error {
	type named struct {
		Type string `json:"type"`
	}
	var filter struct {
		Allowed    []named `json:"allowed"`
		Disallowed []named `json:"disallowed"`
	}
	filter.Disallowed = []named{}
	for _, name := range slices.Sorted(slices.Values(usedTypes())) {
		filter.Allowed = append(filter.Allowed, named{name})
	}
	err := c.doAlways(ctx, request{method: http.MethodPut, path: []string{"applications", c.cfg.Application, "eventFilter"}, body: filter}, nil)
	if err != nil {
		return &problem{text: fail("set the event filter of", c.cfg.Application, err).Error()}
	}
	if c.cfg.OnConnect != nil {
		if err := c.cfg.OnConnect(ctx, c); err != nil {
			return &problem{text: "after connecting: " + err.Error()}
		}
	}
	return nil
}

// connected notes that we are ready.
func (c *Client) connected() {
	c.mu.Lock()
	again := c.status.connectedBefore
	c.status.Connected, c.status.connectedBefore, c.status.Problem = true, true, ""
	version := c.status.Version
	c.mu.Unlock()
	if again {
		c.reconnects.Add(1)
	}
	c.cfg.Log.Info("connected to Asterisk", "version", version, "application", c.cfg.Application)
}

// read takes frames until the connection is closed; it returns why.
func (c *Client) read(conn *websocket.Conn, g *gate) error {
	var frame bytes.Buffer
	for {
		_, r, err := conn.Reader(context.Background()) // a context that ends would close the connection without a word
		if err != nil {
			return readProblem(err)
		}
		frame.Reset()
		if _, err := frame.ReadFrom(r); err != nil {
			return readProblem(err)
		}
		if c.take(frame.Bytes(), g) == kindReplaced {
			return ErrReplaced
		}
	}
}

func readProblem(err error) error {
	if code := websocket.CloseStatus(err); code != -1 {
		return &problem{text: fmt.Sprintf("Asterisk has closed the events' websocket (%d)", code)}
	}
	return &problem{text: "the events' websocket is broken: " + reason(err)}
}

// take counts a frame and passes on its event.
func (c *Client) take(frame []byte, g *gate) kind {
	k, name := classify(frame)
	switch k {
	case kindSkipped:
		c.skipped.Add(1)
		return k
	case kindUnknown:
		c.unknown.Add(1)
		c.logUnknown(name)
		return k
	case kindReplaced:
		c.decoded.Add(1)
		return k
	}
	id, ev, err := decode(k, frame, time.Now())
	if err != nil {
		if n := c.broken.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th: a flood stays readable
			c.cfg.Log.Error("an event from Asterisk could not be understood", "type", oneLine(string(name)), "bytes", len(frame), "so_far", n)
		}
		return kindNone
	}
	c.decoded.Add(1)
	g.put(id, ev)
	return k
}

// logUnknown logs a type once, and no more than a hundred of them.
func (c *Client) logUnknown(name []byte) {
	c.mu.Lock()
	news := len(c.seen) < 100 && !c.seen[string(name)]
	if news {
		c.seen[string(name)] = true
	}
	c.mu.Unlock()
	if news {
		c.cfg.Log.Warn("Asterisk sends a type of event that is not known here; it is ignored", "type", oneLine(string(name)))
	}
}

// ping asks for a sign of life at intervals; it returns when there is none, or with ctx. Without it a cut cable would
// look like a silent Asterisk.
func (c *Client) ping(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(c.cfg.PingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		wait, cancel := context.WithTimeout(ctx, c.cfg.PingTimeout)
		err := conn.Ping(wait)
		cancel()
		if err != nil {
			return &problem{text: fmt.Sprintf("Asterisk has not answered a ping for %v", c.cfg.PingTimeout)}
		}
	}
}

// gate keeps a session's events until it is opened, then lets them through in order.
type gate struct {
	handler Handler
	mu      sync.Mutex
	isOpen  bool
	held    []heldEvent
}

type heldEvent struct {
	id string
	ev flows.Event
}

// put delivers an event or keeps it. Only the reader calls it.
func (g *gate) put(id string, ev flows.Event) {
	g.mu.Lock()
	if !g.isOpen {
		g.held = append(g.held, heldEvent{id, ev})
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	g.handler.Deliver(id, ev)
}

// open delivers what was kept; what comes meanwhile is kept behind it, until nothing is left.
func (g *gate) open() {
	for {
		g.mu.Lock()
		held := g.held
		g.held = nil
		if len(held) == 0 {
			g.isOpen = true
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		for _, h := range held {
			g.handler.Deliver(h.id, h.ev)
		}
	}
}
