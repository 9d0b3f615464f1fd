package pbxtest

import (
	"slices"
	"time"

	"metaflows/flows/calls"
)

// How Asterisk treats the digits of a phone (main/channel.c, res_rtp_asterisk.c; what came of it was observed at real
// phones, see package calls' echo).
const (
	minDigit = 80 * time.Millisecond  // a shorter one is stretched for the bridge (mindtmfduration)
	minGap   = 45 * time.Millisecond  // one that begins sooner after the last has no beginning of its own
	deafTime = 500 * time.Millisecond // so long after it was sent digits a phone's beginnings are taken for their echo
)

// reader is Asterisk's reading of one channel's digits.
type reader struct {
	free    time.Time // when the last digit has ended for the bridge, stretched as it may be
	begun   bool      // a digit's beginning was read
	since   time.Time // when that was
	keys    int       // beginnings and ends so far
	putBack bool      // a digit's end waits for its turn: nothing behind it is read
	behind  []keyFrame
	deaf    time.Time
}

// keyFrame is the beginning or the end of a digit.
type keyFrame struct {
	key   byte
	hold  time.Duration
	end   bool
	again bool // it was put back, and its turn has come
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
		f := keyFrame{key: keys[i], hold: hold}
		p.do(at+toEvent, name, func() {
			c := p.newest(name)
			if c == nil {
				return
			}
			p.readKey(c, f)
			f.end = true
			p.do(hold, c.id, func() { p.readKey(c, f) })
		})
		at += hold + gap
	}
	return at - gap
}

// readKey takes what a phone sends, unless something put back is to be read first.
func (p *PBX) readKey(c *channel, f keyFrame) {
	if c.reader.putBack {
		c.reader.behind = append(c.reader.behind, f)
		return
	}
	p.take(c, f)
}

// take reads one frame.
func (p *PBX) take(c *channel, f keyFrame) {
	r, now := &c.reader, time.Now()
	open := r.free.Add(minGap)
	switch {
	case c.dead:
	case !f.end && now.Before(r.deaf): // before all else: the phone repeats it while the key is down
		r.keys++
		nth := r.keys
		p.do(r.deaf.Sub(now), c.id, func() {
			if r.keys == nth {
				p.take(c, f)
			}
		})
	case !f.end:
		if r.keys++; now.Before(open) {
			return // its beginning is ignored
		}
		r.begun, r.since = true, now
		p.passOn(c, f.key)
	default:
		r.keys++
		p.takeEnd(c, f, open)
	}
}

// takeEnd reads the end of a digit: there is one event for each
// (ari/ASTERISK.md, Digits). One that comes too soon is put back when
// it has been reported, and reported again when its turn has come.
func (p *PBX) takeEnd(c *channel, f keyFrame, open time.Time) {
	r, now := &c.reader, time.Now()
	through := c.inner()
	if through.entered {
		p.event(through.id, calls.Digit{Channel: through.id, Key: f.key, Duration: f.hold, Stamp: stamp()})
	}
	if !f.again {
		p.reports = append(p.reports, Report{c.party, f.key, f.hold, now.Add(toEvent)})
	}
	switch {
	case r.begun:
		r.begun = false
		r.free = now.Add(max(0, minDigit-now.Sub(r.since)))
		p.passEnd(c)
	case now.Before(open):
		r.putBack = true
		p.do(open.Sub(now), c.id, func() {
			r.putBack, f.again = false, true
			p.take(c, f)
			for len(r.behind) > 0 && !r.putBack {
				next := r.behind[0]
				r.behind = r.behind[1:]
				p.take(c, next)
			}
		})
	default: // its beginning was ignored: it begins where it ends
		r.free = now.Add(max(f.hold, minDigit))
		p.passOn(c, f.key)
		p.passEnd(c)
	}
}

// passOn lets the others in the bridge hear a digit from its beginning, unless it is absorbed then
// (ari/ASTERISK.md, Absorb and relay).
func (p *PBX) passOn(c *channel, key byte) {
	through := c.inner()
	if through.absorb {
		return
	}
	through.passes = true
	for _, other := range through.bridge.others(through) {
		p.hears(other, string(key))
		p.deafen(other, 0)
	}
}

// passEnd lets the others hear the end of a digit when the bridge has it, unless that is absorbed then. Whatever they were
// being sent ends with it.
func (p *PBX) passEnd(c *channel) {
	p.do(time.Until(c.reader.free), c.id, func() {
		through := c.inner()
		if c.dead || through.absorb {
			return
		}
		through.passes = false
		for _, other := range through.bridge.others(through) {
			other.stuck = false
			p.deafen(other, 0)
		}
	})
}

// deafen: a phone that is sent the beginning or the end of a digit is not believed when it begins one itself, until some time
// after.
func (p *PBX) deafen(c *channel, lasts time.Duration) {
	if c.far != nil && c.far.phone != nil {
		c = c.far.phone
	}
	if until := time.Now().Add(lasts + deafTime); until.After(c.reader.deaf) {
		c.reader.deaf = until
	}
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
