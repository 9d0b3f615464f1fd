package rig

import (
	"cmp"
	"context"
	"errors"
	"net"

	"metaflows/docker/phone"
)

// Tones are what the lab's phones send, in Hz, so that one hears who it is.
var Tones = map[string]float64{"alice": 440, "bob": 620, "carol": 860, "dave": 1140, "mallory": 1320, "outside": 1560}

// Phone makes one of Asterisk's phones, with a tone in Hz or silent with 0, and registers it. A phone that is none of the
// lab's has its name as password.
func (r *Rig) Phone(ctx context.Context, name string, tone float64) (*phone.Phone, error) {
	host, _, err := net.SplitHostPort(r.Asterisk.SIPAddr)
	if err != nil {
		return nil, err
	}
	p, err := phone.New(context.Background(), phone.Config{
		User: name, Password: cmp.Or(r.Asterisk.Password(name), name), Server: r.Asterisk.SIPAddr, Tone: tone, Listen: host,
	})
	if err != nil {
		return nil, err
	}
	if err := p.Register(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}
