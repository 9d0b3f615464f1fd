package pbx

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are handed out in blocks below the range that the kernel gives to others. Whoever
// listens on the first TCP port of a block owns the block: no file is left over that way.
const (
	firstBlock = 20000
	blockSize  = 1000
	blocks     = 12
	rtpOffset  = 10
)

// block is a range of ports of ours until close.
type block struct {
	owner net.Listener
	base  int
}

func newBlock(addr string) (*block, error) {
	start := rand.IntN(blocks)
	for n := range blocks {
		base := firstBlock + (start+n)%blocks*blockSize
		owner, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base)))
		if err != nil {
			continue
		}
		b := &block{owner: owner, base: base}
		if b.free(addr) {
			return b, nil
		}
		b.close()
	}
	return nil, fmt.Errorf("no free block of ports: %d blocks of %d ports from %d on are in use", blocks, blockSize, firstBlock)
}

func (b *block) http() int { return b.base + 1 }
func (b *block) sip() int  { return b.base + 2 }

// rtp gives the first and the last port for media.
func (b *block) rtp() (first, last int) { return b.base + rtpOffset, b.base + blockSize - 1 }

func (b *block) close() { b.owner.Close() }

func (b *block) free(addr string) bool {
	return portFree("tcp", "127.0.0.1", b.http()) == nil && sipFree(addr, b.sip()) == nil
}

func sipFree(addr string, port int) error {
	return errors.Join(portFree("tcp", addr, port), portFree("udp", addr, port))
}

func portFree(network, addr string, port int) error {
	place := net.JoinHostPort(addr, strconv.Itoa(port))
	if network == "udp" {
		conn, err := net.ListenPacket(network, place)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	listener, err := net.Listen(network, place)
	if err != nil {
		return err
	}
	return listener.Close()
}
