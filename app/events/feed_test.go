package events

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
	"metaflows/flows/calls"
)

// take reads n events of a feed and gives their ids, and the place of the last.
func take(t *testing.T, feed Feed, n int) (ids []string, last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range n {
		e, at, err := feed.Next(ctx)
		if err != nil {
			t.Fatalf("after %q: %v", ids, err)
		}
		if at <= last {
			t.Fatalf("%s is at %d, after %d", e.ID, at, last)
		}
		ids, last = append(ids, e.ID), at
	}
	return ids, last
}

// silent: the feed has nothing more.
func silent(t *testing.T, feed Feed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if e, _, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestFeed: what is published comes in order, of one account or of all; after any place; what was there before only where
// it is asked for; and nothing is left on the server.
func TestFeed(t *testing.T) {
	b := embedded(t)
	reader, err := NewReader(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, b, 0)
	publish := func(from, to int) {
		for i := from; i < to; i++ {
			account := []string{"acme", "evil", ""}[i%3]
			p.Publish(calls.Notice{Type: "code.unmatched", ID: strconv.Itoa(i), Account: account, Call: "1.1", Digits: 1})
		}
		stored(t, b, to)
	}
	follow := func(account string, after uint64) (Feed, uint64) {
		t.Helper()
		feed, at, err := reader.Follow(t.Context(), account, after)
		if err != nil {
			t.Fatal(err)
		}
		return feed, at
	}
	publish(0, 9)
	live, at := follow("acme", Now)
	if at != 9 {
		t.Error("now is", at)
	}
	silent(t, live)
	silent(t, live) // a wait that has ended is no end of the feed
	publish(9, 18)
	ids, last := take(t, live, 3)
	want(t, "live", ids, "9", "12", "15")
	silent(t, live)
	live.Close()

	again, at := follow("acme", last-1)
	if at != last-1 {
		t.Error("it begins after", at)
	}
	ids, _ = take(t, again, 1)
	want(t, "resumed", ids, "15")
	again.Close()

	all, _ := follow("", 0)
	ids, _ = take(t, all, 18)
	want(t, "everything", ids, strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17")...)
	all.Close()

	lost, at := follow("evil", 10_000) // of a stream that had more
	if at != 0 {
		t.Error("it begins after", at)
	}
	ids, _ = take(t, lost, 6)
	want(t, "after another stream's place", ids, "1", "4", "7", "10", "13", "16")
	lost.Close()

	none, _ := follow("*", 0)
	silent(t, none)
	none.Close()

	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Consumers; n != 0 {
		t.Errorf("%d consumers are left on the server", n)
	}
}

// TestFeedAcrossAnOutage: a NATS that goes ends a feed, or does not; either way nothing is lost and nothing comes twice for
// who goes on after the last place.
func TestFeedAcrossAnOutage(t *testing.T) {
	server := brokertest.Start(t)
	b := external(t, server)
	p := start(t, b, 0)
	reader, err := NewReader(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	publish := func(id int) {
		p.Publish(calls.Notice{Type: "call.started", ID: strconv.Itoa(id), Account: "acme", Call: "c"})
	}
	publish(0)
	stored(t, b, 1)
	var last uint64
	var ids []string
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	published := 1
	for len(ids) < 20 && ctx.Err() == nil {
		feed, _, err := reader.Follow(ctx, "acme", last)
		if err != nil {
			if !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		for len(ids) < 20 {
			e, at, err := feed.Next(ctx)
			if err != nil {
				if !errors.Is(err, ErrUnavailable) {
					t.Fatal(ids, err)
				}
				break
			}
			ids, last = append(ids, e.ID), at
			if len(ids) == 5 || len(ids) == 12 {
				server.Stop()
				server.Again()
			}
			if published == len(ids) && published < 20 {
				publish(published)
				published++
			}
		}
		feed.Close()
	}
	want(t, "who goes on", ids, strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19")...)
	server.Stop()
	for {
		asking, enough := context.WithTimeout(ctx, time.Second) // what was sent in the last moment is never answered
		feed, _, err := reader.Follow(asking, "acme", last)
		enough()
		if err != nil {
			if !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
			return
		}
		feed.Close()
	}
}
