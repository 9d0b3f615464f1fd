package pbxtest

import (
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

// StartSilence is POST channels/{id}/silence.
func (p *PBX) StartSilence(id string) error {
	return p.onChannel("StartSilence", id, "silence for", func(c *channel) { c.silence, c.held = true, nil })
}

// StopSilence is DELETE channels/{id}/silence.
func (p *PBX) StopSilence(id string) error {
	return p.onChannel("StopSilence", id, "no silence for", func(c *channel) { c.silence = false })
}

// Exists is GET channels/{id}.
func (p *PBX) Exists(id string) (exists bool) {
	err := p.command("Exists", id, "look up "+p.party(id), atOnce(func() error {
		exists = p.channels[id] != nil || slices.ContainsFunc(p.sorted(), func(c *channel) bool { return slices.Contains(c.held, id) })
		return nil
	}))
	return exists || err != nil
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
	return p.snoop("Snoop", id, snoop, "whisper to ", calls.ArgSnoop, func(c, s *channel) { s.whisper = c })
}

// Overhear is POST channels/{id}/snoop with spy=in.
func (p *PBX) Overhear(id, ear string, args ...string) error {
	return p.snoop("Overhear", id, ear, "ear of ", calls.ArgEar, func(c, s *channel) {
		s.overhears, s.args = c, append(s.args, args...)
	})
}

func (p *PBX) snoop(verb, id, snoop, word, arg string, on func(c, s *channel)) error {
	return p.command(verb, snoop, word+p.party(id), atOnce(func() error {
		c, err := p.live(id)
		if err != nil {
			return err
		}
		if p.channels[snoop] != nil {
			return calls.ErrUnavailable // 500, whatever is wrong
		}
		s := &channel{
			id: snoop, name: "Snoop/" + id + "-" + snoop, party: word + c.party, state: "Up", made: true,
			args: []string{arg}, vars: map[string]string{},
		}
		on(c, s)
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
