package phone

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// packetTime is what each audio packet holds.
const packetTime = 20 * time.Millisecond

// maxLag is how late audio packets are still sent; after a longer stall of the
// process they are left out, as their time is over. Digits begin on time or not
// at all until they can: a stall makes the one that is down longer, and never
// shortens the gap after it.
const maxLag = 200 * time.Millisecond

// catchUp moves a time in the schedule that is more than most behind to the
// present, by whole packets.
func catchUp(due time.Time, most time.Duration) time.Time {
	if lag := time.Since(due); lag > most {
		return due.Add(lag.Truncate(packetTime))
	}
	return due
}

// media is the RTP side of a call: one socket, a goroutine that sends and one
// that receives. Both end with close.
type media struct {
	conn *net.UDPConn
	rtcp *net.UDPConn // keeps the port above free of others' RTP; never read
	ear  *ear
	done chan struct{}
	once sync.Once

	mu       sync.Mutex
	remote   netip.AddrPort // where to send; the zero value before it is known
	accepted []netip.AddrPort
	started  bool  // there is early media, or the call is answered
	sending  bool  // the session allows us to send
	muted    bool  // we hold the other side: silence instead of the tone
	event    uint8 // payload type of telephone-event to send; 0 for none
	heard    uint8 // payload type of telephone-event to receive; 0 for none
	freq     float64
	presses  []*press
}

// openMedia binds a pair of free ports on ip, the lower one even (RFC 3550
// section 11).
func openMedia(ip net.IP, freq float64) (*media, error) {
	var err error
	for range 100 {
		var conn, rtcp *net.UDPConn
		if conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: ip}); err != nil {
			break
		}
		port := conn.LocalAddr().(*net.UDPAddr).Port
		if port%2 == 0 {
			if rtcp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port + 1}); err == nil {
				return &media{conn: conn, rtcp: rtcp, ear: newEar(), done: make(chan struct{}), freq: freq}, nil
			}
		}
		conn.Close()
	}
	return nil, fmt.Errorf("no free pair of RTP ports on %s: %w", ip, err)
}

// addr is where the other side sends its RTP.
func (m *media) addr() netip.AddrPort {
	a := m.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// connect takes over what was negotiated: the other side's session and the
// payload type at which we told it to send digits.
func (m *media) connect(remote session, ours session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remote = remote.addr
	known := false
	for _, a := range m.accepted {
		known = known || a == remote.addr
	}
	if !known {
		m.accepted = append(m.accepted, remote.addr)
	}
	m.sending = remote.dir.receives() && ours.dir.sends()
	m.event, m.heard = remote.event, ours.event
}

// start lets the tone and digits out: a called phone sends nothing before its
// 183 or 200.
func (m *media) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = true
}

// mute replaces the tone by silence, or undoes it.
func (m *media) mute(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.muted = on
}

// setTone changes the frequency of the tone that is sent.
func (m *media) setTone(freq float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freq = freq
}

// close ends both goroutines soon and what waits for them at once.
func (m *media) close() {
	m.once.Do(func() {
		close(m.done)
		m.conn.Close()
		m.rtcp.Close()
		m.ear.close()
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, p := range m.presses {
			p.end(errEnded)
		}
		m.presses = nil
	})
}

// receive reads RTP until the socket is closed. Only the negotiated sender is
// heard: a port may have belonged to another call a moment ago.
func (m *media) receive() {
	buf := make([]byte, 2048)
	var h rtp.Header
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(buf)
		now := time.Now()
		if err != nil {
			select {
			case <-m.done:
				return
			default: // an ICMP answer to what we sent
				continue
			}
		}
		start, err := h.Unmarshal(buf[:n])
		if err != nil || h.Version != 2 {
			continue
		}
		payload := buf[start:n]
		if h.Padding && len(payload) > 0 {
			payload = payload[:max(0, len(payload)-int(payload[len(payload)-1]))]
		}
		known, event := m.accepts(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		switch {
		case !known:
		case event != 0 && h.PayloadType == event:
			m.ear.event(h.SequenceNumber, h.SSRC, h.Timestamp, payload, now)
		case h.PayloadType == payloadPCMU:
			m.ear.audio(h.SequenceNumber, h.SSRC, payload, now)
		}
	}
}

// accepts reports whether packets from addr are for this call, and the payload
// type of digits among them.
func (m *media) accepts(addr netip.AddrPort) (ok bool, event uint8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.accepted {
		ok = ok || a == addr
	}
	return ok, m.heard
}

// send sends audio and digits until the media is closed. It works by a schedule
// of absolute times, so it does not drift when it is woken late; late packets
// are sent at once.
func (m *media) send() {
	s := newSender(m, time.Now())
	due := s.epoch
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-timer.C:
		}
		now := time.Now()
		m.ear.tick(now)
		if s.key == nil {
			due = catchUp(due, maxLag)
		}
		for !due.After(now) {
			due = s.step(due)
		}
		timer.Reset(time.Until(due))
	}
}

// sender is the state of the goroutine that sends.
type sender struct {
	*media
	epoch time.Time // when the RTP timestamp was base
	base  uint32
	seq   uint16
	ssrc  uint32
	tone  tone
	key   *keyDown // the digit being sent, or nil
	ended time.Time
	buf   []byte
	ulaw  [blockSamples]byte
}

func newSender(m *media, epoch time.Time) *sender {
	return &sender{
		media: m, epoch: epoch, base: rand.Uint32(), seq: uint16(rand.Uint32()), ssrc: rand.Uint32(),
		buf: make([]byte, 12+blockSamples),
	}
}

// timestamp is the RTP timestamp of a time in the schedule.
func (s *sender) timestamp(t time.Time) uint32 {
	return s.base + uint32(samplesIn(t.Sub(s.epoch)))
}

// samplesIn is the number of samples in d.
func samplesIn(d time.Duration) int64 { return int64(d / (time.Second / sampleRate)) }

// step sends what is due at the time due, and returns when there is more to do.
// There is no audio while a digit is sent.
func (s *sender) step(due time.Time) time.Time {
	if s.key != nil {
		next, more := s.holdKey(due)
		if more {
			return next
		}
		due = next
	}
	if next, started := s.nextKey(due); started || next.Sub(due) < packetTime {
		return next
	}
	s.mu.Lock()
	sending, muted := s.sending && s.started, s.muted
	s.tone.freq = s.freq
	s.mu.Unlock()
	if !sending {
		return due.Add(packetTime)
	}
	if muted {
		silence := tone{}
		silence.fill(s.ulaw[:])
	} else {
		s.tone.fill(s.ulaw[:])
	}
	s.write(payloadPCMU, false, s.timestamp(due), s.ulaw[:])
	return due.Add(packetTime)
}

// write sends one packet. Errors are the network's and look like loss.
func (s *sender) write(pt uint8, marker bool, timestamp uint32, payload []byte) {
	s.mu.Lock()
	remote := s.remote
	s.mu.Unlock()
	h := rtp.Header{
		Version: 2, Marker: marker, PayloadType: pt,
		SequenceNumber: s.seq, Timestamp: timestamp, SSRC: s.ssrc,
	}
	s.seq++
	n, err := h.MarshalTo(s.buf)
	if err != nil {
		return
	}
	n += copy(s.buf[n:], payload)
	_, _ = s.conn.WriteToUDPAddrPort(s.buf[:n], remote)
}
