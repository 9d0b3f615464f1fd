package pbxtest

import (
	"slices"
	"time"

	"metaflows/flows/calls"
)

// bridgeOf is where a channel's digits go (flows.Reading).
type bridgeOf struct {
	p *PBX
	c *channel
}

// Report is a key of a phone that the application was told of.
type Report struct {
	Phone string
	Key   byte
	Hold  time.Duration
	At    time.Time
}

// Reports are the keys of all phones, in the order in which they were told, each once: not those that came again.
func (p *PBX) Reports() []Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.reports)
}

// Press lets a phone press keys, each held for hold and followed by gap of silence, and returns at once; how long it will
// take is the result.
func (p *PBX) Press(name, keys string, hold, gap time.Duration) time.Duration {
	at := time.Duration(0)
	for i := range len(keys) {
		key := keys[i]
		p.do(at+toEvent, name, func() {
			c := p.newest(name)
			if c == nil || c.dead {
				return
			}
			c.reading.Bridge = bridgeOf{p, c}
			c.reading.Down(key)
			p.do(hold, c.id, func() {
				if !c.dead {
					c.reading.Up(key, hold)
				}
			})
		})
		at += hold + gap
	}
	return at - gap
}

// Now is flows.ReadingBridge.
func (b bridgeOf) Now() time.Time { return time.Now() }

// At is flows.ReadingBridge.
func (b bridgeOf) At(at time.Time, happen func()) {
	b.p.do(time.Until(at), b.c.id, func() {
		if !b.c.dead {
			happen()
		}
	})
}

// Reported is flows.ReadingBridge: there is one event for each (ari/ASTERISK.md, Digits).
func (b bridgeOf) Reported(key byte, held time.Duration, again bool) {
	if through := b.c.inner(); through.entered {
		b.p.event(through.id, calls.Digit{Channel: through.id, Key: key, Duration: held, Stamp: stamp()})
	}
	if !again {
		b.p.reports = append(b.p.reports, Report{b.c.party, key, held, time.Now().Add(toEvent)})
	}
}

// Begins is flows.ReadingBridge: the others in the bridge hear a digit from its beginning, unless it is absorbed then
// (ari/ASTERISK.md, Absorb and relay).
func (b bridgeOf) Begins(key byte) {
	through := b.c.inner()
	if through.absorb {
		return
	}
	through.passes = true
	for _, other := range through.bridge.others(through) {
		b.p.hears(other, string(key))
		b.p.deafen(other, 0)
	}
}

// Ends is flows.ReadingBridge: the others hear the end of a digit, unless that is absorbed then. Whatever they were being sent
// ends with it.
func (b bridgeOf) Ends(at time.Time) {
	b.p.do(time.Until(at), b.c.id, func() {
		through := b.c.inner()
		if b.c.dead || through.absorb {
			return
		}
		through.passes = false
		for _, other := range through.bridge.others(through) {
			other.stuck = false
			b.p.deafen(other, 0)
		}
	})
}

// deafen: a phone that is sent the beginning or the end of a digit is not believed when it begins one itself, until some time
// after.
func (p *PBX) deafen(c *channel, lasts time.Duration) {
	if c.far != nil && c.far.phone != nil {
		c = c.far.phone
	}
	c.reading.Sent(time.Now().Add(lasts))
}

// SendDigits is POST channels/{id}/dtmf and a command behind it: 100 ms of quiet, then 100 ms each with 100 ms between.
// Everything else for that channel waits (ari/ASTERISK.md, Absorb and relay).
func (p *PBX) SendDigits(id, digits string) error {
	begun := false
	err := p.command("SendDigits", id, "send "+digits+" to "+p.party(id), func(done func(error)) {
		begun = true
		c, err := p.live(id)
		if err != nil {
			done(err)
			return
		}
		c.serially(func() {
			if c.dead {
				done(calls.ErrGone)
				return
			}
			c.block()
			for i := range len(digits) {
				p.do(time.Duration(100+200*i)*time.Millisecond, id, func() {
					if !c.dead {
						c.stuck = false
						p.hears(c, digits[i:i+1])
						p.deafen(c, 100*time.Millisecond)
					}
				})
			}
			p.do(time.Duration(100+200*len(digits))*time.Millisecond, id, func() {
				if c.dead {
					done(calls.ErrGone)
					return
				}
				done(nil)
				c.release(1)
			})
		})
	})
	if err != nil && !begun {
		err = calls.Unsent(err)
	}
	return err
}
