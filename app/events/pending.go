package events

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"metaflows/flows/calls"
)

// kept is a notice in the file Config.Pending, one a line: what a stop has left for the next start.
type kept struct {
	Type   string       `json:"type"`
	ID     string       `json:"id"`
	Time   time.Time    `json:"time"`
	Notice calls.Notice `json:"notice"`
}

// takeUp queues what a stop has left. The file stays until the stream has all of it, so that a crash loses nothing: ids
// are the same, and each is looked for in the stream before it is sent. Nothing runs yet.
func (p *Publisher) takeUp() {
	if p.cfg.Pending == "" {
		return
	}
	text, err := os.ReadFile(p.cfg.Pending)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		p.cfg.Log.Error("events that a stop has left cannot be read", "file", p.cfg.Pending, "error", err,
			"do", "let the user of metaflows read it, and start metaflows again: a stop may write it anew")
		return
	}
	var damaged int
	for line := range bytes.Lines(text) {
		var k kept
		if json.Unmarshal(line, &k) != nil || k.Type == "" || k.ID == "" {
			damaged++
			continue
		}
		k.Notice.Type, k.Notice.ID, k.Notice.Time = k.Type, k.ID, k.Time
		p.enqueue(notice{Notice: k.Notice, again: true})
	}
	p.leftover = true
	if damaged > 0 {
		aside := p.cfg.Pending + ".damaged"
		p.cfg.Log.Error("some events that a stop has left cannot be understood; the file is kept aside", "count", damaged, "file", aside,
			"error", errors.Join(os.Rename(p.cfg.Pending, aside), p.keep(p.queue)),
			"do", "look after the disk; what can be read of those events is in that file, one a line")
	}
	if len(p.queue) > 0 {
		p.cfg.Log.Info("events that a stop has left are published now", "count", len(p.queue))
	}
}

// settled removes the file when the stream has all that is known.
func (p *Publisher) settled() {
	if !p.leftover {
		return
	}
	if err := os.Remove(p.cfg.Pending); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.cfg.Log.Warn("the file of events that a stop has left cannot be removed", "error", err)
		return
	}
	p.leftover = false
}

// putBack queues what was not published again, for Close.
func (d *delivery) putBack() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(d.lanes.all(), d.queue...)
	d.inFlight.Store(0)
}

// leave keeps what is not in the stream for the next start, after the last attempt to publish it. The error says how much
// is lost.
func (p *Publisher) leave(why error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reportLoss()
	if len(p.queue) == 0 {
		p.settled()
		return nil
	}
	err := errors.New("there is no folder for them")
	if p.cfg.Pending != "" {
		err = p.keep(p.queue)
	}
	if err != nil {
		return fmt.Errorf("%d events are lost: they could not be published (%w), nor kept for the next start: %w", len(p.queue), why, err)
	}
	p.cfg.Log.Warn("events are kept for the next start", "count", len(p.queue), "file", p.cfg.Pending)
	return nil
}

// keep writes the file anew: all of it or nothing.
func (p *Publisher) keep(all []notice) (err error) {
	part := p.cfg.Pending + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	for _, n := range all {
		if err = lines.Encode(kept{Type: n.Type, ID: n.ID, Time: n.Time, Notice: n.Notice}); err != nil {
			break
		}
	}
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(part, p.cfg.Pending)
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}
