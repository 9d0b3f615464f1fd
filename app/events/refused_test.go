package events

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
	"metaflows/flows/calls"
)

// refusing is a NATS server that lets us publish under every account but the denied ones.
func refusing(t *testing.T, denied ...string) (b *broker.Broker, permit func()) {
	t.Helper()
	accounts := func(permissions string) string {
		return `accounts {A {jetstream: enabled, users: [{user: a, password: a` + permissions + `}]}}`
	}
	var subjects []string
	for _, account := range denied {
		subjects = append(subjects, fmt.Sprintf("%q", "metaflows.v1.publish."+account+".>"))
	}
	server := brokertest.WithAccounts(t, accounts(`, permissions: {publish: {deny: [`+strings.Join(subjects, ",")+`]}}`))
	b, err := broker.Open(broker.Config{
		URL: (&url.URL{Scheme: "nats", User: url.UserPassword("a", "a"), Host: server.Addr()}).String(), Node: "n1",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, func() { server.Restart(accounts("")) }
}

// told is what an account's calls are told in these tests: each event of a call has one more digit than the one before it.
func told(account, call string, n int) calls.Notice {
	return calls.Notice{Type: "code.matched", ID: fmt.Sprint(account, " ", call, " ", n), Account: account, Call: call, Digits: n + 1}
}

// ordered holds what the stream has against what told has made: of each account and call all, once, in order.
func ordered(t *testing.T, messages []*jetstream.RawStreamMsg) (count map[string]int) {
	t.Helper()
	count, last := map[string]int{}, map[string]int{}
	for _, m := range messages {
		var n calls.Notice
		if err := json.Unmarshal(m.Data, &n); err != nil {
			t.Fatal(err)
		}
		of := n.Account + " " + n.Call
		if n.Digits != last[of]+1 {
			t.Errorf("%s: %d after %d", of, n.Digits, last[of])
		}
		last[of] = n.Digits
		count[n.Account]++
	}
	return count
}

// until waits for something that becomes true.
func until(t testing.TB, most time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in %v not: %s", most, what)
		}
	}
}

// Events that NATS does not let us publish under one account hold up nobody else's, and are there in order once they may be
// published.
func TestRefusedAccountHoldsUpNobody(t *testing.T) {
	b, permit := refusing(t, "evil")
	log := &logtest.Log{}
	p := startLogging(t, b, 0, log)
	const stuck, stuckCalls, calls, each = 300, 100, 20, 25
	for n := range stuck {
		p.Publish(told("evil", fmt.Sprint("e", n%stuckCalls), n/stuckCalls))
	}
	for n := range each {
		for c := range calls {
			p.Publish(told("acme", fmt.Sprint("c", c), n))
		}
	}
	until(t, 10*time.Second, "the other account's events are published", func() bool { return p.Published() == calls*each })
	if count := ordered(t, stored(t, b, calls*each)); count["acme"] != calls*each || count["evil"] != 0 {
		t.Error(count)
	}
	n := each
	warnings := func() int { return strings.Count(log.String(), "level=WARN") }
	until(t, 20*time.Second, "it is told which events wait", func() bool {
		p.Publish(told("acme", "c0", n))
		n++
		time.Sleep(50 * time.Millisecond)
		return warnings() > 0
	})
	until(t, 10*time.Second, "only what is refused waits", func() bool { return p.Backlog() == stuck })
	if err := p.Err(); err != nil || warnings() != 1 {
		t.Error(err, log)
	}
	if log := log.String(); !strings.Contains(log, "account=evil") || !strings.Contains(log, "Permissions Violation") {
		t.Error("it is not told which events wait, and why:", log)
	}
	passed := int(p.Published())
	permit()
	if count := ordered(t, stored(t, b, passed+stuck)); count["acme"] != passed || count["evil"] != stuck {
		t.Error(count)
	}
	if p.Lost() != 0 || p.Backlog() != 0 {
		t.Error(p.Lost(), p.Backlog())
	}
}

// What is refused under one account of a call does not hold up what is told of it under the other.
func TestRefusedAccountOfACall(t *testing.T) {
	b, permit := refusing(t, "evil")
	p := start(t, b, 0)
	const each = 5
	for n := range each {
		p.Publish(told("evil", "shared", n))
		p.Publish(told("acme", "shared", n))
		p.Publish(told("acme", "other", n))
	}
	until(t, 10*time.Second, "the other account's events are published", func() bool { return p.Published() == 2*each })
	p.Publish(told("evil", "shared", each))
	p.Publish(told("acme", "shared", each))
	until(t, 10*time.Second, "so is one that comes later", func() bool { return p.Published() == 2*each+1 })
	permit()
	count := ordered(t, stored(t, b, 3*each+2))
	if count["acme"] != 2*each+1 || count["evil"] != each+1 {
		t.Error(count)
	}
}

// Where an account's events are all that there are, it is not known that others would pass: then NATS does not take events.
func TestRefusedWithoutOthers(t *testing.T) {
	b, _ := refusing(t, "evil")
	log := &logtest.Log{}
	p := startLogging(t, b, 0, log)
	p.Publish(told("evil", "e", 0))
	until(t, 10*time.Second, "it is told that events wait", func() bool { return p.Err() != nil && strings.Contains(log.String(), "publish events") })
	p.Publish(told("acme", "c", 0))
	until(t, 10*time.Second, "another account's event is published", func() bool { return p.Published() == 1 })
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

// An account that tells very much delays another's events by no more than a window.
func TestBusyAccountLeavesRoom(t *testing.T) {
	s := brokertest.Start(t)
	b := external(t, s)
	s.Stop()
	p := start(t, b, 0)
	const busy, quiet = 10000, 20
	for n := range busy {
		p.Publish(told("busy", fmt.Sprint("b", n%1000), n/1000))
	}
	for n := range quiet {
		p.Publish(told("quiet", "q", n))
	}
	s.Again()
	until(t, time.Minute, "all are published", func() bool { return p.Published() == busy+quiet })
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.OrderedConsumer(t.Context(), streamName, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"metaflows.v1.event.quiet.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range quiet {
		m, err := c.Next()
		if err != nil {
			t.Fatal(n, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(n, err)
		}
		if at := meta.Sequence.Stream; at > uint64(n+1)*windowSize {
			t.Errorf("event %d of the quiet account is the stream's %dth", n+1, at)
		}
	}
}
