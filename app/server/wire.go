package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"metaflows/actions"
	"metaflows/app/config"
	"metaflows/app/simulate"
	"metaflows/app/store"
	"metaflows/ari"
	"metaflows/flows"
	"metaflows/flows/calls"
)

// The client speaks all that actions ask for.
var _ actions.PBX = (*ari.Client)(nil)

// telephony is the connection to Asterisk and the calls on it.
type telephony struct {
	client  *ari.Client
	calls   *calls.Registry
	channel *channelVars
	janitor *actions.Janitor
	anew    chan time.Time // of each connect that has taken up what another process had; one slot
}

// inbox takes the client's events. It exists before the calls that it hands them to, since calls need the client; the
// client delivers nothing before its Run.
type inbox struct {
	calls   *calls.Registry
	vars    *channelVars
	janitor *actions.Janitor
	ownerOf func(account, device string) (user string, ok bool)
	ahead   func(account string) // documents of an account are wanted soon
	anew    chan<- time.Time
	others  bool   // what there is in Asterisk was another process's; of the goroutine that connects
	settled func() // what there was is a call again; may be called again
	left    func() // the calls are another process's
	log     *slog.Logger
}

// know completes a channel by what the directory knows of its device. It is a look into memory.
func (i *inbox) know(channel *calls.Channel) {
	i.ahead(channel.Vars["METAFLOWS_ACCOUNT"])
	account, device := channel.Vars["METAFLOWS_ACCOUNT"], channel.Vars["METAFLOWS_DEVICE"]
	if account != "" && device != "" && channel.Vars["METAFLOWS_USER"] == "" {
		channel.User, _ = i.ownerOf(account, device)
	}
}

// Deliver is ari.Handler.
func (i *inbox) Deliver(id string, ev calls.Event) {
	if started, ok := ev.(calls.Started); ok {
		i.vars.check(started.Channel)
		i.know(&started.Channel)
		ev = started
	}
	i.calls.Deliver(id, ev)
}

// connected tells the calls what there is after each connect, the first included, and takes up what a process before this
// one has left.
func (i *inbox) connected(_ context.Context, client *ari.Client) error {
	inv, err := client.Inventory(i.calls.Has)
	if err != nil {
		return err
	}
	for n := range inv.Channels {
		i.know(&inv.Channels[n].Channel)
	}
	now := time.Now()
	settled := i.calls.Connected(inv)
	i.janitor.Sweep(inv)
	if i.others {
		i.others = false
		select {
		case i.anew <- now:
		default: // the time before is still to be looked at
		}
	}
	go func() {
		<-settled
		i.settled()
	}()
	return nil
}

// replaced leaves the calls to another process that has taken over the application. When it is taken back, what is there then
// is found by connected, as after a restart: what that process has done with a call stands on its channels, and nothing of it
// in this one's memory.
func (i *inbox) replaced(ctx context.Context) {
	i.others = true
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := i.calls.Leave(ctx); err != nil && !errors.Is(err, context.Canceled) {
		i.log.Warn("calls did not let go in time", "calls", i.calls.Len(), "error", err)
	}
	i.left()
}

// refused lets calls go on in the dialplan that nobody has answered, as if their callees could not be reached: Asterisk will
// take no more requests. The others go on talking, and are found again by connected.
func (i *inbox) refused(ctx context.Context) {
	given := 0
	for {
		n, err := i.calls.GiveUp(ctx)
		given += n
		if err != nil && !errors.Is(err, context.Canceled) {
			i.log.Warn("calls that nobody has answered could not be given back to the dialplan in time: they are taken up when Asterisk takes requests again", "error", err)
		}
		if n == 0 || err != nil { // else others may have entered meanwhile
			break
		}
	}
	i.log.Info("calls that nobody has answered were given back to the dialplan", "calls", given)
}

// tidy looks at intervals for what is left over in Asterisk, until ctx ends.
func (t *telephony) tidy(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(actions.Grace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !t.client.Status().Connected {
			continue
		}
		inv, err := t.client.Inventory(t.calls.Has)
		if err != nil {
			log.Debug("could not look for what is left over in Asterisk", "error", err)
			continue
		}
		t.janitor.Look(inv)
	}
}

// connect makes the telephony; nothing runs yet.
func (s *process) connect() (*telephony, error) {
	cfg := s.cfg
	anew := make(chan time.Time, 1)
	in := &inbox{vars: &channelVars{log: s.log}, ownerOf: s.directory.OwnerOf, ahead: s.documents.Ahead, anew: anew, others: true,
		settled: s.live.Settled, left: s.live.Leave, log: s.log}
	client, err := ari.New(ari.Config{
		URL: cfg.ARI.URL, Username: cfg.ARI.Username, Password: cfg.ARI.Password, Application: cfg.ARI.Application,
		Process: cfg.Node,
		Log:     s.log, Handler: in, OnConnect: in.connected, OnReplaced: in.replaced, OnRefused: in.refused, Answered: s.metrics.Answered,
	})
	if err != nil {
		return nil, err
	}
	if err := s.openRecordings(client); err != nil {
		return nil, err
	}
	names, err := actions.ParseRecordingName(cfg.Recording.Name)
	if err != nil { // config has looked at it
		return nil, fmt.Errorf("METAFLOWS_RECORDING_NAME: %w", err)
	}
	set := actions.New(actions.Config{
		PBX: client, Log: s.log, RecordingMax: cfg.Recording.Max, RecordingName: names, RecordingCDR: cfg.Recording.CDR == "yes",
	})
	in.calls = calls.New(calls.Config{
		Line: client, Publisher: s.recordings, Modules: set.Modules(), Log: s.log, Meter: s.metrics, Effective: s.documents.Effective,
		Absorb: cfg.Absorb == "armed", Enter: set.Enter, Failed: set.Failed,
		Adopt: set.Adopt, Stray: set.Stray, Return: set.Return, Replaced: set.Replaced, Save: set.Save, Bring: set.Bring, Changed: s.live.Changed, Over: s.live.Over,
	})
	in.janitor = set.NewJanitor(in.calls.Has)
	return &telephony{client: client, calls: in.calls, channel: in.vars, janitor: in.janitor, anew: anew}, nil
}

// simulator plays keys through with the settings and modules of the process.
func simulator(cfg config.Config) simulate.Simulator {
	return simulate.Simulator{
		Settings: settings(cfg), Absorb: cfg.Absorb == "armed", Modules: actions.New(actions.Config{}).Modules(), // they are not run
	}
}

// quota bounds what an account may have.
func quota(cfg config.Config) *store.Quota {
	return store.NewQuota(map[store.Kind]int64{
		store.Documents: int64(cfg.Account.MaxDocuments), store.Bytes: int64(cfg.Account.MaxBytes), store.APIKeys: int64(cfg.Account.MaxAPIKeys),
		store.Users: int64(cfg.Account.MaxUsers), store.Devices: int64(cfg.Account.MaxDevices),
	})
}

// settings are the system-wide defaults for merged documents.
func settings(cfg config.Config) flows.Settings {
	return flows.Settings{
		BindingDigit: cfg.BindingDigit[0], DigitTimeout: cfg.DigitTimeout,
		KazooPrecedence: cfg.Precedence == "kazoo", SearchAnywhere: cfg.PatternSearch == "anywhere",
	}
}
