package phone

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Digit is one key press that the phone heard.
type Digit struct {
	// Key is one of 0 to 9, *, #, A to D.
	Key byte
	// Begin is the arrival of its first packet, End that of the first packet
	// that said it was over, or of its last one when that was lost.
	Begin, End time.Time
	// Duration is what the sender said, in steps of 125 µs.
	Duration time.Duration
	// Info is true when it came in an INFO request: then Begin and End are both
	// the arrival.
	Info bool
}

// String tells key and length, as in "5 (100ms)".
func (d Digit) String() string { return fmt.Sprintf("%c (%s)", d.Key, d.Duration) }

// eventKeys are the keys of the telephone events 0 to 15 (RFC 4733 section 3.2).
const eventKeys = "0123456789*#ABCD"

// digitTicks is how many ticks of 20 ms without a packet end a digit whose end
// packets were lost. Ticks are counted, not time: when the whole process was
// stalled the packets may still be waiting in the socket.
const digitTicks = 15

// decoder turns telephone-event packets into digits (RFC 4733 section 2.5). All
// packets of one digit carry the timestamp of its begin: that, and nothing
// else, tells digits apart, whatever marker bits and repetitions got lost.
type decoder struct {
	digits []Digit
	open   bool // cur has begun and not ended
	cur    Digit
	curID  eventID
	last   time.Time  // arrival of cur's last packet
	idle   int        // ticks since then
	ended  [8]eventID // the last digits that ended: their repetitions are ignored
	n      int        // digits that ended
}

// eventID tells one digit from others in a call.
type eventID struct {
	ssrc, timestamp uint32
	event           byte
	valid           bool
}

// event takes a packet's payload in; ended reports whether a digit is complete.
func (d *decoder) event(ssrc, timestamp uint32, payload []byte, now time.Time) (ended bool) {
	if len(payload) < 4 || int(payload[0]) >= len(eventKeys) {
		return false
	}
	id := eventID{ssrc, timestamp, payload[0], true}
	for _, old := range d.ended {
		if old.valid && old.ssrc == ssrc && old.timestamp == timestamp {
			return false
		}
	}
	if d.open && d.curID != id {
		d.finish(d.last)
		ended = true
	}
	if !d.open {
		d.open, d.curID = true, id
		d.cur = Digit{Key: eventKeys[payload[0]], Begin: now}
	}
	d.last, d.idle = now, 0
	// Packets may overtake each other: the longest duration is the latest.
	d.cur.Duration = max(d.cur.Duration, time.Duration(binary.BigEndian.Uint16(payload[2:]))*time.Second/sampleRate)
	if payload[1]&0x80 != 0 {
		d.finish(now)
		ended = true
	}
	return ended
}

// info takes a digit of an INFO request in.
func (d *decoder) info(key byte, duration time.Duration, now time.Time) {
	d.digits = append(d.digits, Digit{Key: key, Begin: now, End: now, Duration: duration, Info: true})
}

// tick is called every 20 ms. It ends a digit whose end packets were all lost.
func (d *decoder) tick() (ended bool) {
	if !d.open {
		return false
	}
	if d.idle++; d.idle < digitTicks {
		return false
	}
	d.finish(d.last)
	return true
}

// finish moves the open digit to the complete ones.
func (d *decoder) finish(end time.Time) {
	d.cur.End = end
	d.digits = append(d.digits, d.cur)
	d.ended[d.n%len(d.ended)] = d.curID
	d.n++
	d.open = false
}

// keys returns the complete digits' keys.
func (d *decoder) keys() string {
	var b strings.Builder
	for _, digit := range d.digits {
		b.WriteByte(digit.Key)
	}
	return b.String()
}

// parseInfo reads the body of an application/dtmf-relay or application/dtmf
// request: "Signal=5" and "Duration=160", the latter in milliseconds, or the
// bare key.
func parseInfo(body string) (key byte, duration time.Duration, err error) {
	signal, duration := strings.TrimSpace(body), 100*time.Millisecond
	for line := range strings.Lines(body) {
		name, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			signal = value
		case "duration":
			ms, err := strconv.Atoi(value)
			if err != nil {
				return 0, 0, fmt.Errorf("digit by INFO: duration %q", value)
			}
			duration = time.Duration(ms) * time.Millisecond
		}
	}
	// Numbers above 9 are events: 10 is *, 11 is #.
	if event, err := strconv.Atoi(signal); err == nil && event >= 0 && event < len(eventKeys) {
		return eventKeys[event], duration, nil
	}
	if len(signal) != 1 || !strings.Contains(eventKeys, strings.ToUpper(signal)) {
		return 0, 0, fmt.Errorf("digit by INFO: signal %q", signal)
	}
	return strings.ToUpper(signal)[0], duration, nil
}
