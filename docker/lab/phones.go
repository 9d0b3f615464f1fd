package main

import (
	"context"
	"errors"
	"net"

	"metaflows/docker/phone"
)

// tones are what the phones send, in Hz, so that one hears who it is.
var tones = map[string]float64{"alice": 440, "bob": 620, "carol": 860, "dave": 1140, "mallory": 1320, "outside": 1560}

// What else is heard, in Hz.
const (
	music1234   = 523
	confirmTone = 1000
)

// phone makes one of the lab's phones and registers it.
func (s *system) phone(ctx context.Context, name string) (*phone.Phone, error) {
	host, _, err := net.SplitHostPort(s.asterisk.SIPAddr)
	if err != nil {
		return nil, err
	}
	p, err := phone.New(context.Background(), phone.Config{
		User: name, Password: s.asterisk.Password(name), Server: s.asterisk.SIPAddr, Tone: tones[name], Listen: host,
	})
	if err != nil {
		return nil, err
	}
	if err := p.Register(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}
