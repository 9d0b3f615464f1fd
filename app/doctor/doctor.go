// Package doctor looks at an Asterisk as metaflows needs it, and says which lines its configuration lacks. It uses a
// Stasis application of its own for a moment, so it can be asked while metaflows runs, and leaves nothing behind.
package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"metaflows/app/config"
	"metaflows/app/server"
	"metaflows/ari"
	asteriskconf "metaflows/asterisk-conf"
	"metaflows/flows"
)

const (
	connectTimeout = 5 * time.Second
	eventTimeout   = 3 * time.Second
)

// patient is an Asterisk under examination.
type patient struct {
	cfg     config.Config
	out     io.Writer
	client  *ari.Client
	events  chan flows.Event
	id      string // of what is made for the examination
	healthy bool
}

// Deliver is ari.Handler.
func (p *patient) Deliver(_ string, ev flows.Event) {
	select {
	case p.events <- ev:
	default: // nobody waits for so many
	}
}

// Examine connects with the environment's values, prints what it finds, and says whether everything is there.
func Examine(ctx context.Context, cfg config.Config, out io.Writer) bool {
	p, end, err := consult(ctx, cfg, out)
	if err != nil {
		p.bad(err.Error())
		return false
	}
	defer end()
	if p.connect(ctx) {
		p.holder()
		if p.channel(ctx) {
			p.recording(ctx)
			_ = p.client.Hangup(p.id, 0)
		}
	}
	if p.healthy {
		fmt.Fprintln(out, "Asterisk is ready for metaflows.")
	}
	return p.healthy
}

// consult begins to connect to a patient; end, which is nil with an error, ends that.
func consult(ctx context.Context, cfg config.Config, out io.Writer) (p *patient, end func(), err error) {
	p = &patient{cfg: cfg, out: out, events: make(chan flows.Event, 256), id: "metaflows-doctor-" + rand.Text()[:8], healthy: true}
	p.client, err = ari.New(ari.Config{
		URL: cfg.ARI.URL, Username: cfg.ARI.Username, Password: cfg.ARI.Password, Application: p.id,
		Log: slog.New(slog.DiscardHandler), Handler: p,
	})
	if err != nil {
		return p, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = p.client.Run(ctx) }()
	return p, func() { cancel(); <-done }, nil
}

// connect waits for the connection; Asterisk's version and the login are looked at on the way.
func (p *patient) connect(ctx context.Context) bool {
	deadline := time.Now().Add(connectTimeout)
	for {
		status := p.client.Status()
		if status.Connected {
			p.good("Asterisk " + status.Version + " at " + p.cfg.ARI.URL)
			return true
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			p.unreachable(status.Problem)
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *patient) unreachable(problem string) {
	_, err := p.client.Info()
	var answered *ari.Error
	switch {
	case err == nil && strings.Contains(problem, "(403)"): // it may ask, and not set its own event filter
		p.bad("the ARI user "+p.cfg.ARI.Username+" may only read", p.userLines()...)
	case errors.As(err, &answered) && (answered.Status == 401 || answered.Status == 403):
		p.bad("Asterisk refuses the login of METAFLOWS_ARI_USERNAME and METAFLOWS_ARI_PASSWORD", p.userLines()...)
	case errors.As(err, &answered) && answered.Status == 404:
		p.bad("there is no ARI at "+p.cfg.ARI.URL+" (METAFLOWS_ARI_URL)", "in ari.conf:", "[general]", "enabled = yes")
	case errors.As(err, &answered) && answered.Status == 0:
		p.bad("nobody answers at "+p.cfg.ARI.URL+" (METAFLOWS_ARI_URL): "+problem,
			"in http.conf:", "[general]", "enabled = yes", "bindaddr = 127.0.0.1", "bindport = 8088", "in ari.conf:", "[general]", "enabled = yes")
	default:
		p.bad(problem)
	}
}

func (p *patient) userLines() []string {
	return []string{"in ari.conf:", "[" + p.cfg.ARI.Username + "]", "type = user", "read_only = no", "password = (that of METAFLOWS_ARI_PASSWORD)"}
}

// holder says which process has the application.
func (p *patient) holder() {
	name, at, err := p.client.Holder(p.cfg.ARI.Application)
	switch {
	case err != nil:
		p.bad(err.Error())
	case name == "":
		p.good("the application " + p.cfg.ARI.Application + " is held by nobody now")
	default:
		p.good("the application " + p.cfg.ARI.Application + " is held by " + name + ", which has last said so at " + at)
	}
}

// channel makes a channel that dials nobody, and looks at what its event carries and what its dialplan has.
func (p *patient) channel(ctx context.Context) bool {
	err := p.client.CreateChannel(flows.ChannelSpec{ID: p.id, Endpoint: "Local/s@metaflows-orphan/n"})
	if err != nil {
		p.bad("a channel cannot be made: "+err.Error(), "in modules.conf:", "load = res_ari_channels.so", "load = res_stasis.so")
		return false
	}
	p.good("the ARI user " + p.cfg.ARI.Username + " may write")
	var vars map[string]string
	came := p.await(ctx, func(ev flows.Event) bool {
		started, ok := ev.(flows.Started)
		vars = started.Channel.Vars
		return ok && started.Channel.ID == p.id
	})
	if !came {
		p.bad("no event came for a new channel", "in modules.conf:", "load = res_stasis.so", "load = res_http_websocket.so", "load = res_ari_events.so")
		return true
	}
	if missing := server.MissingVars(vars); len(missing) > 0 {
		p.bad("ari.conf does not list "+strings.Join(missing, ", "), "in ari.conf:", "[general]", server.ChannelVarsLine)
	} else {
		p.good("ari.conf lists the channel variables")
	}
	p.handler()
	return true
}

// handler looks for the hangup handler that ends legs which must not stay behind
// (actions/README.md, Nobody is left over). ARI says of a line
// of the dialplan whether it is there, not what it does: an older handler has fewer.
func (p *patient) handler() {
	shipped := asteriskconf.HangupHandler()
	questions := make([]string, len(shipped)-1) // behind the context's name, a priority for each
	for i := range questions {
		questions[i] = fmt.Sprintf("DIALPLAN_EXISTS(metaflows-orphan,s,%d)", i+1)
	}
	answers, err := p.client.Variables(p.id, questions...)
	if err != nil {
		p.bad("the dialplan cannot be asked: "+err.Error(), "in modules.conf:", "load = func_dialplan.so")
		return
	}
	switch missing := slices.IndexFunc(questions, func(q string) bool { return answers[q] != "1" }); missing {
	case -1:
		p.good("the hangup handler metaflows-orphan is there")
	case 0:
		p.bad("the dialplan has no hangup handler metaflows-orphan", append([]string{"in extensions.conf:"}, shipped...)...)
	default:
		p.bad(fmt.Sprintf("the hangup handler metaflows-orphan has no priority %d: it is an older one", missing+1),
			append([]string{"in extensions.conf, in its place:"}, shipped...)...)
	}
}

// recording writes a short recording where metaflows writes its own, and removes it.
func (p *patient) recording(ctx context.Context) {
	err := p.record(ctx)
	if err != nil {
		p.bad("calls cannot be recorded: "+err.Error(),
			"in modules.conf:", "load = res_ari_recordings.so", "load = res_stasis_recording.so", "load = format_wav.so",
			"and Asterisk's user must be able to write into <astspooldir>/recording (asterisk.conf)")
		return
	}
	p.good("Asterisk can write recordings")
}

func (p *patient) record(ctx context.Context) error {
	bridge := p.id + "-bridge" // an id that a channel has too would get no events
	if err := p.client.CreateBridge(bridge); err != nil {
		return err
	}
	defer func() { _ = p.client.DeleteBridge(bridge) }()
	if err := p.client.AddToBridge(bridge, p.id, false); err != nil { // so that the bridge's events come to us
		return err
	}
	name := p.id + "-recording" // in no folder, which would stay
	if err := p.client.Record(bridge, name, "wav"); err != nil {
		return err
	}
	var failed error
	writes := p.await(ctx, func(ev flows.Event) bool {
		switch e := ev.(type) {
		case flows.RecordingStarted:
			return e.Recording == name
		case flows.RecordingDone:
			failed = fmt.Errorf("it answers %q", e.Cause)
			return e.Recording == name
		}
		return false
	})
	if failed != nil {
		return failed
	}
	if !writes {
		return errors.New("a recording did not begin")
	}
	if err := p.client.StopRecording(name); err != nil {
		return err
	}
	p.await(ctx, func(ev flows.Event) bool { done, ok := ev.(flows.RecordingDone); return ok && done.Recording == name })
	return p.client.DeleteStoredRecording(name)
}

// await takes events until one is as wanted; false when none comes in time.
func (p *patient) await(ctx context.Context, wanted func(flows.Event) bool) bool {
	timeout := time.After(eventTimeout)
	for {
		select {
		case ev := <-p.events:
			if wanted(ev) {
				return true
			}
		case <-timeout:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (p *patient) good(what string) { fmt.Fprintln(p.out, "ok     ", what) }

// bad prints what is missing, and the lines that put it right.
func (p *patient) bad(what string, lines ...string) {
	p.healthy = false
	fmt.Fprintln(p.out, "MISSING", what)
	for _, line := range lines {
		fmt.Fprintln(p.out, "          "+line)
	}
}
