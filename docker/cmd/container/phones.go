package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"time"

	"metaflows/docker/phone"
)

// The phones of the demo call; alice and bob are left to softphones. Tones in Hz tell who is heard.
const (
	caller, callerNumber, callerTone = "carol", "1003", 860
	callee, calleeNumber, calleeTone = "dave", "1004", 1140
)

// registerTime bounds a registration.
const registerTime = 5 * time.Second

// phonesCommand lets carol call dave again and again. Between the calls, and beside them, both answer whoever calls them.
func phonesCommand(flags *flag.FlagSet, out io.Writer) func(context.Context) error {
	pause := flags.Duration("pause", 20*time.Second, "the `time` between two calls")
	rounds := flags.Int("rounds", 0, "end after so many `calls`, with an error if one was not as it should be; 0: never")
	return func(ctx context.Context) error {
		s, err := load()
		if err != nil {
			return err
		}
		failed := 0
		var p pair
		defer func() { p.close() }()
		for n := 1; *rounds == 0 || n <= *rounds; n++ {
			err := s.round(ctx, out, &p, n, *pause)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				failed++
				fmt.Fprintf(out, "call %d was not as it should be: %v\n", n, err)
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d calls were not as they should be", failed, *rounds)
		}
		return nil
	}
}

// round is one call, and the pause after it.
func (s settings) round(ctx context.Context, out io.Writer, p *pair, n int, pause time.Duration) error {
	if err := retry(ctx, out, func(ctx context.Context) error { return s.register(ctx, p) }); err != nil {
		return err
	}
	p.carol.ForgetIncoming()
	p.dave.ForgetIncoming()
	d := &demo{out: out, began: time.Now(), carol: p.carol, dave: p.dave}
	d.say("call %d", n)
	err := d.play(ctx)
	if err == nil {
		d.say("call %d: all as it should be", n)
	}
	d.end()
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	return err
}

// pair are the two phones, or none.
type pair struct{ carol, dave *phone.Phone }

// register makes the phones, and registers them again later: they stay the same, so that whoever has called one of them goes on
// talking. They are new where that fails, as an Asterisk that was started again may be at another address.
func (s settings) register(ctx context.Context, p *pair) (err error) {
	if p.carol != nil {
		again, cancel := context.WithTimeout(ctx, registerTime)
		defer cancel()
		if p.carol.Register(again) == nil && p.dave.Register(again) == nil {
			return nil
		}
		p.close()
	}
	var made pair
	if made.carol, err = s.phone(ctx, caller, callerTone); err != nil {
		return err
	}
	if made.dave, err = s.phone(ctx, callee, calleeTone); err != nil {
		return errors.Join(err, made.carol.Close())
	}
	*p = made
	return nil
}

func (p *pair) close() {
	for _, one := range []*phone.Phone{p.carol, p.dave} {
		if one != nil {
			_ = one.Close()
		}
	}
	*p = pair{}
}

// phone makes a phone and registers it.
func (s settings) phone(ctx context.Context, name string, tone float64) (*phone.Phone, error) {
	passwords, err := s.Logins.phonePasswords()
	if err != nil {
		return nil, err
	}
	ip, err := (&net.Resolver{}).LookupIP(ctx, "ip4", s.Asterisk)
	if err != nil {
		return nil, err
	}
	server := s.server(ip[0].String())
	own, err := ownAddress(server)
	if err != nil {
		return nil, err
	}
	p, err := phone.New(context.Background(), phone.Config{ // it outlives what ctx bounds
		User: name, Password: passwords[name], Server: server, Tone: tone, Listen: own, OnInvite: phone.AnswerAfter(time.Second),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	if err := p.Register(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// ownAddress is the one of this machine's addresses from which another is reached.
func ownAddress(other string) (string, error) {
	conn, err := net.Dial("udp4", other) // sends nothing
	if err != nil {
		return "", err
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}
