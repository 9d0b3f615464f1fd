package events

import (
	"fmt"
	"slices"
	"testing"
	"time"

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

// BenchmarkUnfinished reads the beginnings of so many calls that go on, beside three times as many that have ended.
func BenchmarkUnfinished(b *testing.B) {
	for _, n := range []int{1000, 4000} {
		b.Run(fmt.Sprintf("calls=%d", n), func(b *testing.B) {
			broker := embedded(b)
			p := start(b, broker, 0)
			began := time.Now()
			for i := range 4 * n {
				call := calls.Notice{Type: "call.started", ID: fmt.Sprint("s", i), Account: "acme", Call: fmt.Sprint("c", i), Time: began}
				p.Publish(call)
				if call.Type, call.ID = "call.ended", fmt.Sprint("e", i); i >= n {
					p.Publish(call)
				}
				for p.Backlog() > 5000 {
					time.Sleep(time.Millisecond)
				}
			}
			for p.Published() < int64(7*n) {
				time.Sleep(time.Millisecond)
			}
			for b.Loop() {
				found, err := Unfinished(b.Context(), broker.Events(), "n1", began.Add(-time.Hour), began.Add(time.Minute))
				if err != nil || len(found) != n {
					b.Fatal(len(found), err)
				}
			}
		})
	}
}
