package ari

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// maxFrame is the longest event that is read; Asterisk's are about 1 kB.
const maxFrame = 1 << 20

// politeness is how long Asterisk has to agree to the end of a connection.
const politeness = 300 * time.Millisecond

// problem is why there is no connection, for people, and where it is known what ends it. slow: only an administrator can help.
type problem struct {
	text, do string
	slow     bool
}

func (p *problem) Error() string { return p.text }

// Run keeps the events' websocket connected until ctx ends, and returns its error then. After another process has taken
// over the application it waits until that one is gone; ErrReplaced is that this has no end, see the package's comment. Run
// may be called once.
func (c *Client) Run(ctx context.Context) error {
	delay := c.cfg.RetryMin
	for {
		began := time.Now()
		err := c.session(ctx)
		if errors.Is(err, ErrReplaced) {
			if err := c.standBy(ctx); errors.Is(err, ErrReplaced) {
				return err
			}
			delay = c.cfg.RetryMin
			if ctx.Err() == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			c.setProblem("stopped")
			return ctx.Err()
		}
		p, ok := errors.AsType[*problem](err)
		if !ok {
			p = &problem{text: reason(err)}
		}
		if c.setProblem(p.text) {
			words := []any{"problem", p.text, "url", c.base.Redacted()}
			if p.do != "" {
				words = append(words, "do", p.do)
			}
			c.cfg.Log.Warn("no connection to Asterisk, trying again", words...)
		}
		if time.Since(began) > c.cfg.RetryMax {
			delay = c.cfg.RetryMin // it had been up
		}
		wait := delay/2 + rand.N(delay/2+1)
		if p.slow {
			wait = c.cfg.RetrySlow/2 + rand.N(c.cfg.RetrySlow/2+1)
		}
		delay = min(2*delay, c.cfg.RetryMax)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// session is one connection from its making to its end; it returns why it ended, never nil.
func (c *Client) session(parent context.Context) error {
	if err := c.checkVersion(parent); err != nil {
		return err
	}
	if taken, err := c.takenInGap(parent); err != nil {
		return &problem{text: fail("read who has", c.cfg.Application, err).Error()}
	} else if taken {
		return ErrReplaced
	}
	if err := c.claim(parent); err != nil {
		return err
	}
	conn, err := c.dial(parent)
	if err != nil {
		return err
	}
	c.away.Store(false)
	c.wire.Store(newWire(conn, c.base.Path))
	defer c.wire.Store(nil)
	ctx, end := context.WithCancelCause(parent)
	// The reader's context ends later: coder/websocket answers its end by breaking the connection.
	reading, breakOff := context.WithCancel(context.WithoutCancel(parent))
	defer breakOff()
	g := &gate{handler: c.cfg.Handler}
	var wg sync.WaitGroup
	wg.Go(func() {
		err := c.read(reading, conn, g)
		end(err)
		if errors.Is(err, ErrReplaced) { // after the end: what fails for this reason fails in a session that is over
			c.away.Store(true)
		}
	})
	wg.Go(func() { end(c.ping(ctx, conn)) })
	if c.holder != nil {
		c.holder.had = true
		wg.Go(func() { end(c.beat(ctx)) })
	}
	defer func() {
		if c.holder != nil && parent.Err() != nil && !errors.Is(context.Cause(ctx), ErrReplaced) {
			c.release(context.WithoutCancel(parent))
		}
	}()
	// Nothing is delivered after the session: the next one's events must not be overtaken.
	defer wg.Wait()
	defer func() { hangUp(context.Cause(ctx), conn, breakOff) }()
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

// hangUp closes a connection. When it is we who want to go, it does so politely, to keep Asterisk's log clean, but does
// not wait for ever.
func hangUp(cause error, conn *websocket.Conn, breakOff func()) {
	if errors.As(cause, new(*problem)) {
		conn.CloseNow()
		return
	}
	impatient := time.AfterFunc(politeness, breakOff)
	defer impatient.Stop()
	conn.Close(websocket.StatusNormalClosure, "")
}

// connected notes that we are ready.
func (c *Client) connected() {
	c.mu.Lock()
	again := c.before
	c.before, c.status.Connected, c.status.Replaced, c.status.Problem = true, true, false, ""
	version := c.status.Version
	c.mu.Unlock()
	if again {
		c.reconnects.Add(1)
	}
	c.cfg.Log.Info("connected to Asterisk", "version", version, "application", c.cfg.Application)
}

// read takes frames until the connection is closed; it returns why.
func (c *Client) read(ctx context.Context, conn *websocket.Conn, g *gate) error {
	var frame bytes.Buffer
	for {
		_, r, err := conn.Reader(ctx)
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
