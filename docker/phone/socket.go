package phone

import (
	"net"
	"sync"
	"sync/atomic"
)

// socket is the phone's SIP socket. It tells when the SIP stack reads for the
// first time: then the socket is in the stack's pool, and requests go out
// through it. A deaf socket drops what comes in.
type socket struct {
	net.PacketConn
	reading chan struct{} // closed by the first read
	once    sync.Once
	deaf    atomic.Bool
}

// ReadFrom implements net.PacketConn.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.reading) })
	for {
		n, addr, err := s.PacketConn.ReadFrom(b)
		if err != nil || !s.deaf.Load() {
			return n, addr, err
		}
	}
}
