package pbxtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// playback is something that is being played to one party.
type playback struct {
	id, media string
	channel   *channel
	began     time.Time
}

// promptTime is how long a sound lasts; tones play until they are stopped.
const promptTime = time.Second

// Answer is POST channels/{id}/answer.
func (p *PBX) Answer(id string) error {
	return p.onChannel("Answer", id, "answer", func(c *channel) {
		if c.state != "Up" {
			p.answered(c)
		}
	})
}

// Ring is POST channels/{id}/ring.
func (p *PBX) Ring(id string) error {
	return p.onChannel("Ring", id, "ring", func(c *channel) { p.hears(c, "ringing") })
}

// StopRinging is DELETE channels/{id}/ring.
func (p *PBX) StopRinging(id string) error {
	return p.onChannel("StopRinging", id, "stop ringing", func(*channel) {})
}

// Progress is POST channels/{id}/progress.
func (p *PBX) Progress(id string) error {
	return p.onChannel("Progress", id, "progress", func(*channel) {})
}

// StartMOH is POST channels/{id}/moh.
func (p *PBX) StartMOH(id, class string) error {
	return p.onChannel("StartMOH", id, "music for", func(c *channel) {
		c.music = true
		p.hears(c, "music "+class)
	})
}

// StopMOH is DELETE channels/{id}/moh.
func (p *PBX) StopMOH(id string) error {
	return p.onChannel("StopMOH", id, "stop music for", func(c *channel) { c.music = false })
}

// Mute is POST channels/{id}/mute?direction=in: of sound alone.
func (p *PBX) Mute(id string) error {
	return p.onChannel("Mute", id, "mute", func(c *channel) { c.muted = true })
}

// Unmute is DELETE channels/{id}/mute?direction=in.
func (p *PBX) Unmute(id string) error {
	return p.onChannel("Unmute", id, "unmute", func(c *channel) { c.muted = false })
}

// onChannel is a command for a channel that is in the application, answered at once.
func (p *PBX) onChannel(verb, id, word string, what func(*channel)) error {
	return p.command(verb, id, word+" "+p.party(id), atOnce(func() error {
		c, err := p.live(id)
		if err == nil {
			what(c)
		}
		return err
	}))
}

// Snoop is POST channels/{id}/snoop with whisper=out.
func (p *PBX) Snoop(id, snoop string) error {
	return p.command("Snoop", snoop, "whisper to "+p.party(id), atOnce(func() error {
		c, err := p.live(id)
		if err != nil {
			return err
		}
		if p.channels[snoop] != nil {
			return calls.ErrUnavailable // 500, whatever is wrong
		}
		s := &channel{
			id: snoop, name: "Snoop/" + id + "-" + snoop, party: "whisper to " + c.party, state: "Up", whisper: c, made: true,
			args: []string{calls.ArgSnoop}, vars: map[string]string{},
		}
		p.know(s)
		p.do(toEnter, snoop, func() {
			if !s.dead {
				p.enter(s)
			}
		})
		return nil
	}))
}

// Play is POST channels/{id}/play: everything else for the channel waits for its end (ari/ASTERISK.md, Media).
func (p *PBX) Play(id, name, media string) error {
	text := "play " + media + " to " + p.party(id)
	return p.command("Play", id, text, func(done func(error)) {
		c, err := p.live(id)
		if err != nil {
			done(err)
			return
		}
		if p.playbacks[name] != nil {
			done(calls.ErrConflict)
			return
		}
		done(nil)
		c.serially(func() {
			if c.dead {
				return
			}
			if c.bridge != nil {
				p.say(Heard, "%s is cut off from the others", c.party)
			}
			c.block()
			c.playing = p.start(&playback{id: name, media: media, channel: c})
		})
	})
}

func (p *PBX) start(b *playback) *playback {
	b.began = time.Now()
	p.playbacks[b.id] = b
	p.hears(b.channel, b.media)
	p.event(b.id, calls.PlaybackStarted{Playback: b.id})
	if !strings.HasPrefix(b.media, "tone:") {
		p.do(promptTime, b.id, func() { p.stopPlaying(b, false) })
	}
	return b
}

// StopPlayback is DELETE playbacks/{id}.
func (p *PBX) StopPlayback(id string) error {
	return p.command("StopPlayback", id, "stop playing", atOnce(func() error {
		b := p.playbacks[id]
		if b == nil {
			return calls.ErrGone
		}
		p.stopPlaying(b, false)
		return nil
	}))
}

func (p *PBX) stopPlaying(b *playback, failed bool) {
	if p.playbacks[b.id] != b {
		return
	}
	delete(p.playbacks, b.id)
	c := b.channel
	if who := c.ear(); who != "" {
		p.say(Heard, "%s hears no more %s after %v", who, b.media, time.Since(b.began).Round(time.Millisecond))
	}
	p.event(b.id, calls.PlaybackDone{Playback: b.id, Failed: failed})
	if c.playing == b {
		c.playing = nil
		c.release(1)
	}
}

// Recording is one recording, live or not.
type Recording struct {
	Name   string
	Began  time.Time
	Ended  time.Time
	Masked [][2]time.Duration // silence is written from here to there

	bridge string
	live   bool
	masked bool
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
		p.recordings[name] = &Recording{Name: name, Began: time.Now(), bridge: id, live: true}
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

func (p *PBX) recorded(bridge string) bool {
	return slices.ContainsFunc(p.sortedRecordings(), func(r *Recording) bool { return r.live && r.bridge == bridge })
}
