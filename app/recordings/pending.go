package recordings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"metaflows/flows/calls"
)

// fact is what was told of a recording: that it has begun, or that it is over. Noted twice it changes nothing.
type fact struct {
	Kind     string          `json:"kind"`
	Time     time.Time       `json:"time"`
	Notice   calls.Notice    `json:"notice"`
	Delivery *calls.Delivery `json:"delivery,omitempty"`
}

// pending are the facts that NATS does not have yet, in their order, and in a file as long as there are any: so they outlive a
// kill while NATS is away.
type pending struct {
	file string // "": memory only
	log  *slog.Logger
	wake chan struct{} // one slot

	mu    sync.Mutex
	given []fact

	waiting []fact // of run's goroutine, in the file
}

// give takes a fact; it never blocks.
func (p *pending) give(f fact) {
	p.mu.Lock()
	p.given = append(p.given, f)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run has facts noted until ctx ends, one after the other. One that cannot be is tried again each second, and those behind it
// wait: a recording's end comes after its beginning. What is given meanwhile is in the file at once.
func (p *pending) run(ctx context.Context, note func(context.Context, fact) error) {
	p.read()
	noted, again := make(chan error, 1), time.NewTimer(time.Second)
	defer again.Stop()
	var noting sync.WaitGroup
	defer noting.Wait()
	var problem error
	busy, due := false, true
	for {
		p.takeIn()
		if first := p.waiting; due && !busy && len(first) > 0 {
			busy = true
			noting.Go(func() { noted <- note(ctx, first[0]) })
		}
		select {
		case <-ctx.Done():
			p.takeIn() // what was told at the end
			return
		case <-p.wake:
		case <-again.C:
			due = true
		case err := <-noted:
			busy, due = false, err == nil
			switch {
			case ctx.Err() != nil: // it is told again by the next process
			case err != nil:
				problem = p.tell(problem, err)
				again.Reset(time.Second)
			default:
				problem = p.tell(problem, nil)
				if p.waiting = p.waiting[1:]; len(p.waiting) == 0 {
					p.forget()
				}
			}
		}
	}
}

// tell logs when it changes whether facts can be noted.
func (p *pending) tell(was, now error) error {
	switch {
	case now != nil && (was == nil || was.Error() != now.Error()):
		p.log.Warn("recordings wait to be noted in NATS; none is lost, and they are delivered afterwards", "waiting", len(p.waiting), "error", now)
	case now == nil && was != nil:
		p.log.Info("recordings are noted in NATS again")
	}
	return now
}

// takeIn writes what was given into the file.
func (p *pending) takeIn() {
	p.mu.Lock()
	given := p.given
	p.given = nil
	p.mu.Unlock()
	if len(given) == 0 {
		return
	}
	p.waiting = append(p.waiting, given...)
	if err := p.write(given); err != nil {
		p.log.Warn("recordings cannot be noted in a file: what NATS does not have when metaflows is killed will not be delivered", "file", p.file, "error", err)
	}
}

// write appends facts to the file, one a line.
func (p *pending) write(facts []fact) error {
	if p.file == "" {
		return nil
	}
	var lines bytes.Buffer
	for _, f := range facts {
		if err := json.NewEncoder(&lines).Encode(f); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(p.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines.Bytes())
	return errors.Join(err, f.Close())
}

// read takes up what a process before this one has left. What it was writing when it was killed may be half a line.
func (p *pending) read() {
	if p.file == "" {
		return
	}
	text, err := os.ReadFile(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		p.log.Error("recordings that could not be noted in NATS before cannot be read, and are not delivered", "file", p.file, "error", err,
			"do", "let the user of metaflows read it, and start metaflows again")
		return
	}
	for line := range bytes.Lines(text) {
		var f fact
		if json.Unmarshal(line, &f) == nil && f.Kind != "" {
			p.waiting = append(p.waiting, f)
		}
	}
	if whole := bytes.LastIndexByte(text, '\n') + 1; whole < len(text) { // else what is written next would stand on that line
		if err := os.Truncate(p.file, int64(whole)); err != nil {
			p.log.Warn("half a line in the file of recordings that wait cannot be removed: the next one may be lost", "file", p.file, "error", err)
		}
	}
}

// forget removes the file: NATS has all.
func (p *pending) forget() {
	if p.file == "" {
		return
	}
	if err := os.Remove(p.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn("the file of recordings that wait cannot be removed", "file", p.file, "error", err)
	}
}
