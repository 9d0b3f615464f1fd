package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"metaflows/actions"
	"metaflows/app/auth"
	"metaflows/app/broker"
	"metaflows/app/egress"
	"metaflows/app/events"
	"metaflows/app/rest"
	"metaflows/app/schema"
	"metaflows/app/store"
)

// loadSchemas gives the schemas of documents and of the directory, with the addresses that these must not name.
func (s *process) loadSchemas() (err error) {
	if s.blocked, err = egress.Parse(s.cfg.BlockedAddresses); err != nil {
		return fmt.Errorf("METAFLOWS_BLOCKED_ADDRESSES=%q: %w", s.cfg.BlockedAddresses, err)
	}
	s.schemas, err = schema.Load(s.blocked, actions.Declared())
	return err
}

// listen starts the REST API.
func (s *process) listen(running *sync.WaitGroup) error {
	stories, err := events.NewReader(s.broker.Events())
	if err != nil {
		return err
	}
	strangers, known := limiters(s.cfg.Auth.RateLimit)
	api, err := rest.New(rest.Config{
		Metrics: s.metrics, Stories: stories, Recordings: s.recordings,
		Documents: s.documents, Schemas: s.schemas, Modules: actions.Declared(), Simulator: simulator(s.cfg), Authenticator: s.logins.auth, APIKeys: s.logins.auth, Strangers: strangers, Known: known,
		Directory: s.directory, Owners: s.directory, Live: s.live, Node: s.cfg.Node, Version: s.options.Version, Log: s.log, Parts: s.parts,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.cfg.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("METAFLOWS_HTTP_ADDR=%q cannot be listened on: %w; accepted is host:port of a free port", s.cfg.HTTP.Addr, err)
	}
	s.addr.HTTP = listener.Addr().String()
	s.http = &http.Server{
		Handler: api, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(api.EndFeeds)
	running.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the REST API has ended", "error", err, "do", "start metaflows again; calls go on meanwhile")
		}
	})
	s.log.Info("the REST API listens", "address", s.addr.HTTP)
	return nil
}

// hostOf is the host and port of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "METAFLOWS_ARI_URL"
	}
	return u.Host
}

// parts is what /readyz tells: also whether what is right in memory could be changed, as NATS answered a moment ago.
func (s *process) parts() []rest.Part {
	asterisk := error(nil)
	if status := s.telephony.client.Status(); !status.Connected {
		asterisk = errors.New("Asterisk at " + hostOf(s.cfg.ARI.URL) + ": " + status.Problem)
	} else {
		asterisk = s.telephony.channel.err()
	}
	nats := s.broker.Err()
	if nats == nil {
		nats = first(s.events.Err(), s.probe.Err(broker.EventStream))
	}
	stored := s.probe.Err(store.Bucket)
	return []rest.Part{
		{Name: "asterisk", Err: asterisk}, {Name: "nats", Err: nats}, {Name: "documents", Err: first(s.documents.Err(), stored)},
		{Name: "directory", Err: first(s.records.Err(), stored)}, {Name: "logins", Err: first(s.logins.err(), s.probe.Err(auth.Bucket))},
		{Name: "calls", Err: s.live.Err()},
	}
}

// first is the first of some errors that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
