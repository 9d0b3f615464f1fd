package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"metaflows/ari"
	"metaflows/flows/calls"
)

// Sources are asked when somebody looks at the metrics. They must not block.
type Sources struct {
	Load      func() calls.Load
	Asterisk  func() ari.Status
	Events    Events
	NATS      func() (connected bool, reconnects uint64)
	Revisions func() map[string]uint64 // of what is mirrored from NATS, by its name
	Highest   func() map[string]int64  // what the account has that has most of it, by what it is: those of uses
	Parts     func() map[string]error  // why a part of the process is not ready, by its name; as /readyz
}

// Events are on their way to the stream. *events.Publisher is one.
type Events interface {
	Backlog() int
	Published() int64
	Lost() int64
}

// looked is a number that is asked for.
type looked struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) looked {
	return looked{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

func total(name, help string, labels ...string) looked {
	return looked{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

var (
	handled    = gauge("metaflows_calls", "Calls that are handled now.")
	legs       = gauge("metaflows_legs", "Legs of these calls.")
	waiting    = gauge("metaflows_call_events_waiting", "Events that calls have not taken yet, together.")
	longest    = gauge("metaflows_call_events_waiting_max", "Events that the call has not taken yet that is furthest behind; from 1024 on its keys are refused.")
	connected  = gauge("metaflows_ari_connected", "1 when Asterisk's events come in.")
	reconnects = total("metaflows_ari_reconnects_total", "Connections to Asterisk after the first.")
	refused    = total("metaflows_ari_refused_total", "Requests to Asterisk that were refused as any other would be: the login (401, 403), or no ARI there (404).")
	frames     = total("metaflows_ari_events_total", "Events from Asterisk, by what became of them.", "kind")
	natsIs     = gauge("metaflows_nats_connected", "1 when NATS is connected.")
	natsAgain  = total("metaflows_nats_reconnects_total", "Connections to NATS after the first.")
	backlog    = gauge("metaflows_publish_backlog_events", "Events that the stream does not have yet.")
	published  = total("metaflows_events_published_total", "Events that the stream was given.")
	lost       = total("metaflows_events_lost_total", "Events that will never be in the stream.")
	revision   = gauge("metaflows_store_revision", "Highest revision known here; the highest of all instances less it is how far this one is behind.", "store")
	ready      = gauge("metaflows_ready", "1 when the part is ready, as /readyz says.", "part")
)

// uses are what accounts have limits of.
var uses = map[string]looked{
	"documents": gauge("metaflows_account_documents_max", "Documents of the account that has most of them; METAFLOWS_ACCOUNT_MAX_DOCUMENTS is the limit."),
	"bytes":     gauge("metaflows_account_bytes_max", "Bytes of documents and directory entries of the account that has most of them; METAFLOWS_ACCOUNT_MAX_BYTES is the limit."),
	"api_keys":  gauge("metaflows_account_api_keys_max", "API keys of the account that has most of them; METAFLOWS_ACCOUNT_MAX_API_KEYS is the limit."),
	"users":     gauge("metaflows_account_users_max", "Users of the account that has most of them; METAFLOWS_ACCOUNT_MAX_USERS is the limit."),
	"devices":   gauge("metaflows_account_devices_max", "Devices of the account that has most of them; METAFLOWS_ACCOUNT_MAX_DEVICES is the limit."),
}

// looker asks the sources, once for each look.
type looker struct{ Sources }

// Describe is prometheus.Collector.
func (l looker) Describe(to chan<- *prometheus.Desc) {
	for _, m := range []looked{
		handled, legs, waiting, longest, connected, reconnects, refused, frames, natsIs, natsAgain, backlog, published, lost, revision, ready,
	} {
		to <- m.desc
	}
	for _, m := range uses {
		to <- m.desc
	}
}

// Collect is prometheus.Collector.
func (l looker) Collect(to chan<- prometheus.Metric) {
	tell := func(m looked, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
	}
	load := l.Load()
	tell(handled, float64(load.Calls))
	tell(legs, float64(load.Legs))
	tell(waiting, float64(load.Waiting))
	tell(longest, float64(load.Longest))
	asterisk := l.Asterisk()
	tell(connected, one(asterisk.Connected))
	tell(reconnects, float64(asterisk.Reconnects))
	tell(refused, float64(asterisk.Refused))
	tell(frames, float64(asterisk.Decoded), "used")
	tell(frames, float64(asterisk.Skipped), "skipped")
	tell(frames, float64(asterisk.Unknown), "unknown")
	tell(frames, float64(asterisk.Broken), "broken")
	there, again := l.NATS()
	tell(natsIs, one(there))
	tell(natsAgain, float64(again))
	tell(backlog, float64(l.Events.Backlog()))
	tell(published, float64(l.Events.Published()))
	tell(lost, float64(l.Events.Lost()))
	for store, at := range l.Revisions() {
		tell(revision, float64(at), store)
	}
	highest := l.Highest()
	for of, m := range uses {
		tell(m, float64(highest[of]))
	}
	for part, problem := range l.Parts() {
		tell(ready, one(problem == nil), part)
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
