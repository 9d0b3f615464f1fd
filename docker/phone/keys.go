package phone

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Press says how keys are pressed.
type Press struct {
	// Digit is the length of each digit, 20 ms to 8 s, Gap the time between two.
	// The default of both is 100 ms.
	Digit, Gap time.Duration
}

// Pressed says when keys were pressed, one time for each.
type Pressed struct {
	// Begins are the times of the first packets, Ends those of the first end
	// packets; for digits by INFO, of the request and of its answer.
	Begins, Ends []time.Time
}

// End is when the last key was released, the zero time when there was none.
func (p Pressed) End() time.Time {
	if len(p.Ends) == 0 {
		return time.Time{}
	}
	return p.Ends[len(p.Ends)-1]
}

// defaults fills in and checks the lengths.
func (p Press) defaults() (Press, error) {
	p.Digit = cmp.Or(p.Digit, 100*time.Millisecond)
	p.Gap = cmp.Or(p.Gap, 100*time.Millisecond)
	// 8191 ms is what the duration field of one event holds (RFC 4733 section
	// 2.3.5); more would need segments.
	if p.Digit < 20*time.Millisecond || p.Digit > 8*time.Second || p.Gap < 0 {
		return p, fmt.Errorf("digits of %s with gaps of %s: digits are 20ms to 8s long", p.Digit, p.Gap)
	}
	return p, nil
}

// Press presses keys (0 to 9, *, #, A to D) by RFC 4733 and blocks until the
// last one is released. The phone's tone pauses while a key is down. Keys
// pressed by several goroutines follow each other. When ctx is done, or the call
// ends, the remaining keys are dropped and the error says how many were sent;
// what was sent is returned in each case.
func (c *Call) Press(ctx context.Context, keys string, how ...Press) (Pressed, error) {
	p, err := newPress(keys, how)
	if err != nil {
		return Pressed{}, fmt.Errorf("%s: press %q: %w", c, keys, err)
	}
	if err := c.media.queue(p); err != nil {
		return Pressed{}, fmt.Errorf("%s: press %q: %w", c, keys, err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.end(ctx.Err())
	}
	sent, err := p.result()
	if err != nil {
		return sent, fmt.Errorf("%s: press %q: %d sent: %w", c, keys, len(sent.Ends), err)
	}
	return sent, nil
}

// PressInfo presses keys by INFO requests with a body of type
// application/dtmf-relay, which carry the digits' length. It blocks for the
// answers and keeps to the lengths and gaps.
func (c *Call) PressInfo(ctx context.Context, keys string, how ...Press) (Pressed, error) {
	p, err := newPress(keys, how)
	if err != nil {
		return Pressed{}, fmt.Errorf("%s: press %q by INFO: %w", c, keys, err)
	}
	var sent Pressed
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, event := range p.events {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return sent, fmt.Errorf("%s: press %q by INFO: %d sent: %w", c, keys, len(sent.Ends), ctx.Err())
		}
		begin := time.Now()
		body := fmt.Sprintf("Signal=%c\r\nDuration=%d\r\n", eventKeys[event], p.how.Digit.Milliseconds())
		if err := c.expectOK(ctx, sip.INFO, "application/dtmf-relay", []byte(body)); err != nil {
			return sent, fmt.Errorf("%s: press %q by INFO: %d sent: %w", c, keys, len(sent.Ends), err)
		}
		sent.Begins = append(sent.Begins, begin)
		sent.Ends = append(sent.Ends, time.Now())
		timer.Reset(time.Until(begin.Add(p.how.Digit + p.how.Gap)))
	}
	return sent, nil
}

// press is one call of Press: a queue of keys that the sender works through.
type press struct {
	how    Press
	events []byte
	done   chan struct{} // closed by end

	mu   sync.Mutex
	next int // index of the next key
	sent Pressed
	over bool
	err  error
}

// newPress checks what a person asked for.
func newPress(keys string, how []Press) (*press, error) {
	p := &press{done: make(chan struct{})}
	if len(how) > 0 {
		p.how = how[0]
	}
	var err error
	if p.how, err = p.how.defaults(); err != nil {
		return nil, err
	}
	for _, key := range strings.ToUpper(keys) {
		event := strings.IndexRune(eventKeys, key)
		if event < 0 {
			return nil, fmt.Errorf("no such key: %q", key)
		}
		p.events = append(p.events, byte(event))
	}
	if len(p.events) == 0 {
		close(p.done)
		p.over = true
	}
	return p, nil
}

// end completes the press; only the first call counts. It is no failure when all keys were released: the last of a code
// may end the call before the sender goes on.
func (p *press) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		if len(p.sent.Ends) == len(p.events) {
			err = nil
		}
		p.over, p.err = true, err
		close(p.done)
	}
}

// take returns the next key to send, or false when there is none.
func (p *press) take() (event byte, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.next == len(p.events) {
		return 0, false
	}
	p.next++
	return p.events[p.next-1], true
}

// releases notes when a key is released, before its end packets are sent.
func (p *press) releases(begin, end time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.sent.Begins = append(p.sent.Begins, begin)
		p.sent.Ends = append(p.sent.Ends, end)
	}
}

// released ends the press after the last key.
func (p *press) released() {
	p.mu.Lock()
	last := p.next == len(p.events)
	p.mu.Unlock()
	if last {
		p.end(nil)
	}
}

// result is what was sent so far.
func (p *press) result() (Pressed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.err
}

// queue hands a press to the sender.
func (m *media) queue(p *press) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.done:
		return errEnded
	default:
	}
	switch {
	case !m.started:
		return fmt.Errorf("no media yet")
	case m.event == 0:
		return fmt.Errorf("the other side takes no telephone-event")
	case !m.sending:
		return fmt.Errorf("on hold")
	}
	m.presses = append(m.presses, p)
	return nil
}

// keyDown is a digit being sent.
type keyDown struct {
	press *press
	event byte
	begin time.Time // in the schedule
	first time.Time // when its first packet was sent
}

// nextKey begins the next digit if there is one and its time has come, and
// returns when there is more to do for it. Without one it returns a time after
// the next audio packet.
func (s *sender) nextKey(due time.Time) (next time.Time, started bool) {
	p, event, next := s.takeKey(due)
	if p == nil {
		return next, false
	}
	due = catchUp(due, packetTime)
	first := min(packetTime, p.how.Digit)
	s.key = &keyDown{press: p, event: event, begin: due, first: time.Now()}
	s.write(s.eventType(), true, s.timestamp(due), eventPayload(event, false, uint16(samplesIn(first))))
	return due.Add(first), true
}

// takeKey takes the next key out of the queue, or says when to look again.
func (s *sender) takeKey(due time.Time) (p *press, event byte, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.presses) > 0 {
		p := s.presses[0]
		if at := s.ended.Add(p.how.Gap); !s.ended.IsZero() && at.After(due) {
			return nil, 0, at
		}
		if event, ok := p.take(); ok {
			return p, event, due
		}
		s.presses = s.presses[1:]
	}
	return nil, 0, due.Add(packetTime)
}

// eventType is the payload type for digits.
func (s *sender) eventType() uint8 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.event
}

// holdKey goes on with the current digit: an update every 20 ms, and at its end
// three end packets at once (RFC 4733 section 2.5.1.4), all with the timestamp
// of its begin. It reports false when the digit is over, and when that was.
func (s *sender) holdKey(due time.Time) (next time.Time, more bool) {
	k, length, pt := s.key, s.key.press.how.Digit, s.eventType()
	elapsed := due.Sub(k.begin)
	if elapsed < length {
		duration := samplesIn(min(elapsed+packetTime, length))
		s.write(pt, false, s.timestamp(k.begin), eventPayload(k.event, false, uint16(duration)))
		return k.begin.Add(min(elapsed+packetTime, length)), true
	}
	k.press.releases(k.first, time.Now())
	for range 3 {
		s.write(pt, false, s.timestamp(k.begin), eventPayload(k.event, true, uint16(samplesIn(length))))
	}
	due = catchUp(due, packetTime)
	s.key, s.ended = nil, due
	k.press.released()
	return due, false
}
