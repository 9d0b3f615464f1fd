package events

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/flows/calls"
)

func filled(events ...string) *lanes {
	s := newLanes()
	for i, e := range events {
		account, call, _ := strings.Cut(e, " ")
		s.add(notice{Notice: calls.Notice{Account: account, Call: call, ID: fmt.Sprint(e, " ", i)}})
	}
	return s
}

// takeAll takes until nothing may be sent.
func takeAll(s *lanes, window int) (taken []*lane, ids []string) {
	for l := s.take(window); l != nil; l = s.take(window) {
		taken, ids = append(taken, l), append(ids, l.waiting[0].ID)
	}
	return taken, ids
}

// Accounts take turns, then their calls; one of a call is under way at a time, and a call's are in order.
func TestLanesTakeTurns(t *testing.T) {
	s := filled("a 1", "a 1", "a 2", "a 3", "b 1", "b 4", " ", "b ", "b ")
	var rounds []string
	for s.notices > 0 {
		taken, ids := takeAll(s, 100)
		rounds = append(rounds, strings.Join(ids, ","))
		for _, l := range taken {
			s.done(l)
		}
	}
	want := []string{"a 1 0,b 4 5,  6,a 2 2,b  7,a 3 3", "a 1 1,b  8", "b 1 4"}
	if !slices.Equal(rounds, want) {
		t.Errorf("%q, want %q", rounds, want)
	}
}

// An account has at most as many in flight as there is room left, so that there is room for another.
func TestLanesShareTheWindow(t *testing.T) {
	s := newLanes()
	add := func(account string, talks int) {
		for c := range talks {
			s.add(notice{Notice: calls.Notice{Account: account, Call: fmt.Sprint(account, c)}})
		}
	}
	add("a", 10000)
	first, _ := takeAll(s, 100)
	if len(first) != 50 {
		t.Errorf("an account alone has %d of 100", len(first))
	}
	add("b", 10000)
	second, _ := takeAll(s, 100)
	if len(second) != 25 || second[0].account.name != "b" {
		t.Errorf("another beside it has %d of 50", len(second))
	}
	for range 100 { // the first gets no answers
		s.done(second[0])
		var next []*lane
		if next, _ = takeAll(s, 100); len(next) != 1 || next[0].account.name != "b" {
			t.Fatalf("for an answer %d are sent", len(next))
		}
		second = append(second[1:], next...)
	}
	for range 100 { // and then it does
		for _, which := range []*[]*lane{&first, &second} {
			l := (*which)[0]
			*which = (*which)[1:]
			s.done(l)
			next, _ := takeAll(s, 100)
			for _, l := range next {
				if l.account.name == "a" {
					first = append(first, l)
				} else {
					second = append(second, l)
				}
			}
		}
	}
	if a, b := len(first), len(second); a < 25 || b < 25 || a+b > 75 {
		t.Errorf("in the end they have %d and %d", a, b)
	}
}

// A lane that fails backs off alone, from 100 ms to 30 s.
func TestLaneBacksOff(t *testing.T) {
	s := filled("a 1", "a 2")
	now := time.Unix(0, 0)
	taken, _ := takeAll(s, 100)
	bad, good := taken[0], taken[1]
	var pauses []time.Duration
	for range 11 {
		s.rest(bad, now)
		s.wake(bad.until.Add(-1))
		s.add(notice{Notice: calls.Notice{Account: "a", Call: "2"}})
		s.done(good)
		if taken, _ = takeAll(s, 100); len(taken) != 1 || taken[0] != good {
			t.Fatal("while a lane rests", len(taken), "are taken")
		}
		pauses = append(pauses, bad.until.Sub(now))
		now = bad.until
		s.wake(now)
		if taken, _ = takeAll(s, 100); len(taken) != 1 || taken[0] != bad {
			t.Fatal("after it has rested", len(taken), "are taken")
		}
	}
	want := []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if !slices.Equal(pauses, want) {
		t.Errorf("%v, want %v", pauses, want)
	}
	s.add(notice{Notice: calls.Notice{Account: "a", Call: "1"}})
	if s.done(bad); bad.backOff() != firstRetry {
		t.Error("what follows on what has passed at last rests as long")
	}
}

// What is refused under one account of a call is set apart, with what follows it, until all of it has passed.
func TestLaneSetApart(t *testing.T) {
	s := filled("a 1", "b 1", "a 1", "b 1")
	now := time.Unix(0, 0)
	s.rest(s.take(100), now)
	s.add(notice{Notice: calls.Notice{Account: "a", Call: "1", ID: "late a"}})
	s.add(notice{Notice: calls.Notice{Account: "b", Call: "1", ID: "late b"}})
	drain := func() (ids []string) {
		for l := s.take(100); l != nil; l = s.take(100) {
			ids = append(ids, l.waiting[0].ID)
			s.done(l)
		}
		return ids
	}
	if got, want := drain(), []string{"b 1 1", "b 1 3", "late b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var all []string
	for _, n := range s.all() {
		all = append(all, n.ID)
	}
	want := []string{"a 1 0", "a 1 2", "late a"}
	if !slices.Equal(all, want) {
		t.Errorf("%q wait, want %q", all, want)
	}
	s.wake(now.Add(firstRetry))
	if got := drain(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if s.notices+s.inFlight+len(s.byKey)+len(s.accounts)+len(s.turns)+len(s.resting) > 0 {
		t.Errorf("something is left: %+v", s)
	}
}

// A failure is an account's own where others pass meanwhile; once that is known of a second attempt, until it passes.
func TestLaneFailsAlone(t *testing.T) {
	s := filled("a 1", "a 2", "b 3", "b 3", "b 3", "b 3")
	at := time.Unix(0, 0)
	later := func() time.Time { at = at.Add(time.Second); return at }
	attempt := func(l *lane) { l.began, l.tries = later(), l.tries+1 }
	pass := func(l *lane) { s.pass(l, later()); s.done(l); s.take(100) }
	taken, _ := takeAll(s, 100)
	one, other, two := taken[0], taken[1], taken[2]
	if other.account.name == "b" {
		other, two = two, other
	}
	attempt(one)
	if s.alone(one) {
		t.Error("nothing passes, and it is the account's own")
	}
	attempt(two)
	pass(two)
	if !s.alone(one) {
		t.Error("others pass, and it is not the account's own")
	}
	attempt(one)
	if s.alone(one) {
		t.Error("what passed before the stream was gone is taken for a sign")
	}
	pass(two)
	if !s.alone(one) {
		t.Error("others pass, and it is not the account's own")
	}
	attempt(other)
	if !s.alone(other) {
		t.Error("that the account is refused is not remembered")
	}
	pass(other)
	attempt(one)
	if s.alone(one) {
		t.Error("that the account was refused is remembered")
	}
}

// An account whose events are refused while others' pass leaves them room to wait in; where nothing passes there is one room
// for all.
func TestRefusedAccountLeavesRoom(t *testing.T) {
	b := embedded(t)
	p := &Publisher{cfg: Config{Conn: b.Events(), MaxAge: time.Hour, MaxBytes: 64 << 20, Limit: 100, Log: slog.New(slog.DiscardHandler)}, reported: time.Now()}
	d, err := newDelivery(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if d.look(t.Context()); d.stream == nil {
		t.Fatal(p.Err())
	}
	tell := func(account string, n int) {
		for range n {
			p.Publish(calls.Notice{Account: account, Call: account})
			d.takeIn()
		}
	}
	check := func(evil, acme, lost int) {
		t.Helper()
		if e, a := d.lanes.account("evil").notices, d.lanes.account("acme").notices; e != evil || a != acme || p.Lost() != int64(lost) || p.Backlog() != evil+acme {
			t.Errorf("%d and %d wait, %d are lost; want %d, %d, %d (%d wait)", e, a, p.Lost(), evil, acme, lost, p.Backlog())
		}
	}
	tell("evil", 1)
	d.lanes.account("evil").refused = true
	tell("evil", 199)
	check(50, 0, 150)
	tell("acme", 40)
	check(50, 40, 150)
	d.failing = true
	tell("evil", 20)
	check(60, 40, 160)
}
