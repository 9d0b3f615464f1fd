package program

import (
	"net"
	"slices"
	"strconv"
	"testing"
)

func TestForeignEnv(t *testing.T) {
	all := []string{"HOME=/x", "METAFLOWS_NATS_URL=nats://production", "METAFLOWS_ASTERISK_SUITE=sid"}
	if got := foreignEnv(all); !slices.Equal(got, []string{"HOME=/x"}) {
		t.Error(got)
	}
}

func TestFreeAddresses(t *testing.T) {
	taken, err := freeAddresses(0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", taken[0])
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, text, _ := net.SplitHostPort(taken[0])
	port, _ := strconv.Atoi(text)
	free, err := freeAddresses(port, 0)
	if err != nil || free[0] == taken[0] || free[0] == free[1] {
		t.Error(taken, free, err)
	}
}
