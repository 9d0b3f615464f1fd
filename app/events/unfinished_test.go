package events

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"metaflows/app/broker"
	"metaflows/docker/growtest"
	"metaflows/flows/calls"
)

// What has begun on this node, in time, and was not told to have ended.
func TestUnfinished(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	began := time.Now()
	for i, n := range []calls.Notice{
		{Type: "call.started", Account: "acme", Call: "ended"},
		{Type: "recording.started", Account: "acme", Call: "ended", Recording: "acme/ended/1"},
		{Type: "recording.stored", Account: "acme", Call: "ended", Recording: "acme/ended/1"},
		{Type: "call.ended", Account: "acme", Call: "ended"},
		{Type: "call.started", Account: "acme", Call: "open"},
		{Type: "call.started", Account: "evil", Call: "open"},
		{Type: "call.answered", Account: "acme", Call: "open"},
		{Type: "recording.started", Account: "acme", Call: "open", Recording: "acme/open/1"},
		{Type: "call.ended", Account: "evil", Call: "open"},
		{Type: "action.started", Account: "acme", Call: "open", Action: "1.5.0"},
		{Type: "action.finished", Account: "acme", Call: "open", Action: "1.5.0", Next: "numbers.9.children._", NextModule: "none"},
		{Type: "action.started", Account: "acme", Call: "open", Action: "1.6.0"},
		{Type: "action.failed", Account: "acme", Call: "open", Action: "1.7.0"},
		{Type: "action.finished", Account: "acme", Call: "open", Action: "1.6.0", Time: began.Add(time.Hour), Next: "later"},
		{Type: "call.started", Account: "acme", Call: "new", Time: began.Add(time.Hour)},
	} {
		if n.Time.IsZero() {
			n.Time = began.Add(time.Duration(i) * time.Millisecond)
		}
		p.Publish(n)
	}
	stored(t, b, 15)
	for _, tt := range []struct {
		node string
		from time.Time
		want []string
	}{
		{"n1", began.Add(-time.Hour), []string{"action.finished acme open ", "call.started acme open ", "recording.started acme open acme/open/1"}},
		{"n2", began.Add(-time.Hour), nil},
		{"n1", began.Add(time.Hour), nil},
	} {
		found, err := Unfinished(t.Context(), b.Events(), tt.node, tt.from, began.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range found {
			got = append(got, n.Type+" "+n.Account+" "+n.Call+" "+n.Recording)
		}
		if slices.Sort(got); !slices.Equal(got, tt.want) {
			t.Errorf("%s from %v: %q, want %q", tt.node, tt.from, got, tt.want)
		}
	}
	b.Close()
	if _, err := Unfinished(t.Context(), b.Events(), "n1", began, began); err == nil {
		t.Error("no error without NATS")
	}
}

// Of a call that was taken up, and has ended since, the node that was to run next and the action beside a refused one are found,
// though there are as many beginnings as ends. Whoever tells what is found tells the end of the call last.
func TestUnfinishedOfACallTakenUp(t *testing.T) {
	action := func(kind, id, next string) calls.Notice {
		return calls.Notice{Type: "action." + kind, Account: "acme", Call: "c", Action: id, Next: next, NextModule: "hold"}
	}
	started, adopted, ended := calls.Notice{Type: "call.started", Account: "acme", Call: "c"},
		calls.Notice{Type: "call.adopted", Account: "acme", Call: "c"}, calls.Notice{Type: "call.ended", Account: "acme", Call: "c"}
	for _, tt := range []struct {
		about  string
		events []calls.Notice
		want   []string
	}{
		{"a child that was to run next", []calls.Notice{
			started, action("started", "1.5.0", ""), action("finished", "1.5.0", "numbers.9.children._"), adopted, ended,
		}, []string{"action.finished 1.5.1"}},
		{"an action beside a refused one", []calls.Notice{
			started, action("started", "1.5.0", ""), action("failed", "1.6.0", ""), adopted, ended,
		}, []string{"action.started 1.5.0"}},
		{"by a process that does not understand it", []calls.Notice{
			started, action("started", "1.5.0", ""), action("failed", "1.6.0", ""), {Type: "call.abandoned", Account: "acme", Call: "c"}, ended,
		}, []string{"action.started 1.5.0"}},
		{"under an account that has no leg on it", []calls.Notice{
			started, {Type: "action.finished", Account: "evil", Call: "c", Action: "1.5.0", Next: "children._"}, ended,
		}, []string{"action.finished 1.5.1"}},
		{"the call last", []calls.Notice{
			started, action("started", "1.5.0", ""), {Type: "recording.started", Account: "acme", Call: "c", Recording: "acme/c/1"},
		}, []string{"action.started 1.5.0", "call.started "}},
		{"nothing", []calls.Notice{
			started, action("started", "1.5.0", ""), action("finished", "1.5.0", "children._"), action("failed", "1.5.1", ""), adopted, ended,
		}, nil},
	} {
		t.Run(tt.about, func(t *testing.T) {
			b := embedded(t)
			p := start(t, b, 0)
			for _, n := range tt.events {
				n.Time = time.Now()
				p.Publish(n)
			}
			stored(t, b, len(tt.events))
			found, err := Unfinished(t.Context(), b.Events(), "n1", time.Now().Add(-time.Hour), time.Now().Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range found {
				if !strings.HasPrefix(n.Type, "recording.") {
					got = append(got, n.Type+" "+n.Action)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// What is asked of NATS does not grow with the number of events that are read.
func TestUnfinishedAsksOnce(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	const n = 800
	began := time.Now()
	for i := range n {
		p.Publish(calls.Notice{Type: "call.started", Account: "acme", Call: fmt.Sprint("c", i), Time: began})
	}
	stored(t, b, n)
	before := b.Events().Stats().OutMsgs
	found, err := Unfinished(t.Context(), b.Events(), "n1", began.Add(-time.Hour), began.Add(time.Minute))
	if err != nil || len(found) != n {
		t.Fatal(len(found), err)
	}
	if asked := b.Events().Stats().OutMsgs - before; asked > n/10 {
		t.Errorf("%d requests for %d events", asked, n)
	}
}

// What is read grows with what is unfinished, not with what has ended.
func TestUnfinishedReadsWhatIsOpen(t *testing.T) {
	b := embedded(t)
	p := start(t, b, 0)
	day(t, p, 5, 0)
	stored(t, b, 5*4)
	read := func(open int) uint64 {
		before := b.Events().Stats().InMsgs
		found, err := Unfinished(t.Context(), b.Events(), "n1", time.Now().Add(-time.Hour), time.Now().Add(time.Minute))
		if err != nil || len(found) != 2*open {
			t.Fatal(len(found), err)
		}
		return b.Events().Stats().InMsgs - before
	}
	few := read(5)
	day(t, p, 5, 500)
	stored(t, b, 5*4+500*8)
	if many := read(5); many > few+5 {
		t.Errorf("%d messages were read, and %d beside 500 calls that have ended", few, many)
	}
}

// day publishes the events of so many calls that go on, and of so many that have ended, whose names differ from those of the
// last time where they are more.
func day(t testing.TB, p *Publisher, open, ended int) {
	t.Helper()
	began := time.Now()
	for i := range open + ended {
		call, action := fmt.Sprint("call", ended, "-", i), fmt.Sprint(ended, "-", i, ".1.0")
		if i < open {
			call, action = fmt.Sprint("open", i), fmt.Sprint("open", i, ".1.0")
		}
		for _, kind := range []string{"call.started", "call.answered", "code.matched", "action.started", "action.finished", "recording.started", "recording.stored", "call.ended"} {
			if i < open && (kind == "action.finished" || kind[0] == 'r' || kind == "call.ended") {
				continue
			}
			until(t, time.Minute, "there is room for more", func() bool { return p.Backlog() <= 5000 })
			p.Publish(calls.Notice{Type: kind, ID: call + kind, Account: fmt.Sprint("a", i%10), Call: call, Action: action, Recording: call + "/1", Channel: "1700000000.1",
				Endpoint: "PJSIP/alice", Module: "hold", Path: "numbers.9", Time: began})
		}
	}
}

// BenchmarkUnfinished reads what calls that go on have begun, 1,000 or METAFLOWS_BENCH_CALLS, beside so many events of calls that
// have ended: a day's are METAFLOWS_BENCH_EVENTS=1000000.
func BenchmarkUnfinished(b *testing.B) {
	most, _ := strconv.Atoi(os.Getenv("METAFLOWS_BENCH_EVENTS"))
	live, _ := strconv.Atoi(os.Getenv("METAFLOWS_BENCH_CALLS"))
	for _, n := range []int{10_000, max(most, 100_000)} {
		open := cmp.Or(live, 1000)
		b.Run(fmt.Sprintf("events=%d/calls=%d", n, open), func(b *testing.B) {
			broker, err := broker.Open(broker.Config{Dir: b.TempDir(), Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 40})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(broker.Close)
			p := New(Config{Conn: broker.Events(), Node: "n1", MaxAge: 24 * time.Hour, MaxBytes: 2 << 30})
			defer func() { _ = p.Close(b.Context()) }()
			day(b, p, open, n/8)
			until(b, time.Minute, "all are published", func() bool { return p.Published() >= int64(open*4+n/8*8) })
			ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
			defer cancel()
			var spent time.Duration
			for b.Loop() {
				before := growtest.Process()
				found, err := Unfinished(ctx, broker.Events(), "n1", time.Now().Add(-24*time.Hour), time.Now().Add(time.Minute))
				if err != nil || len(found) != 2*open {
					b.Fatal(len(found), err)
				}
				spent += growtest.Process() - before
			}
			b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
