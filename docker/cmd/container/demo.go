package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/phone"
)

// confirmTone is what metaflows plays to who pressed a code, in Hz.
const confirmTone = 1000

// stepTime bounds each step: pressing a long code takes a second, a pattern without an end 0.8 more.
const stepTime = 10 * time.Second

// demo is one call of carol and dave. Each step is checked by what the phones hear.
type demo struct {
	out         io.Writer
	began       time.Time
	carol, dave *phone.Phone
	c, d        *phone.Call // carol's side and dave's
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%6.2f  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// play runs the steps. What it says is what has happened.
func (d *demo) play(ctx context.Context) error {
	for _, step := range []struct {
		did string
		run func(context.Context) error
	}{
		{callerNumber + " carol calls " + calleeNumber + " dave, they hear each other", d.talk},
		{"dave presses *9: the call is recorded, he hears a tone", func(ctx context.Context) error { return d.press(ctx, "*9", confirmTone) }},
		{"dave presses *9: the recording ends, he hears a tone", func(ctx context.Context) error { return d.press(ctx, "*9", confirmTone) }},
		{"dave presses *5, which is no code: carol hears *5", d.noCode},
		{"dave presses *21234: carol hears 1234's music, dave is out of the call", d.transfer},
		{"carol hangs up", func(ctx context.Context) error { return d.c.Hangup(ctx) }},
	} {
		ctx, cancel := context.WithTimeout(ctx, stepTime)
		err := step.run(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.did, err)
		}
		d.say("%s", step.did)
	}
	return nil
}

// end ends what is left of the call, and of no other.
func (d *demo) end() {
	ctx, cancel := context.WithTimeout(context.Background(), registerTime)
	defer cancel()
	for _, side := range []*phone.Call{d.c, d.d} {
		if side != nil {
			_ = side.Hangup(ctx)
		}
	}
}

func (d *demo) talk(ctx context.Context) (err error) {
	if d.c, err = d.carol.Dial(ctx, calleeNumber); err != nil {
		return err
	}
	for { // others may call dave, too
		if d.d, err = d.dave.Incoming(ctx); err != nil {
			return err
		}
		if _, number := d.d.CallerID(); number == callerNumber {
			break
		}
	}
	if err := d.c.WaitAnswered(ctx); err != nil {
		return err
	}
	if err := d.c.WaitTone(ctx, calleeTone); err != nil {
		return err
	}
	return d.d.WaitTone(ctx, callerTone)
}

// press lets dave press a code, after which it hears a tone.
func (d *demo) press(ctx context.Context, keys string, tone float64) error {
	d.c.ForgetDigits()
	if _, err := d.d.Press(ctx, keys); err != nil {
		return err
	}
	if err := d.d.WaitTone(ctx, tone); err != nil {
		return err
	}
	if err := d.d.WaitNoTone(ctx, tone); err != nil {
		return err
	}
	if err := d.d.WaitTone(ctx, callerTone); err != nil {
		return err
	}
	return d.onlyStar()
}

func (d *demo) noCode(ctx context.Context) error {
	d.c.ForgetDigits()
	if _, err := d.d.Press(ctx, "*5"); err != nil {
		return err
	}
	return d.c.WaitDigits(ctx, "*5")
}

func (d *demo) transfer(ctx context.Context) error {
	d.c.ForgetDigits()
	if _, err := d.d.Press(ctx, "*21234"); err != nil {
		return err
	}
	if err := d.c.WaitTone(ctx, pbx.ToneLab); err != nil {
		return err
	}
	if err := d.d.WaitEnded(ctx); err != nil {
		return err
	}
	return d.onlyStar()
}

// onlyStar is an error if carol has heard more of a code than its first key.
func (d *demo) onlyStar() error {
	if got := d.c.Digits(); got != "" && got != "*" {
		return fmt.Errorf("carol heard the keys %q of a code", got)
	}
	return nil
}
