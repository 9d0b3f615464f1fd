package pbx

import (
	"crypto/rand"
	"net"

	asteriskconf "metaflows/asterisk-conf"
)

// Options say how an instance differs from the usual one. The zero value is what tests want.
type Options struct {
	// BindAddr is the IPv4 address where phones reach it; default 127.0.0.1. ARI is always on
	// 127.0.0.1.
	BindAddr string
	// ExternalAddr is the address that phones are told when it is another than BindAddr.
	ExternalAddr string
	// SIPPort, HTTPPort, RTPStart and RTPEnd are chosen where they are 0.
	SIPPort, HTTPPort, RTPStart, RTPEnd int
	// Passwords of phones by name. A phone that is not in it has its name as password where
	// BindAddr is a loopback address, else a random one.
	Passwords map[string]string
	// Append is text to add at the end of configuration files, by file name: "extensions.conf".
	Append map[string]string
	// Dir is where the instance's folder is made; default: a folder for temporary files that
	// this Asterisk can see.
	Dir string
	// Keep leaves the instance's folder behind after Stop.
	Keep bool
}

// phones are the lab's phones with the passwords that these options give them.
func phones(options Options) []asteriskconf.Phone {
	all := asteriskconf.Phones()
	for n := range all {
		if password, ok := options.Passwords[all[n].Name]; ok {
			all[n].Password = password
		} else if !loopback(options.BindAddr) {
			all[n].Password = rand.Text()
		}
	}
	return all
}

func loopback(addr string) bool {
	ip := net.ParseIP(addr)
	return ip != nil && ip.IsLoopback()
}
