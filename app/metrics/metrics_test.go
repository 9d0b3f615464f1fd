package metrics

import (
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v2"

	"metaflows/ari"
	"metaflows/flows"
	"metaflows/flows/calls"
)

var _ calls.Meter = (*Metrics)(nil)

// publisher is Events.
type publisher struct{}

func (publisher) Backlog() int     { return 7 }
func (publisher) Published() int64 { return 8 }
func (publisher) Lost() int64      { return 9 }

func some() *Metrics {
	return New(Config{Version: "1.2.3", Modules: []string{"hangup", "transfer"}, Sources: Sources{
		Load: func() calls.Load { return calls.Load{Calls: 2, Legs: 4, Waiting: 6, Longest: 5} },
		Asterisk: func() ari.Status {
			return ari.Status{Connected: true, Reconnects: 3, Decoded: 10, Skipped: 11, Unknown: 12, Broken: 13}
		},
		Events:    publisher{},
		NATS:      func() (bool, uint64) { return true, 1 },
		Revisions: func() map[string]uint64 { return map[string]uint64{"documents": 42} },
		Highest: func() map[string]int64 {
			return map[string]int64{"documents": 21, "bytes": 22, "api_keys": 23, "users": 24, "devices": 25}
		},
		Parts: func() map[string]error { return map[string]error{"asterisk": nil, "nats": errors.New("away")} },
	}})
}

// scrape is what Prometheus gets.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	return w.Body.String()
}

func TestNumbers(t *testing.T) {
	m := some()
	m.Call()
	m.Digit()
	m.Digit()
	m.Decided(flows.ByDigit, 2*time.Millisecond)
	m.Decided("sorcery", time.Second)
	m.Ended("transfer", "failed")
	m.Ended("5551234", "stop")
	m.Ended("hangup", "sorcery")
	m.Answered("POST", 204, 3*time.Millisecond)
	m.Answered("GET", 0, 5*time.Second)
	text := scrape(t, m)
	for _, line := range []string{
		`metaflows_build_info{version="1.2.3"} 1`,
		`metaflows_calls 2`, `metaflows_legs 4`, `metaflows_calls_started_total 1`, `metaflows_digits_total 2`,
		`metaflows_call_events_waiting 6`, `metaflows_call_events_waiting_max 5`,
		`metaflows_decision_duration_seconds_bucket{decided_by="digit",le="0.001"} 0`,
		`metaflows_decision_duration_seconds_bucket{decided_by="digit",le="0.0025"} 1`,
		`metaflows_decision_duration_seconds_count{decided_by="timeout"} 0`,
		`metaflows_actions_total{module="transfer",result="failed"} 1`, `metaflows_actions_total{module="other",result="stop"} 1`,
		`metaflows_actions_total{module="hangup",result="continue"} 0`,
		`metaflows_ari_requests_total{code="204",method="POST"} 1`, `metaflows_ari_requests_total{code="none",method="GET"} 1`,
		`metaflows_ari_request_duration_seconds_count{method="POST"} 1`,
		`metaflows_ari_connected 1`, `metaflows_ari_reconnects_total 3`,
		`metaflows_ari_events_total{kind="used"} 10`, `metaflows_ari_events_total{kind="broken"} 13`,
		`metaflows_nats_connected 1`, `metaflows_nats_reconnects_total 1`,
		`metaflows_publish_backlog_events 7`, `metaflows_events_published_total 8`, `metaflows_events_lost_total 9`,
		`metaflows_account_documents_max 21`, `metaflows_account_bytes_max 22`, `metaflows_account_api_keys_max 23`,
		`metaflows_account_users_max 24`, `metaflows_account_devices_max 25`,
		`metaflows_store_revision{store="documents"} 42`, `metaflows_ready{part="asterisk"} 1`, `metaflows_ready{part="nats"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.Contains(text, "5551234") || strings.Contains(text, "sorcery") {
		t.Error("a label has a value that is not one of a few")
	}
}

var (
	sample = regexp.MustCompile(`(?m)^([a-z_]+?)(_bucket|_sum|_count)?(?:\{([^}]*)\})? `)
	label  = regexp.MustCompile(`([a-z_]+)="`)
)

// What a metric counts stands in its name, and its labels are none of an id.
func TestNames(t *testing.T) {
	m := some()
	m.Answered("GET", 200, time.Millisecond)
	text := scrape(t, m)
	few := []string{"version", "module", "result", "method", "code", "kind", "store", "part", "decided_by", "le", "quantile"}
	ours := 0
	for _, found := range sample.FindAllStringSubmatch(text, -1) {
		name := found[1]
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "promhttp_") {
			continue
		}
		ours++
		if !strings.HasPrefix(name, "metaflows_") {
			t.Errorf("%s is not ours", name)
		}
		if !strings.Contains(text, "# HELP "+name+" ") {
			t.Errorf("%s is not described", name)
		}
		if strings.Contains(text, "# TYPE "+name+" counter\n") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s: counters and nothing else end in _total", name)
		}
		if strings.Contains(text, "# TYPE "+name+" histogram\n") && !strings.HasSuffix(name, "_seconds") {
			t.Errorf("%s lacks its unit", name)
		}
		for _, l := range label.FindAllStringSubmatch(found[3], -1) {
			if !slices.Contains(few, l[1]) {
				t.Errorf("%s has the label %s: how many values has it?", name, l[1])
			}
		}
	}
	if ours < 50 {
		t.Errorf("only %d lines of ours", ours)
	}
}

// The table of app/README.md has each of our metrics, and no other.
func TestTable(t *testing.T) {
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "\n| metric | counts |\n")
	table, _, found := strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("app/README.md has no metrics")
	}
	m := some()
	m.Answered("GET", 200, time.Millisecond)
	text, told := scrape(t, m), map[string]bool{}
	for line := range strings.Lines(table) {
		for _, named := range regexp.MustCompile("`(metaflows_[a-z_]+)`").FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
			if told[named[1]] = true; !strings.Contains(text, "# HELP "+named[1]+" ") {
				t.Errorf("app/README.md has %s, and nobody counts it", named[1])
			}
		}
	}
	for _, ours := range regexp.MustCompile(`(?m)^# HELP (metaflows_\w+) `).FindAllStringSubmatch(text, -1) {
		if !told[ours[1]] {
			t.Errorf("app/README.md does not have %s", ours[1])
		}
	}
}

// Each metric that an alert asks for exists, with the labels that it asks for; every alert says what it means.
func TestAlerts(t *testing.T) {
	raw, err := os.ReadFile("../../docker/prometheus-alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict(raw, &file); err != nil {
		t.Fatal(err)
	}
	m := some()
	m.Answered("GET", 200, time.Millisecond)
	text := scrape(t, m)
	known := map[string]string{} // its labels
	for _, found := range sample.FindAllStringSubmatch(text, -1) {
		known[found[1]+found[2]] += found[3] + ","
	}
	metric := regexp.MustCompile(`metaflows_[a-z_]+(?:\{([^}]*)\})?`)
	asked, names := 0, map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || names[rule.Alert] || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("alert %q is not described, or there twice: %+v", rule.Alert, rule)
			}
			names[rule.Alert] = true
			if _, err := time.ParseDuration(rule.For); rule.For != "" && err != nil {
				t.Error(rule.Alert, err)
			}
			if strings.Count(rule.Expr, "(") != strings.Count(rule.Expr, ")") {
				t.Errorf("%s: brackets", rule.Alert)
			}
			found := metric.FindAllStringSubmatch(rule.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s asks for nothing", rule.Alert)
			}
			for _, f := range found {
				name, _, _ := strings.Cut(f[0], "{")
				labels, ok := known[name]
				if !ok {
					t.Errorf("%s asks for %s, which does not exist", rule.Alert, name)
				}
				for asks := range strings.SplitSeq(f[1], ",") {
					if key, _, _ := strings.Cut(asks, "="); asks != "" && !strings.Contains(labels, strings.TrimRight(key, "!")+`="`) {
						t.Errorf("%s asks %s for %s, which it does not have", rule.Alert, name, asks)
					}
				}
				asked++
			}
		}
	}
	t.Logf("%d alerts ask %d times for metrics", len(names), asked)
}

// What happens at every key allocates nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	m := some()
	if n := testing.AllocsPerRun(1000, func() {
		m.Digit()
		m.Call()
		m.Decided(flows.ByTimeout, time.Millisecond)
		m.Ended("transfer", "stop")
		m.Ended("unknown", "stop")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDigit(b *testing.B) {
	m := some()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Digit()
		}
	})
}
