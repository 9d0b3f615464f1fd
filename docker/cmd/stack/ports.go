package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// ports are addresses that nobody uses: those that people know by heart may be a lab's.
type ports struct {
	sip, api, nats [3]int
	rtp            [2]int // the first of each node's
	subnet         string // its first three numbers
}

// rtpPorts is how many ports a node has for sound.
const rtpPorts = 40

// freePorts chooses them below the range that the kernel gives to connections.
func freePorts() (p ports, err error) {
	for range 100 {
		base := 12000 + 200*rand.IntN(90)
		if !free(base, 200) {
			continue
		}
		for n := range 3 {
			p.sip[n], p.api[n], p.nats[n] = base+n, base+10+n, base+20+n
		}
		p.rtp = [2]int{base + 100, base + 100 + rtpPorts}
		p.subnet, err = freeSubnet()
		return p, err
	}
	return p, errors.New("no free ports from 12000 to 29999")
}

// free says whether nobody listens at any of the ports.
func free(base, count int) bool {
	for port := base; port < base+count; port++ {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		conn, err := net.ListenPacket("udp4", address)
		if err != nil {
			return false
		}
		conn.Close()
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

// freeSubnet is a network of which this machine has no address.
func freeSubnet() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for range 100 {
		subnet := fmt.Sprintf("10.%d.%d", 100+rand.IntN(100), rand.IntN(256))
		taken := false
		for _, a := range addresses {
			if network, ok := a.(*net.IPNet); ok {
				taken = taken || network.Contains(net.ParseIP(subnet+".1"))
			}
		}
		if !taken {
			return subnet, nil
		}
	}
	return "", errors.New("no free network in 10.100.0.0 to 10.199.255.0")
}

// settings are the variables of docker/.env for them.
func (p ports) settings() []string {
	span := func(first int) string { return fmt.Sprintf("%d-%d", first, first+rtpPorts-1) }
	return []string{
		fmt.Sprint("SIP_PORT=", p.sip[0]), fmt.Sprint("SIP_PORT_B=", p.sip[1]),
		"RTP_PORTS=" + span(p.rtp[0]), "RTP_PORTS_B=" + span(p.rtp[1]),
		fmt.Sprint("API_PORT=", p.api[0]), fmt.Sprint("API_PORT_B=", p.api[1]),
		fmt.Sprint("NATS_PORT=", p.nats[0]), fmt.Sprint("NATS_PORT_2=", p.nats[1]), fmt.Sprint("NATS_PORT_3=", p.nats[2]),
		"SUBNET=" + p.subnet,
	}
}
