package main

import (
	"context"
	"fmt"
	"time"

	"metaflows/docker/phone"
	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// wait is how long each single thing may take.
const wait = 10 * time.Second

func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, wait, fmt.Errorf("waited for %s", wait))
}

func (d *story) saw(who, text string) { d.line.saw(time.Now(), who, text) }

// told waits for events, in this order, of the story's call once that has begun.
func (d *story) told(ctx context.Context, kinds ...string) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	for _, kind := range kinds {
		n, next, err := d.auditor.AwaitType(ctx, d.heard, kind, d.call)
		if err != nil {
			return err
		}
		d.heard = next
		if d.call == "" {
			d.call = n.Call
		}
	}
	return nil
}

// last is the event that was awaited last.
func (d *story) last() calls.Notice {
	list, _ := d.auditor.Since(d.heard - 1)
	return list[0]
}

// happens waits for something at Asterisk.
func (d *story) happens(ctx context.Context, kind, about string) (err error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	_, d.happened, err = d.witness.await(ctx, d.happened, kind, about)
	return err
}

// answered waits until a phone rings and answers, and is that call.
func (d *story) answered(ctx context.Context, p *phone.Phone) (*phone.Call, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	c, err := p.Incoming(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.WaitRinging(ctx); err != nil {
		return nil, err
	}
	d.saw(p.Name(), "rings")
	if err := c.WaitAnswered(ctx); err != nil {
		return nil, err
	}
	d.saw(p.Name(), "answers")
	return c, nil
}

// hears waits for a tone and tells it by what it means.
func (d *story) hears(ctx context.Context, c *phone.Call, verb string, tone float64, what string) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	if err := c.WaitTone(ctx, tone); err != nil {
		return err
	}
	d.saw(c.Phone().Name(), fmt.Sprintf("%s %s, %.0f Hz", verb, what, tone))
	return nil
}

// talk waits until two calls hear each other.
func (d *story) talk(ctx context.Context, verb string, one, other *phone.Call) error {
	for _, c := range [][2]*phone.Call{{one, other}, {other, one}} {
		if err := d.hears(ctx, c[0], verb, rig.Tones[c[1].Phone().Name()], c[1].Phone().Name()); err != nil {
			return err
		}
	}
	return nil
}

// goOn lets two calls talk for a while.
func (d *story) goOn(ctx context.Context, one, other *phone.Call, long time.Duration) error {
	select {
	case <-time.After(long):
	case <-one.Ended():
	case <-other.Ended():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return d.talk(ctx, "still hears", one, other)
}

// press presses keys; it is noted when the first one goes down.
func (d *story) press(ctx context.Context, c *phone.Call, keys string) error {
	d.saw(c.Phone().Name(), "presses "+keys)
	_, err := c.Press(ctx, keys)
	return err
}

// onlyStar checks that alice has heard the binding digit and nothing else of a code.
func (d *story) onlyStar(ctx context.Context) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	if err := d.a.WaitDigits(ctx, "*"); err != nil {
		return err
	}
	d.saw("alice", "heard * and no other key")
	d.a.ForgetDigits()
	return nil
}

func (d *story) hangUp(ctx context.Context, c *phone.Call) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	d.saw(c.Phone().Name(), "hangs up")
	return c.Hangup(ctx)
}

// ended waits until the other side has hung up.
func (d *story) ended(ctx context.Context, c *phone.Call) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	if err := c.WaitEnded(ctx); err != nil {
		return err
	}
	end, _ := c.HowEnded()
	d.line.saw(end.Time, c.Phone().Name(), "is free: his call is over")
	return nil
}

// nothingLeft waits until Asterisk has forgotten every call.
func (d *story) nothingLeft(ctx context.Context) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	for {
		channels, err := d.Asterisk.Channels(ctx)
		if err != nil {
			return err
		}
		bridges, err := d.Asterisk.Bridges(ctx)
		if err != nil {
			return err
		}
		if len(channels)+len(bridges) == 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("left over in Asterisk: channels %v, bridges %v: %w", channels, bridges, context.Cause(ctx))
		}
	}
}

// leave closes the phones.
func (d *story) leave() {
	for _, p := range d.phones {
		_ = p.Close()
	}
}
