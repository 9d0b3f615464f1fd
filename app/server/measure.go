package server

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/actions"
	"metaflows/app/metrics"
	"metaflows/ari"
	"metaflows/flows/calls"
)

// measure makes the metrics. Its sources are asked when HTTP listens, and there is all else by then.
func (s *process) measure() {
	s.metrics = metrics.New(metrics.Config{
		Version: s.options.Version, Log: s.log,
		Modules: slices.Sorted(maps.Keys(actions.New(actions.Config{}).Modules())),
		Sources: metrics.Sources{
			Load:     func() calls.Load { return s.telephony.calls.Load() },
			Asterisk: func() ari.Status { return s.telephony.client.Status() },
			Events:   s.events,
			NATS:     s.natsStatus,
			Revisions: func() map[string]uint64 {
				return map[string]uint64{
					"documents": s.documents.Revision(), "directory": s.records.Revision(), "logins": s.logins.records.Revision(),
				}
			},
			Highest: s.quota.Highest,
			Parts: func() map[string]error {
				problems := map[string]error{}
				for _, p := range s.parts() {
					problems[p.Name] = p.Err
				}
				return problems
			},
		},
	})
}

// natsStatus says how the connections to NATS stand; with an external one they are the same.
func (s *process) natsStatus() (connected bool, reconnects uint64) {
	conns := []*nats.Conn{s.broker.Events(), s.broker.Documents()}
	for _, conn := range slices.Compact(conns) {
		reconnects += conn.Stats().Reconnects
	}
	return s.broker.Err() == nil, reconnects
}

// listenPprof serves Go's profiles at an address of their own, which only this machine reaches: they show what stands in
// memory, and cost time.
func (s *process) listenPprof(running *sync.WaitGroup) error {
	if s.cfg.Pprof.Addr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.cfg.Pprof.Addr)
	if err == nil {
		if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
			err = errors.Join(errors.New("it is not of this machine only"), listener.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("METAFLOWS_PPROF_ADDR=%q cannot be listened on: %w; accepted is host:port of this machine, as 127.0.0.1:6060, or nothing", s.cfg.Pprof.Addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s.addr.Pprof = listener.Addr().String()
	s.pprof = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	running.Go(func() { _ = s.pprof.Serve(listener) }) // until it is closed
	s.log.Info("profiles are served", "address", s.addr.Pprof)
	return nil
}

func (s *process) closePprof() {
	if s.pprof != nil {
		_ = s.pprof.Close()
	}
}
