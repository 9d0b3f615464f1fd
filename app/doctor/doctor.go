// Package doctor looks at an Asterisk as metaflows needs it, and says which lines its configuration lacks. What Asterisk does
// it asks by ARI, with a Stasis application of its own for a moment, so it can be asked while metaflows runs, and leaves
// nothing behind; which line is to blame it reads in the configuration files, where they are on this machine.
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
	"metaflows/flows/calls"
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
	events  chan calls.Event
	id      string // of what is made for the examination
	healthy bool

	applications []string // that are connected beside ours, by their names
	folder       folder
}

// Deliver is ari.Handler.
func (p *patient) Deliver(_ string, ev calls.Event) {
	select {
	case p.events <- ev:
	default: // nobody waits for so many
	}
}

// Examine connects with the environment's values, prints what it finds, and says whether everything is there. It looks at
// Asterisk's configuration files, too, if they are on this machine: in folder, or where that is "" where Asterisk says that
// they are. It changes nothing.
func Examine(ctx context.Context, cfg config.Config, folder string, out io.Writer) bool {
	p, end, err := consult(ctx, cfg, out)
	if err != nil {
		p.bad(err.Error())
		return false
	}
	defer end()
	reached := p.connect(ctx)
	p.open(folder, reached)
	if reached {
		p.holder(ctx)
		if p.channel(ctx) {
			p.recording(ctx)
			_ = p.client.Hangup(p.id, 0)
		}
	} else {
		p.unreachable()
	}
	p.files(reached)
	if p.healthy {
		fmt.Fprintln(out, "Asterisk is ready for metaflows.")
	}
	return p.healthy
}

// consult begins to connect to a patient; end, which is nil with an error, ends that.
func consult(ctx context.Context, cfg config.Config, out io.Writer) (p *patient, end func(), err error) {
	p = &patient{cfg: cfg, out: out, events: make(chan calls.Event, 256), id: "metaflows-doctor-" + rand.Text()[:8], healthy: true}
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
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// unreachable says why there is no connection, by what Asterisk answers and what its files say.
func (p *patient) unreachable() {
	problem := p.client.Status().Problem
	_, err := p.client.Info()
	ariConf, httpConf := p.folder.files["ari.conf"], p.folder.files["http.conf"]
	var answered *ari.Error
	switch {
	case err == nil && strings.Contains(problem, "(403)"): // it may ask, and not set its own event filter
		p.bad("the ARI user "+p.cfg.ARI.Username+" may only read", p.userLines()...)
	case errors.As(err, &answered) && (answered.Status == 401 || answered.Status == 403):
		what := "Asterisk refuses the login of METAFLOWS_ARI_USERNAME and METAFLOWS_ARI_PASSWORD"
		p.tell(notLoaded(ariConf.login(p.cfg.ARI.Username, p.cfg.ARI.Password), what, reloadARI, p.userLines()))
	case errors.As(err, &answered) && answered.Status == 404:
		what := "there is no ARI at " + p.cfg.ARI.URL + " (METAFLOWS_ARI_URL)"
		p.tell(notLoaded(ariConf.enabled(), what, reloadARI, []string{"in ari.conf:", "[general]", "enabled = yes"}))
	case errors.As(err, &answered) && answered.Status == 0:
		what := "nobody answers at " + p.cfg.ARI.URL + " (METAFLOWS_ARI_URL): " + problem
		p.tell(notLoaded(httpConf.serves(p.cfg.ARI.URL), what, reloadHTTP, []string{
			"in http.conf, those that [general] does not have (who uses the server elsewhere would be cut off):", "enabled = yes", "bindaddr = 127.0.0.1", "bindport = 8088",
			"in ari.conf:", "[general]", "enabled = yes",
		}))
	default:
		p.bad(problem)
	}
}

func (p *patient) userLines() []string {
	return []string{"in ari.conf:", "[" + p.cfg.ARI.Username + "]", "type = user", "read_only = no", "password = (that of METAFLOWS_ARI_PASSWORD)"}
}

// channel makes a channel that dials nobody, and looks at what its event carries and what its dialplan has.
func (p *patient) channel(ctx context.Context) bool {
	err := p.client.CreateChannel(calls.ChannelSpec{ID: p.id, Endpoint: "Local/s@metaflows-orphan/n"})
	if err != nil {
		p.bad("a channel cannot be made: "+err.Error(), "in modules.conf:", "load = res_ari_channels.so", "load = res_stasis.so")
		return false
	}
	p.good("the ARI user " + p.cfg.ARI.Username + " may write")
	var vars map[string]string
	came := p.await(ctx, func(ev calls.Event) bool {
		started, ok := ev.(calls.Started)
		vars = started.Channel.Vars
		return ok && started.Channel.ID == p.id
	})
	if !came {
		p.bad("no event came for a new channel", "in modules.conf:", "load = res_stasis.so", "load = res_http_websocket.so", "load = res_ari_events.so")
		return true
	}
	if missing := server.MissingVars(vars); len(missing) > 0 {
		p.tell(examineChannelVars(p.folder.files["ari.conf"], missing))
	} else {
		p.good("ari.conf lists the channel variables")
	}
	p.dialplan()
	return true
}

// dialplan looks for the contexts that the application needs: the hangup handler that ends legs which must not stay behind
// (actions/README.md, Nobody is left over), and what runs the subroutines of options b and B.
func (p *patient) dialplan() {
	p.context(asteriskconf.HangupHandler, "the hangup handler "+asteriskconf.HangupHandler)
	p.context(asteriskconf.Predial, "the context "+asteriskconf.Predial+", which options b and B need,")
}

// context looks for a context of the dialplan. ARI says of a line whether it is there, not what it does: an older context has
// fewer, or not the extension that names the form of this one.
func (p *patient) context(name, what string) {
	priorities := asteriskconf.Priorities(name)
	questions := make([]string, len(priorities))
	for i, at := range priorities {
		questions[i] = fmt.Sprintf("DIALPLAN_EXISTS(%s,%s)", name, at)
	}
	answers, err := p.client.Variables(p.id, questions...)
	if err != nil {
		p.bad("the dialplan cannot be asked: "+err.Error(), "in modules.conf:", "load = func_dialplan.so")
		return
	}
	lacks := ""
	if i := slices.IndexFunc(questions, func(q string) bool { return answers[q] != "1" }); i >= 0 {
		lacks = priorities[i]
	}
	p.tell(examineContext(p.folder.files["extensions.conf"], name, what, lacks))
}

// await takes events until one is as wanted; false when none comes in time.
func (p *patient) await(ctx context.Context, wanted func(calls.Event) bool) bool {
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
