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
		for n := 1; *rounds == 0 || n <= *rounds; n++ {
			err := s.round(ctx, out, n, *pause)
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

// round is one call, and the pause after it. The phones are new each time, so that an Asterisk that was started again, perhaps
// at another address, is found.
func (s settings) round(ctx context.Context, out io.Writer, n int, pause time.Duration) error {
	var carol, dave *phone.Phone
	err := retry(ctx, out, func(ctx context.Context) (err error) {
		if carol, err = s.phone(ctx, caller, callerTone); err != nil {
			return err
		}
		if dave, err = s.phone(ctx, callee, calleeTone); err != nil {
			return errors.Join(err, carol.Close())
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer carol.Close()
	defer dave.Close()
	d := &demo{out: out, began: time.Now(), carol: carol, dave: dave}
	d.say("call %d", n)
	if err = d.play(ctx); err == nil {
		d.say("call %d: all as it should be", n)
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	return err
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
	p, err := phone.New(context.Background(), phone.Config{ // it is closed after its call, not with what ctx bounds
		User: name, Password: passwords[name], Server: server, Tone: tone, Listen: own, OnInvite: phone.AnswerAfter(time.Second),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
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
