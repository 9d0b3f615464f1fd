package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// The ports of two nodes and three servers do not meet, and are free.
func TestFreePorts(t *testing.T) {
	p, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	all := append(append(append([]int{}, p.sip[:]...), p.api[:]...), p.nats[:]...)
	for _, first := range p.rtp {
		for port := first; port < first+rtpPorts; port++ {
			all = append(all, port)
		}
	}
	for _, port := range all {
		if seen[port] || port < 12000 || port >= 30000 {
			t.Error("port", port)
		}
		seen[port] = true
	}
	taken, err := net.Listen("tcp4", on(p.sip[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if free(p.sip[0], 1) || free(p.sip[0]-1, 3) {
		t.Error("a port where somebody listens is free")
	}
	want := fmt.Sprintf("RTP_PORTS_B=%d-%d", p.rtp[1], p.rtp[1]+39)
	if got := strings.Join(p.settings(), " "); !strings.Contains(got, want) || !strings.Contains(got, "SUBNET="+p.subnet) {
		t.Error(got)
	}
}

func TestBaseImages(t *testing.T) {
	images, err := (&engine{root: "../../.."}).baseImages()
	if err != nil || len(images) != 2 || !strings.HasPrefix(images[0], "golang:") || !strings.HasPrefix(images[1], "debian:") {
		t.Error(images, err)
	}
}
