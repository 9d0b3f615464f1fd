package pbxtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// Recording is one recording, live or not.
type Recording struct {
	Name   string
	Began  time.Time
	Ended  time.Time
	Masked [][2]time.Duration // silence is written from here to there
	Voices []Voice            // who is heard in it

	bridge string
	live   bool
	masked bool
}

// Voice is that somebody is heard in a recording, from one time to another; one that is heard to the end has no Until.
type Voice struct {
	Party       string
	From, Until time.Duration
}

// Length is how long it is.
func (r *Recording) Length() time.Duration { return r.Ended.Sub(r.Began) }

// Record is POST bridges/{id}/record.
func (p *PBX) Record(id, name, format string) error {
	return p.command("Record", name, "record "+name+" "+format, atOnce(func() error {
		switch {
		case p.bridges[id] == nil:
			return calls.ErrGone
		case p.recordings[name] != nil:
			return calls.ErrConflict
		}
		r := &Recording{Name: name, Began: time.Now(), bridge: id, live: true}
		p.recordings[name] = r
		for _, c := range p.bridges[id].members {
			r.hears(c)
		}
		p.event(name, calls.RecordingStarted{Recording: name})
		return nil
	}))
}

// StopRecording is POST recordings/live/{name}/stop.
func (p *PBX) StopRecording(name string) error {
	return p.onRecording("StopRecording", "stop recording", name, p.finishRecording)
}

// MaskRecording is POST recordings/live/{name}/mute.
func (p *PBX) MaskRecording(name string) error {
	return p.onRecording("MaskRecording", "mask", name, func(r *Recording) {
		if !r.masked {
			r.masked = true
			r.Masked = append(r.Masked, [2]time.Duration{time.Since(r.Began), -1})
		}
	})
}

// UnmaskRecording is DELETE recordings/live/{name}/mute.
func (p *PBX) UnmaskRecording(name string) error {
	return p.onRecording("UnmaskRecording", "unmask", name, p.unmask)
}

func (p *PBX) onRecording(verb, word, name string, what func(*Recording)) error {
	return p.command(verb, name, word+" "+name, atOnce(func() error {
		r := p.recordings[name]
		if r == nil || !r.live {
			return calls.ErrGone
		}
		what(r)
		return nil
	}))
}

func (p *PBX) unmask(r *Recording) {
	if r.masked {
		r.masked = false
		r.Masked[len(r.Masked)-1][1] = time.Since(r.Began)
	}
}

func (p *PBX) finishRecording(r *Recording) {
	p.unmask(r)
	r.live, r.Ended = false, time.Now()
	text := fmt.Sprintf("%s is %v long", r.Name, r.Length().Round(time.Millisecond))
	slices.SortStableFunc(r.Voices, func(a, b Voice) int { // those that came together have no order
		return cmp.Or(cmp.Compare(a.From.Round(10*time.Millisecond), b.From.Round(10*time.Millisecond)), strings.Compare(a.Party, b.Party))
	})
	for _, v := range r.Voices {
		text += v.text()
	}
	for _, m := range r.Masked {
		text += fmt.Sprintf(", silent from %v to %v", m[0].Round(time.Millisecond), m[1].Round(time.Millisecond))
	}
	p.say(Written, "%s", text)
	p.event(r.Name, calls.RecordingDone{Recording: r.Name})
}

// Recordings are all recordings so far, by name.
func (p *PBX) Recordings() []*Recording {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sortedRecordings()
}

func (p *PBX) sortedRecordings() []*Recording {
	var all []*Recording
	for _, r := range p.recordings {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Recording) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (p *PBX) recorded(bridge string) bool { return len(p.ofBridge(bridge)) > 0 }

// voice is who is heard by a channel in a recorded bridge.
func (c *channel) voice() string {
	if c.overhears != nil {
		return c.overhears.party
	}
	return c.party
}

// hears: a channel has come into the bridge.
func (r *Recording) hears(c *channel) {
	r.Voices = append(r.Voices, Voice{Party: c.voice(), From: time.Since(r.Began)})
}

// hearsNoMore: it has left.
func (r *Recording) hearsNoMore(c *channel) {
	for i, v := range r.Voices {
		if v.Party == c.voice() && v.Until == 0 {
			r.Voices[i].Until = time.Since(r.Began)
		}
	}
}

func (v Voice) text() string {
	text := ", of " + v.Party
	if v.From > 0 {
		text += " from " + v.From.Round(time.Millisecond).String()
	}
	if v.Until > 0 {
		text += " until " + v.Until.Round(time.Millisecond).String()
	}
	return text
}

// ofBridge are the live recordings of a bridge.
func (p *PBX) ofBridge(id string) []*Recording {
	return slices.DeleteFunc(p.sortedRecordings(), func(r *Recording) bool { return !r.live || r.bridge != id })
}
