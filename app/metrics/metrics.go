package metrics

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"metaflows/flows"
)

// Config is what Metrics need.
type Config struct {
	Version string   // of metaflows
	Modules []string // that this version can run
	Sources Sources
	Log     *slog.Logger
}

// other is the module of whatever is none of ours.
const other = "other"

// results are how an action ends.
var results = []string{"continue", "stop", "branch", "failed"}

// decisions are what decides a code.
var decisions = []flows.Decision{flows.ByDigit, flows.ByHash, flows.ByBinding, flows.ByTimeout, flows.ByLimit}

// Metrics are a calls.Meter and the handler of /metrics. Its methods may be called by any goroutine.
type Metrics struct {
	http.Handler

	calls, digits prometheus.Counter
	decided       map[flows.Decision]prometheus.Observer
	actions       map[string]map[string]prometheus.Counter // by module and result
	requests      *prometheus.CounterVec
	took          *prometheus.HistogramVec
}

// New makes them; all that has a known number of values begins with 0.
func New(cfg Config) *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, label string, buckets []float64) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
		registry.MustRegister(h)
		return h
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "metaflows_build_info", Help: "Always 1; the version is the label."}, []string{"version"})
	registry.MustRegister(build)
	build.WithLabelValues(cfg.Version).Set(1)
	m := &Metrics{
		calls:   counter("metaflows_calls_started_total", "Calls that have begun here, with those taken up after a restart.").WithLabelValues(),
		digits:  counter("metaflows_digits_total", "Keys that Asterisk has told of.").WithLabelValues(),
		decided: map[flows.Decision]prometheus.Observer{},
		actions: map[string]map[string]prometheus.Counter{},
		requests: counter("metaflows_ari_requests_total",
			"Requests to Asterisk, by HTTP method and status; none: there was no answer.", "method", "code"),
		took: histogram("metaflows_ari_request_duration_seconds", "From a request to Asterisk to its answer.", "method",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15}),
	}
	took := histogram("metaflows_decision_duration_seconds",
		"From a code's last key to its action, by what decided it; with timeout it holds the time-out.", "decided_by",
		[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5})
	for _, by := range decisions {
		m.decided[by] = took.WithLabelValues(string(by))
	}
	ended := counter("metaflows_actions_total", "Runs of modules that have ended, by how.", "module", "result")
	for _, module := range append([]string{other}, cfg.Modules...) {
		m.actions[module] = map[string]prometheus.Counter{}
		for _, result := range results {
			m.actions[module][result] = ended.WithLabelValues(module, result)
		}
	}
	registry.MustRegister(looker{cfg.Sources})
	options := promhttp.HandlerOpts{}
	if cfg.Log != nil {
		options.ErrorLog = slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn) // who asks is answered 500, or has gone
	}
	m.Handler = promhttp.HandlerFor(registry, options)
	return m
}

// Call is calls.Meter.
func (m *Metrics) Call() { m.calls.Inc() }

// Digit is calls.Meter.
func (m *Metrics) Digit() { m.digits.Inc() }

// Decided is calls.Meter.
func (m *Metrics) Decided(by flows.Decision, after time.Duration) {
	if o := m.decided[by]; o != nil {
		o.Observe(after.Seconds())
	}
}

// Ended is calls.Meter.
func (m *Metrics) Ended(module, result string) {
	byResult := m.actions[module]
	if byResult == nil {
		byResult = m.actions[other]
	}
	if c := byResult[result]; c != nil {
		c.Inc()
	}
}

// Answered is told of each request to Asterisk (ari.Config).
func (m *Metrics) Answered(method string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, code(status)).Inc()
	m.took.WithLabelValues(method).Observe(took.Seconds())
}

// code is a status as a label: a number that is no status of HTTP is none.
func code(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return strconv.Itoa(status)
}
