package phone

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// maxBlocks is how much audio an ear remembers: ten minutes.
const maxBlocks = 10 * 60 * 50

// timedBlock is a block and the arrival of its packet.
type timedBlock struct {
	block
	at time.Time
}

// ear is what a call has received: its audio in blocks of 20 ms, with silence
// where no packet came, and its digits. Each new block and each digit wakes
// those who wait. It has no goroutine: the call's media feeds it.
type ear struct {
	mu      sync.Mutex
	blocks  []timedBlock
	base    int // index of blocks[0] in the call
	partial []byte
	decoder
	trackers map[float64]*tracker
	changed  chan struct{} // closed on news; nil when nobody waits
	closed   bool          // the call is over: nothing is heard any more
	stats    RTPStats
	seq      uint16 // of the last packet
	ssrc     uint32
}

// RTPStats counts what a call received.
type RTPStats struct {
	// Packets counts audio and digit packets, Lost the gaps in their numbers.
	Packets, Lost int
	// First and Last are the arrivals of the first and the last packet.
	First, Last time.Time
}

func newEar() *ear { return &ear{trackers: make(map[float64]*tracker)} }

// count notes a packet's arrival. It reports false for a repeated packet.
func (e *ear) count(seq uint16, ssrc uint32, now time.Time) bool {
	if e.stats.Packets > 0 && ssrc == e.ssrc {
		switch ahead := int16(seq - e.seq); {
		case ahead == 0:
			return false
		case ahead > 1:
			e.stats.Lost += int(ahead) - 1
		}
	} else if e.stats.Packets == 0 {
		e.stats.First = now
	}
	e.seq, e.ssrc = seq, ssrc
	e.stats.Packets++
	e.stats.Last = now
	return true
}

// audio takes a PCMU packet in, of any length.
func (e *ear) audio(seq uint16, ssrc uint32, ulaw []byte, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || !e.count(seq, ssrc, now) {
		return
	}
	e.partial = append(e.partial, ulaw...)
	for len(e.partial) >= blockSamples {
		b := timedBlock{at: now}
		copy(b.ulaw[:], e.partial)
		e.partial = e.partial[:copy(e.partial, e.partial[blockSamples:])]
		e.push(b)
	}
}

// event takes a telephone-event packet in.
func (e *ear) event(seq uint16, ssrc, timestamp uint32, payload []byte, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || !e.count(seq, ssrc, now) {
		return
	}
	if e.decoder.event(ssrc, timestamp, payload, now) {
		e.wake()
	}
}

// info takes a digit of an INFO request in.
func (e *ear) info(key byte, duration time.Duration, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decoder.info(key, duration, now)
	e.wake()
}

// tick is called every 20 ms or so. When two packets are missing it puts silence
// in their place, and no more than that at once: after a stall of the whole
// process the packets may still be waiting in the socket.
func (e *ear) tick(now time.Time) {
	const packet = 20 * time.Millisecond
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	if e.decoder.tick() {
		e.wake()
	}
	if len(e.blocks) == 0 {
		e.push(timedBlock{block: block{quiet: true}, at: now})
		return
	}
	last := &e.blocks[len(e.blocks)-1]
	patience := 3 * packet
	if last.quiet {
		patience = packet
	}
	for range 2 {
		at := e.blocks[len(e.blocks)-1].at
		if now.Sub(at) < patience {
			return
		}
		e.partial = e.partial[:0]
		e.push(timedBlock{block: block{quiet: true}, at: latest(at.Add(packet), now.Add(-2*packet))})
	}
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// push appends a block and wakes who waits. Very old audio is forgotten.
func (e *ear) push(b timedBlock) {
	if len(e.blocks) >= maxBlocks {
		drop := maxBlocks / 2
		e.blocks = append([]timedBlock(nil), e.blocks[drop:]...)
		e.base += drop
	}
	e.blocks = append(e.blocks, b)
	e.wake()
}

// wake tells all who wait that something was heard.
func (e *ear) wake() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// close ends hearing: digits still open are complete, levels fall to nothing.
func (e *ear) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	if e.open {
		e.finish(e.last)
	}
	e.closed = true
	e.wake()
}

// wait blocks until ok, which runs with the ear locked after every 20 ms and
// after every digit, says true (nil), until ctx is done (its error), or until
// the ear is closed and ok still says false (errEnded).
func (e *ear) wait(ctx context.Context, ok func() bool) error {
	for {
		e.mu.Lock()
		yes, closed := ok(), e.closed
		if e.changed == nil {
			e.changed = make(chan struct{})
		}
		changed := e.changed
		e.mu.Unlock()
		switch {
		case yes:
			return nil
		case closed:
			return errEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// level returns the level of freq over the last 200 ms. The ear is locked.
func (e *ear) level(freq float64) float64 {
	if e.closed {
		return floorLevel
	}
	t := e.trackers[freq]
	if t == nil {
		t = &tracker{freq: freq}
		e.trackers[freq] = t
	}
	return t.level(e.blocks, e.base)
}

// volume returns the level of everything over the last 200 ms, where a sine of
// full scale has 0 dBFS. The ear is locked.
func (e *ear) volume() float64 {
	if e.closed {
		return floorLevel
	}
	sum := 0.0
	for i := range e.recent() {
		sum += e.recent()[i].energy()
	}
	return decibel(math.Sqrt(2 * sum / (windowBlocks * blockSamples)))
}

// recent returns the blocks of the last 200 ms.
func (e *ear) recent() []timedBlock { return e.blocks[max(0, len(e.blocks)-windowBlocks):] }

// strongest returns the loudest frequency of the last 200 ms, of those that
// are multiples of 10 Hz, and its level. The ear is locked.
func (e *ear) strongest() (freq, level float64) {
	level = floorLevel
	if e.closed {
		return 0, level
	}
	for f := 100.0; f <= 3400; f += 10 {
		t := tracker{freq: f}
		if l := t.level(e.blocks, e.base); l > level {
			freq, level = f, l
		}
	}
	return freq, level
}

// heard reports whether freq was there in any 100 ms between from and to.
func (e *ear) heard(freq float64, from, to time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	var window [halfBlocks]complex128
	n := 0 // consecutive blocks in the window that belong to the time asked for
	for i := range e.blocks {
		b := &e.blocks[i]
		// A packet brings the 20 ms before it was sent.
		if b.at.Add(-20 * time.Millisecond).Before(from) {
			continue
		}
		if b.at.After(to) {
			break
		}
		window[n%halfBlocks] = b.spectrum(freq, e.base+i)
		n++
		var sum complex128
		for _, x := range window {
			sum += x
		}
		if decibel(amplitude(sum)) >= HearingThreshold {
			return true
		}
	}
	return false
}

// sound returns the arrival of the first block after a time that is not silent.
// The ear is locked.
func (e *ear) sound(after time.Time) (first time.Time, found bool) {
	for i := len(e.blocks) - 1; i >= 0 && e.blocks[i].at.After(after); i-- {
		if decibel(math.Sqrt(2*e.blocks[i].energy()/blockSamples)) >= silenceLevel {
			first, found = e.blocks[i].at, true
		}
	}
	return first, found
}

// maxGap returns the longest time without an audio packet since from.
func (e *ear) maxGap(from, now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, gap := from, time.Duration(0)
	for i := range e.blocks {
		if b := &e.blocks[i]; !b.quiet && b.at.After(from) {
			gap = max(gap, b.at.Sub(last))
			last = b.at
		}
	}
	if e.closed {
		return gap
	}
	return max(gap, now.Sub(last))
}

// samples returns the audio since from as 16-bit samples.
func (e *ear) samples(from time.Time) []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []int16
	for i := range e.blocks {
		b := &e.blocks[i]
		if b.at.Before(from) {
			continue
		}
		for _, code := range b.ulaw {
			if b.quiet {
				code = ulawSilence
			}
			out = append(out, DecodeUlaw(code))
		}
	}
	return out
}

// eventPayload is the payload of a telephone-event packet (RFC 4733 section
// 2.3): duration counts in samples, the volume is -10 dBm0.
func eventPayload(event byte, end bool, duration uint16) []byte {
	flags := byte(10)
	if end {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16([]byte{event, flags}, duration)
}
