package simulate

import (
	"time"

	"metaflows/flows/calls"
)

// What Asterisk does with the digits of a phone (main/channel.c, res_rtp_asterisk.c; ari/ASTERISK.md, Digits; Absorb and
// relay). Every key is
// held longer than the shortest digit, so that none is stretched.
const (
	minGap   = 45 * time.Millisecond  // a digit that begins sooner after the last has no beginning of its own
	deafTime = 500 * time.Millisecond // so long after it was sent digits a phone's beginnings are taken for their echo

	relayLead = 100 * time.Millisecond // of quiet before the first digit of a relay
	relayStep = 200 * time.Millisecond // of each digit: 100 ms, and as long until the next
)

// asterisk is two phones in a bridge, and the commands for them: the Line of a rehearsed call.
type asterisk struct {
	r      *calls.Rehearsal
	phones map[string]*phone
	record *record
}

// phone is one channel as Asterisk reads its digits.
type phone struct {
	id     string
	peer   *phone
	absorb bool
	free   time.Time // when its last digit has ended for the bridge
	deaf   time.Time // until then its beginnings are not believed
	begun  bool      // a beginning was read
	frames int       // beginnings and ends so far
	// An end that comes too soon is put back until its turn has come; nothing behind it is read.
	putBack bool
	behind  []frame
}

// frame is the beginning or the end of a key.
type frame struct {
	key byte
	end bool
}

// AddToBridge is POST bridges/{id}/addChannel: it takes a millisecond, which counts for nothing here.
func (a *asterisk) AddToBridge(bridge, channel string, absorb bool) error {
	p := a.phones[channel]
	p.absorb = absorb
	if a.r == nil {
		return nil // the call begins
	}
	a.record.request(Happening{Request: "addChannel", Leg: channel, Absorb: &absorb})
	a.r.Deliver(calls.Entered{Channel: channel, Bridge: bridge, Stamp: a.r.Now()})
	return nil
}

// SendDigits is POST channels/{id}/dtmf.
func (a *asterisk) SendDigits(channel, digits string) error {
	a.record.request(Happening{Request: "dtmf", Leg: channel, Digits: digits})
	p := a.phones[channel]
	for i := range len(digits) {
		a.r.At(a.r.Now().Add(relayLead+time.Duration(i)*relayStep), func() { a.hear(p, digits[i]) })
	}
	a.r.Takes(relayLead + time.Duration(len(digits))*relayStep)
	return nil
}

// press lets a key be pressed that is released at a time.
func (a *asterisk) press(p *phone, key byte, released time.Time) {
	a.r.At(released.Add(-Hold), func() { a.read(p, frame{key, false}) })
	a.r.At(released, func() { a.read(p, frame{key, true}) })
}

// read takes what a phone sends, unless something put back is to be read first.
func (a *asterisk) read(p *phone, f frame) {
	switch {
	case p.putBack:
		p.behind = append(p.behind, f)
	case f.end:
		a.end(p, f)
	default:
		a.begin(p, f)
	}
}

func (a *asterisk) begin(p *phone, f frame) {
	now := a.r.Now()
	p.frames++
	switch {
	case now.Before(p.free.Add(minGap)): // ignored
	case now.Before(p.deaf): // the phone repeats it while the key is down
		nth := p.frames
		a.r.At(p.deaf, func() {
			if p.frames == nth {
				a.begin(p, f)
			}
		})
	default:
		p.begun = true
		a.passOn(p, f.key)
	}
}

// end reads the end of a key, which is reported each time that it is read.
func (a *asterisk) end(p *phone, f frame) {
	now := a.r.Now()
	open := p.free.Add(minGap)
	p.frames++
	a.r.Deliver(calls.Digit{Channel: p.id, Key: f.key, Duration: Hold, Stamp: now, Arrived: now})
	switch {
	case p.begun:
		p.begun, p.free = false, now
	case now.Before(open):
		p.putBack = true
		a.r.At(open, func() { a.again(p, f) })
	default: // its beginning was ignored: it begins where it ends
		p.free = now.Add(Hold)
		a.passOn(p, f.key)
	}
}

// again reads what was put back, and what stands behind it.
func (a *asterisk) again(p *phone, f frame) {
	p.putBack = false
	a.read(p, f)
	for len(p.behind) > 0 && !p.putBack {
		next := p.behind[0]
		p.behind = p.behind[1:]
		a.read(p, next)
	}
}

// passOn lets the other party hear a digit from its beginning on, unless it is absorbed then.
func (a *asterisk) passOn(p *phone, key byte) {
	if !p.absorb {
		a.hear(p.peer, key)
	}
}

// hear sends a phone a digit.
func (a *asterisk) hear(p *phone, key byte) {
	a.record.heard(p.id, key)
	if until := a.r.Now().Add(Hold + deafTime); until.After(p.deaf) {
		p.deaf = until
	}
}
