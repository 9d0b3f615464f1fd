package server

import (
	"context"
	"errors"
	"strings"

	"metaflows/actions"
	"metaflows/app/config"
	"metaflows/ari"
	"metaflows/flows"
)

// The client speaks all that actions ask for.
var _ actions.PBX = (*ari.Client)(nil)

// telephony is the connection to Asterisk and the calls on it.
type telephony struct {
	client  *ari.Client
	calls   *flows.Calls
	channel *channelVars
}

// inbox takes the client's events. It exists before the calls that it hands them to, since calls need the client; the
// client delivers nothing before its Run.
type inbox struct {
	calls *flows.Calls
	vars  *channelVars
}

// Deliver is ari.Handler.
func (i *inbox) Deliver(id string, ev flows.Event) {
	if started, ok := ev.(flows.Started); ok {
		i.vars.check(started.Channel)
	}
	i.calls.Deliver(id, ev)
}

// resync tells the calls what they have missed while there was no connection.
func (i *inbox) resync(_ context.Context, client *ari.Client) error {
	entries, err := client.Channels()
	if err != nil {
		return err
	}
	channels := make([]flows.Channel, len(entries))
	for n, entry := range entries {
		channels[n] = entry.Channel
	}
	i.calls.Resync(channels)
	return i.tidy(client)
}

// tidy removes bridges of ours that a process before this one has left empty: Asterisk keeps them for ever. A live call's
// is registered before it is made.
func (i *inbox) tidy(client *ari.Client) error {
	bridges, err := client.Bridges()
	if err != nil {
		return err
	}
	for _, b := range bridges {
		if !strings.HasPrefix(b.ID, flows.BridgePrefix) || len(b.Channels) > 0 || i.calls.Has(b.ID) {
			continue
		}
		if err := client.DeleteBridge(b.ID); err != nil && !errors.Is(err, flows.ErrGone) {
			return err
		}
	}
	return nil
}

// connect makes the telephony; nothing runs yet.
func (s *process) connect() (*telephony, error) {
	cfg := s.cfg
	in := &inbox{vars: &channelVars{log: s.log}}
	client, err := ari.New(ari.Config{
		URL: cfg.ARI.URL, Username: cfg.ARI.Username, Password: cfg.ARI.Password, Application: cfg.ARI.Application,
		Log: s.log, Handler: in, OnConnect: in.resync,
	})
	if err != nil {
		return nil, err
	}
	set := actions.New(actions.Config{PBX: client, Log: s.log, RecordingMax: cfg.Recording.Max})
	in.calls = flows.NewCalls(flows.CallsConfig{
		Line: client, Publisher: s.events, Modules: set.Modules(), Log: s.log, Effective: s.documents.Effective,
		Absorb: cfg.Absorb == "armed", Enter: set.Enter, Failed: set.Failed,
		Stray: set.Stray, Replaced: set.Replaced,
	})
	return &telephony{client: client, calls: in.calls, channel: in.vars}, nil
}

// settings are the system-wide defaults for merged documents.
func settings(cfg config.Config) flows.Settings {
	return flows.Settings{
		BindingDigit: cfg.BindingDigit[0], DigitTimeout: cfg.DigitTimeout,
		KazooPrecedence: cfg.Precedence == "kazoo", SearchAnywhere: cfg.PatternSearch == "anywhere",
	}
}
