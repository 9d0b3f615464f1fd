package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"metaflows/docker/phone"
	"metaflows/docker/rig"
)

// story is the demo's call. Each of its steps is checked by what the phones hear, and by what Asterisk and NATS say.
type story struct {
	*system
	folder string // where the recording is left
	say    func(string, ...any)

	phones            []*phone.Phone
	alice, bob, carol *phone.Phone
	a, b              *phone.Call // alice's side and bob's

	call     string // metaflows' id of it
	heard    int    // events up to here were awaited
	happened int    // effects up to here were awaited
	copied   string // the recording
	length   time.Duration
}

// prepare registers the phones and stores the document.
func (d *story) prepare(ctx context.Context) error {
	for _, p := range []struct {
		name string
		at   **phone.Phone
	}{{"alice", &d.alice}, {"bob", &d.bob}, {"carol", &d.carol}} {
		registered, err := d.phone(ctx, p.name)
		if err != nil {
			return err
		}
		*p.at = registered
		d.phones = append(d.phones, registered)
	}
	d.bob.Behave(phone.AnswerAfter(400 * time.Millisecond))
	d.say("three phones are registered: alice 1001, bob 1002, carol 1003")
	if _, err := d.Program.Request(ctx, "POST", metaflowsPath, document); err != nil {
		return err
	}
	d.say("POST %s: *9 records, *2 and an extension transfers", metaflowsPath)
	return d.told(ctx, "document.changed")
}

// play tells the story step by step.
func (d *story) play(ctx context.Context) error {
	for _, step := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"alice calls bob", d.begin},
		{"bob presses *9: the call is recorded", d.record},
		{"bob presses *9 again: the recording stops", d.stopRecording},
		{"bob presses *21234, and 0.8 s later alice goes to 1234 and bob is free", d.transfer},
		{"carol calls bob", d.again},
		{"alice hangs up", d.end},
	} {
		d.line.title(step.title)
		if err := step.run(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
				err = fmt.Errorf("%w: %w", cause, err)
			}
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return nil
}

func (d *story) begin(ctx context.Context) (err error) {
	d.saw("alice", "calls 1002")
	if d.a, err = d.alice.Dial(ctx, "1002"); err != nil {
		return err
	}
	if err := d.told(ctx, "call.started"); err != nil {
		return err
	}
	if d.b, err = d.answered(ctx, d.bob); err != nil {
		return err
	}
	if err := d.told(ctx, "call.answered"); err != nil {
		return err
	}
	return d.talk(ctx, "hears", d.a, d.b)
}

func (d *story) record(ctx context.Context) error {
	if err := d.press(ctx, d.b, "*9"); err != nil {
		return err
	}
	if err := d.happens(ctx, "RecordingStarted", ""); err != nil {
		return err
	}
	if err := d.told(ctx, "code.armed", "code.matched", "action.started", "recording.started", "action.finished"); err != nil {
		return err
	}
	if err := d.hears(ctx, d.b, "hears", confirmTone, "it is done"); err != nil {
		return err
	}
	if err := d.onlyStar(ctx); err != nil {
		return err
	}
	return d.goOn(ctx, d.a, d.b, 1500*time.Millisecond)
}

func (d *story) stopRecording(ctx context.Context) error {
	if err := d.press(ctx, d.b, "*9"); err != nil {
		return err
	}
	if err := d.happens(ctx, "RecordingFinished", ""); err != nil {
		return err
	}
	if err := d.told(ctx, "code.matched", "recording.stored"); err != nil {
		return err
	}
	if err := d.keep(d.last().Recording); err != nil {
		return err
	}
	if err := d.hears(ctx, d.b, "hears", confirmTone, "it is done"); err != nil {
		return err
	}
	return d.onlyStar(ctx)
}

func (d *story) transfer(ctx context.Context) error {
	if err := d.press(ctx, d.b, "*21234"); err != nil {
		return err
	}
	if err := d.happens(ctx, "ChannelEnteredBridge", "Local/1234@acme"); err != nil {
		return err
	}
	if err := d.told(ctx, "code.matched", "transfer.ringing", "transfer.answered", "transfer.completed", "action.finished"); err != nil {
		return err
	}
	if err := d.hears(ctx, d.a, "hears", music1234, "1234's music"); err != nil {
		return err
	}
	if err := d.happens(ctx, "ChannelDestroyed", "bob"); err != nil {
		return err
	}
	return d.ended(ctx, d.b)
}

// again shows that bob is free, and that alice's call does not mind.
func (d *story) again(ctx context.Context) error {
	d.saw("carol", "calls 1002")
	c, err := d.carol.Dial(ctx, "1002")
	if err != nil {
		return err
	}
	b, err := d.answered(ctx, d.bob)
	if err != nil {
		return err
	}
	if err := d.talk(ctx, "hears", c, b); err != nil {
		return err
	}
	if err := d.goOn(ctx, c, b, 300*time.Millisecond); err != nil {
		return err
	}
	if err := d.hears(ctx, d.a, "hears", music1234, "1234's music"); err != nil {
		return err
	}
	if err := d.hangUp(ctx, c); err != nil {
		return err
	}
	return d.ended(ctx, b)
}

func (d *story) end(ctx context.Context) error {
	if err := d.hangUp(ctx, d.a); err != nil {
		return err
	}
	if err := d.told(ctx, "call.ended"); err != nil {
		return err
	}
	return d.nothingLeft(ctx)
}

// keep copies the recording and listens to it.
func (d *story) keep(name string) error {
	from := filepath.Join(d.Asterisk.RecordingDir, filepath.FromSlash(name)+".wav")
	r, err := readRecording(from)
	if err != nil {
		return err
	}
	d.length = r.length()
	for _, who := range []string{"alice", "bob"} {
		if !r.holds(rig.Tones[who]) {
			return fmt.Errorf("%s is not heard in the recording %s", who, name)
		}
	}
	d.copied, err = copyFile(from, d.folder, "recording.wav")
	return err
}

// conclude says what is left of it.
func (d *story) conclude() {
	d.say("The recording is %s long, with alice and bob in it: %s", seconds(d.length), d.copied)
}
