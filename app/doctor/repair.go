package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"metaflows/app/config"
	"metaflows/ari"
	"metaflows/flows/calls"
)

// Repair lets the parties of every call of metaflows hear each other's keys again, where the process was killed while a code
// was typed and is not to run again soon. It adds them to their bridges anew; a program that is connected does that itself,
// and would be disturbed, so then nothing is done. It prints what it does and says whether all is well.
func Repair(ctx context.Context, cfg config.Config, out io.Writer) bool {
	p, end, err := consult(ctx, cfg, out)
	if err != nil {
		p.bad(err.Error())
		return false
	}
	defer end()
	if !p.connect(ctx) {
		p.unreachable()
		return false
	}
	connected, err := p.connected(ctx)
	switch {
	case err != nil:
		p.bad("whether metaflows is connected cannot be found out: " + err.Error())
	case connected:
		p.bad("metaflows is connected to Asterisk as " + cfg.ARI.Application + ": nothing is repaired, it gives keys back itself")
	default:
		p.giveKeysBack()
	}
	return p.healthy
}

// connected says whether somebody takes what enters the application. Asterisk lists one also when who had it is gone, as long
// as it has channels. So a channel of ours tries to move into it, which it can only where somebody is: he hangs it up, since
// by its id it is a leg of a call that is over.
func (p *patient) connected(ctx context.Context) (bool, error) {
	applications, err := p.client.Applications()
	if err != nil || !slices.ContainsFunc(applications, func(a ari.Application) bool { return a.Name == p.cfg.ARI.Application }) {
		return false, err
	}
	probe := calls.Probe(rand.Text()[:8])
	if err := p.client.CreateChannel(calls.ChannelSpec{ID: probe, Endpoint: "Local/s@metaflows-orphan/n"}); err != nil {
		return false, err
	}
	defer func() { _ = p.client.Hangup(probe, 0) }()
	if !p.await(ctx, func(ev calls.Event) bool { started, ok := ev.(calls.Started); return ok && started.Channel.ID == probe }) {
		return false, errors.New("no event came for a new channel")
	}
	if err := p.client.MoveChannel(probe, p.cfg.ARI.Application, calls.ArgLeg); err != nil {
		return false, err
	}
	moved := p.await(ctx, func(ev calls.Event) bool { left, ok := ev.(calls.Left); return ok && left.Channel == probe })
	return moved, ctx.Err()
}

// giveKeysBack adds all legs again.
func (p *patient) giveKeysBack() {
	bridges, err := p.client.Bridges()
	if err != nil {
		p.bad(err.Error())
		return
	}
	entries, err := p.client.Channels()
	if err != nil {
		p.bad(err.Error())
		return
	}
	phones := map[string]bool{} // Local channels are never kept from anybody, and ears press nothing
	for _, e := range entries {
		phones[e.ID] = !strings.HasPrefix(e.Name, "Local/") && !calls.IsEar(e.ID)
	}
	done := 0
	for _, b := range bridges {
		if !strings.HasPrefix(b.ID, calls.BridgePrefix) || len(b.Channels) < 2 { // nobody hears one alone
			continue
		}
		for _, channel := range b.Channels {
			if !phones[channel] {
				continue
			}
			if err := p.client.AddToBridge(b.ID, channel, false); err != nil && !errors.Is(err, calls.ErrGone) {
				p.bad(err.Error())
				continue
			}
			done++
		}
	}
	p.good(fmt.Sprintf("%d parties of calls were added to their bridges again: what they press is heard", done))
}
