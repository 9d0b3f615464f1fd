package simulate

import (
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// How long a relay takes (ari/ASTERISK.md, Absorb and relay). Every key is held longer than the shortest digit, so that none
// is stretched.
const (
	relayLead = 100 * time.Millisecond // of quiet before the first digit
	relayStep = 200 * time.Millisecond // of each digit: 100 ms, and as long until the next
)

// asterisk is two phones in a bridge, and the commands for them: the Line of a rehearsed call.
type asterisk struct {
	r      *calls.Rehearsal
	phones map[string]*phone
	record *record
}

// phone is one channel, whose digits go to the other (flows.Reading).
type phone struct {
	id      string
	of      *asterisk
	peer    *phone
	absorb  bool
	reading flows.Reading
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

// AddAllToBridge is AddToBridge of several.
func (a *asterisk) AddAllToBridge(bridge string, channels ...string) error {
	for _, channel := range channels {
		if err := a.AddToBridge(bridge, channel, false); err != nil {
			return err
		}
	}
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
	a.r.At(released.Add(-Hold), func() { p.reading.Down(key) })
	a.r.At(released, func() { p.reading.Up(key, Hold) })
}

// Now is flows.ReadingBridge.
func (p *phone) Now() time.Time { return p.of.r.Now() }

// At is flows.ReadingBridge.
func (p *phone) At(at time.Time, happen func()) { p.of.r.At(at, happen) }

// Reported is flows.ReadingBridge.
func (p *phone) Reported(key byte, held time.Duration, _ bool) {
	now := p.Now()
	p.of.r.Deliver(calls.Digit{Channel: p.id, Key: key, Duration: held, Stamp: now, Arrived: now})
}

// Begins is flows.ReadingBridge: the other party hears a digit from its beginning on, unless it is absorbed then.
func (p *phone) Begins(key byte) {
	if !p.absorb {
		p.of.hear(p.peer, key)
	}
}

// Ends is flows.ReadingBridge: hear knows of it beforehand.
func (p *phone) Ends(time.Time) {}

// hear sends a phone a digit.
func (a *asterisk) hear(p *phone, key byte) {
	a.record.heard(p.id, key)
	p.reading.Sent(a.r.Now().Add(Hold))
}
