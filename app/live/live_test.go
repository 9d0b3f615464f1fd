package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/actions"
	"metaflows/app/broker/brokertest"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/docker/logtest"
	"metaflows/flows"
	"metaflows/flows/calls"
)

// instance is a Live with the calls that the test says it has.
type instance struct {
	testing.TB
	*Live
	conn *nats.Conn
	log  *logtest.Log
	end  func()

	mu   sync.Mutex
	sent []calls.Command
	does func(cmd calls.Command, told func(calls.Report)) bool
}

func schemas(t testing.TB) *schema.Schemas {
	t.Helper()
	s, err := schema.Load(egress.Blocked{}, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newInstance(t testing.TB, url, node string) *instance {
	t.Helper()
	i := &instance{TB: t, log: &logtest.Log{}}
	var err error
	i.conn, err = nats.Connect(url, nats.ReconnectBufSize(-1), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	i.Live = New(Config{Conn: i.conn, Node: node, Schemas: schemas(t), Log: slog.New(slog.NewTextHandler(i.log, nil)), Execute: i.execute})
	i.Settled()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { i.Run(ctx) })
	i.end = sync.OnceFunc(func() { cancel(); i.conn.Close(); running.Wait() })
	t.Cleanup(i.end)
	return i
}

// twoInstances are a and b, which know what the bucket held: before that a channel that is not listed is none that they know of.
func twoInstances(t testing.TB, server *brokertest.Server) (a, b *instance) {
	t.Helper()
	a, b = newInstance(t, server.URL(), "a"), newInstance(t, server.URL(), "b")
	for _, i := range []*instance{a, b} {
		i.until("the bucket is known", i.Knows)
	}
	return a, b
}

// execute is what calls.Registry would do.
func (i *instance) execute(cmd calls.Command, told func(calls.Report)) bool {
	i.mu.Lock()
	i.sent = append(i.sent, cmd)
	does := i.does
	i.mu.Unlock()
	if does != nil {
		return does(cmd, told)
	}
	told(calls.Report{Call: cmd.Call, Action: "a1"})
	told(calls.Report{Call: cmd.Call, Action: "a1", Over: true, Outcome: calls.Outcome{Action: "a1", Path: "api", Module: cmd.Node.Module, Result: "stop", Duration: 7 * time.Millisecond}})
	return true
}

func (i *instance) commands() []calls.Command {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.sent)
}

// until waits for something that another goroutine does.
func (i *instance) until(what string, cond func() bool) {
	i.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.Fatalf("not in time: %s\n%s", what, i.log)
		}
	}
}

// shows waits until an account's channels are these.
func (i *instance) shows(account string, channels ...string) {
	i.Helper()
	var got []string
	i.until(fmt.Sprintf("%s of %s: there was not %v", i.cfg.Node, account, channels), func() bool {
		got = got[:0]
		for _, c := range i.Channels(account, Filter{}) {
			got = append(got, c.UUID)
		}
		return slices.Equal(got, channels)
	})
}

var began = time.Unix(1_700_000_000, 0)

// call is one between legs "alice@acme" (account acme, user alice) and "outside".
func call(id string, legs ...string) calls.View {
	v := calls.View{ID: id, Answered: true}
	for n, leg := range legs {
		user, account, _ := strings.Cut(leg, "@")
		l := calls.LegView{
			Channel: id + "." + user, Endpoint: "PJSIP/" + user, State: "Up", Role: calls.RoleCaller, Extension: "1002",
			Owner: flows.Owner{Account: account, User: user, Device: user + "-desk"}, Began: began.Add(time.Duration(n) * time.Second),
		}
		if n > 0 {
			l.Role, l.Dialled, l.Extension = calls.RoleCallee, "PJSIP/"+user+"@trunk", ""
		}
		if account == "" {
			l.Owner = flows.Owner{}
		} else if !slices.Contains(v.Accounts, account) {
			v.Accounts = append(v.Accounts, account)
		}
		v.Legs = append(v.Legs, l)
	}
	return v
}

func node(t testing.TB, text string) *flows.Node {
	t.Helper()
	n, err := flows.ParseNode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const hangup = `{"module":"hangup"}`

// Calls are listed at every instance, under each account on them and with what that may see, and commands reach the holder.
func TestTwoInstances(t *testing.T) {
	server := brokertest.Start(t)
	a, b := twoInstances(t, server)
	v := call("1", "alice@acme", "bob@beta", "outside")
	v.Actions = []calls.ActionView{{ID: "x", Module: "transfer", Path: "api", Channel: "1.alice", Account: "acme"}}
	v.Kept = []calls.KeptView{{Name: "beta/1/2", Account: "beta", Shows: actions.Recording{}}}
	a.Changed(v)
	a.Changed(call("2", "carol@acme", "dave@acme"))
	for _, i := range []*instance{a, b} {
		i.shows("acme", "1.alice", "2.carol", "2.dave", "1.outside")
		i.shows("beta", "1.bob", "1.outside")
		i.shows("")
		d, ok := i.Channel("acme", "1.alice")
		if !ok || len(d.Legs) != 2 || len(d.Actions) != 1 || len(d.Recordings) != 0 || d.Call != "1" || d.Node != "a" || d.CallID != "1.alice" {
			t.Errorf("%+v", d)
		}
		if d, ok := i.Channel("beta", "1.bob"); !ok || len(d.Actions) != 0 || len(d.Recordings) != 1 {
			t.Errorf("%+v", d)
		}
		if _, ok := i.Channel("beta", "1.alice"); ok {
			t.Error("another account's leg is shown")
		}
		d, _ = i.Channel("acme", "2.dave")
		want := Leg{
			Answered: true, AuthorizingID: "dave-desk", AuthorizingType: "device", Destination: "dave", Direction: "outbound", OtherLeg: "2.carol",
			OwnerID: "dave", PresenceID: "dave@acme", Timestamp: began.Unix() + 62167219200 + 1, Username: "dave", UUID: "2.dave",
			Endpoint: "PJSIP/dave", Role: "callee", State: "Up",
		}
		if d.Leg != want {
			t.Errorf("%+v", d.Leg)
		}
		for filter, n := range map[Filter]int{{User: "carol"}: 1, {Device: "alice-desk"}: 1, {His: "alice"}: 2, {His: "carol"}: 1, {User: "bob"}: 0, {His: "bob"}: 0} {
			if got := i.Channels("acme", filter); len(got) != n {
				t.Errorf("%+v: %+v", filter, got)
			}
		}
	}
	cmd := Command{Account: "acme", Channel: "1.alice", Node: node(t, `{"module":"transfer","data":{"target":"12"}}`), Wait: time.Second}
	for _, i := range []*instance{a, b} {
		r := i.Do(t.Context(), cmd)
		if r.Status != Finished || r.Action != "a1" || r.Call != "1" || r.Node != "a" || r.Outcome == nil || *r.Outcome != (Outcome{"a1", "transfer", "api", "stop", "", "", "", 7}) {
			t.Errorf("%+v %+v", r, r.Outcome)
		}
		if r := i.Do(t.Context(), Command{Account: "beta", Channel: "1.alice", Node: cmd.Node}); r.Error == nil || r.Error.Code != NotFound {
			t.Errorf("%+v", r)
		}
	}
	cmd.Wait = 0
	if r := b.Do(t.Context(), cmd); r.Status != Started || r.Outcome != nil {
		t.Errorf("%+v", r)
	}
	sent := a.commands()
	if len(sent) != 4 || !sent[2].Attach || sent[2].ID != sent[1].ID || len(b.commands()) != 0 || sent[1].Account != "acme" || sent[1].Channel != "1.alice" || string(sent[1].Node.Data) != `{"target":"12"}` || sent[0].ID == sent[1].ID {
		t.Errorf("%+v", sent)
	}

	v.Legs = v.Legs[1:] // alice has gone, and may ask again for what she began
	v.Past = []calls.LegView{call("1", "alice@acme").Legs[0]}
	a.Changed(v)
	b.shows("acme", "2.carol", "2.dave")
	if r := b.Do(t.Context(), cmd); r.Error == nil || r.Error.Code != NotFound {
		t.Errorf("%+v", r)
	}
	cmd.Key = "k"
	first, second := b.Do(t.Context(), cmd), a.Do(t.Context(), cmd)
	sent = a.commands()
	if sent[0].Repeatable || sent[1].Repeatable || sent[2].Repeatable || !sent[4].Repeatable || !sent[5].Repeatable {
		t.Errorf("which may come again: %+v", sent)
	}
	if first.Status != Started || second.Status != Started || len(sent) != 6 || sent[4].ID != sent[5].ID {
		t.Errorf("%+v %+v %+v", first, second, sent)
	}
	if _, known := b.His("acme", "1.alice", "alice"); !known {
		t.Error("whose it was is not known")
	}
	a.Over("1")
	a.Over("2")
	b.shows("acme")
	a.shows("acme")
	b.until("the subscriptions end", func() bool { return a.conn.NumSubscriptions() <= 3 })
}

// A user acts on his own legs and on outsiders' of his calls, whatever was known of the channel before; the holder, who
// may know it better, learns who asks.
func TestUsers(t *testing.T) {
	server := brokertest.Start(t)
	a, b := twoInstances(t, server)
	a.Changed(call("1", "alice@acme", "outside"))
	a.Changed(call("2", "bob@acme", "theirs"))
	b.shows("acme", "1.alice", "2.bob", "1.outside", "2.theirs")
	for _, i := range []*instance{a, b} {
		for channel, want := range map[string]Code{"1.alice": "", "1.outside": "", "2.bob": Forbidden, "2.theirs": Forbidden, "3": NotFound} {
			before := len(a.commands())
			r := i.Do(t.Context(), Command{Account: "acme", User: "alice", Channel: channel, Node: node(t, hangup), Key: "k"})
			sent := a.commands()[before:]
			switch {
			case want == "":
				if r.Status != Started || len(sent) != 1 || sent[0].User != "alice" {
					t.Errorf("%s: %+v %+v", channel, r, sent)
				}
			case r.Error == nil || r.Error.Code != want || len(sent) != 0:
				t.Errorf("%s: %+v %+v", channel, r, sent)
			}
			if d, ok := i.Channel("acme", channel); ok && d.His("alice") != (want == "") {
				t.Errorf("%s: his: %v", channel, d.His("alice"))
			}
		}
	}
}

// An account whose legs have left a call of others is not shown who is on it now.
func TestLeftToOthers(t *testing.T) {
	l := New(Config{Node: "a"})
	v := call("1", "alice@acme", "bob@beta", "outside")
	for _, tt := range []struct {
		legs []calls.LegView
		want string // acme's
	}{
		{v.Legs, "1.alice 1.outside "}, {v.Legs[1:], ""}, {v.Legs[2:], "1.outside "},
	} {
		v := v
		v.Legs, v.Past = tt.legs, nil
		l.Changed(v)
		got := ""
		for _, c := range l.Channels("acme", Filter{}) {
			got += c.UUID + " "
		}
		if got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestAll: the channels of all accounts, each under its account, an outsider's under each.
func TestAll(t *testing.T) {
	l := New(Config{Node: "a"})
	if all := l.All(); all == nil || len(all) != 0 {
		t.Errorf("%v without calls", all)
	}
	l.Changed(call("1", "bob@beta", "alice@acme", "outside"))
	l.Changed(call("2", "carol@acme"))
	got := ""
	for _, c := range l.All() {
		got += c.Account + " " + c.UUID + " of " + c.Call + ", "
	}
	if want := "acme 2.carol of 2, acme 1.alice of 1, acme 1.outside of 1, beta 1.bob of 1, beta 1.outside of 1, "; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	l.Over("1")
	if all := l.All(); len(all) != 1 {
		t.Errorf("%+v after the call", all)
	}
}

// An account that still records a call which its legs have left is shown where it can stop that: the channels, and nothing
// of who is there.
func TestRecordsOthers(t *testing.T) {
	l := New(Config{Node: "a"})
	v := call("1", "alice@acme", "bob@beta", "outside")
	v.Past = nil
	v.Kept = []calls.KeptView{{Name: "acme/1/3", Account: "acme", Shows: actions.Recording{}}}
	v.Accounts = []string{"acme", "beta", "gamma"}
	v.Legs = v.Legs[1:]
	l.Changed(v)
	for account, want := range map[string]string{"acme": "1.bob  1.outside ", "beta": "1.bob PJSIP/bob 1.outside PJSIP/outside", "gamma": ""} {
		got := ""
		for _, c := range l.Channels(account, Filter{}) {
			got += " " + c.UUID + " " + c.Endpoint
			if account == "acme" && (c.OwnerID+c.Destination+c.CallerName+c.CallerNum+c.Username+c.SIPCallID+c.AuthorizingID+c.PresenceID != "" || c.Outsider) {
				t.Errorf("it says whose it is: %+v", c)
			}
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: %q, want %q", account, got, want)
		}
	}
	if d, ok := l.Channel("acme", "1.bob"); !ok || len(d.Recordings) != 1 || d.His("bob") || d.His("alice") {
		t.Errorf("%+v", d)
	}
	v.Kept = nil
	l.Changed(v)
	if left := l.Channels("acme", Filter{}); len(left) > 0 {
		t.Errorf("shown when it records no more: %+v", left)
	}
}

// One account does not use up what all may have.
func TestSlots(t *testing.T) {
	s := newSlots()
	for range slotsOfAccount {
		if !s.take("acme") {
			t.Fatal("too few")
		}
	}
	if s.take("acme") || !s.take("beta") {
		t.Error("one account has all, or keeps another out")
	}
	if s.free("acme"); !s.take("acme") {
		t.Error("what was given back is lost")
	}
	for n := range slotsOfAll {
		s.take(fmt.Sprint(n))
	}
	if s.take("late") || s.all != slotsOfAll {
		t.Errorf("%d", s.all)
	}
	for account, n := range s.taken {
		for range n {
			s.free(account)
		}
	}
	if s.all != 0 || len(s.taken) != 0 {
		t.Errorf("%+v", s)
	}
}

// The holder is killed: nobody answers, until the next one has taken its calls up.
func TestHolderGone(t *testing.T) {
	server := brokertest.Start(t)
	a, b := newInstance(t, server.URL(), "a"), newInstance(t, server.URL(), "b")
	a.Changed(call("1", "alice@acme", "bob@acme"))
	b.shows("acme", "1.alice", "1.bob")
	a.end()
	b.until("the server knows that it is gone", func() bool {
		_, err := b.conn.Request(subject("acme", "1"), nil, 100*time.Millisecond)
		return errors.Is(err, nats.ErrNoResponders)
	})
	cmd := Command{Account: "acme", Channel: "1.alice", Node: node(t, hangup), Wait: time.Second}
	r := b.Do(t.Context(), cmd)
	if r.Error == nil || r.Error.Code != Unavailable || !strings.Contains(r.Error.Message, "away") {
		t.Errorf("%+v", r.Error)
	}
	b.shows("acme", "1.alice", "1.bob")
	again := newInstance(t, server.URL(), "a")
	again.shows("acme", "1.alice", "1.bob") // from the bucket
	again.Changed(call("1", "alice@acme", "bob@acme"))
	b.until("it works again", func() bool { return b.Do(t.Context(), cmd).Status == Finished })
	if got := again.Do(t.Context(), cmd); got.Status != Finished {
		t.Errorf("%+v", got)
	}
	again.Over("1")
	b.shows("acme")
}

// An entry that nobody refreshes ends after a minute, for those who have seen it and for those who come late.
func TestLifetime(t *testing.T) {
	x := newIndex()
	l := &Live{cfg: Config{Node: "a"}}
	now := time.Now()
	e := l.entry(call("1", "alice@acme"), "acme")
	x.put("k", e, now.Add(Lifetime))
	if _, _, there := x.find("acme", "1.alice", now.Add(Lifetime)); !there {
		t.Error("it is gone too soon")
	}
	if _, _, there := x.find("acme", "1.alice", now.Add(Lifetime+1)); there || len(x.list("acme", now.Add(Lifetime+1), func(*Entry, *Leg) bool { return true })) != 0 {
		t.Error("it is there too long")
	}
	if x.expire(now.Add(Lifetime + 1)); len(x.entries)+len(x.byAccount) != 0 {
		t.Error("it is kept")
	}
	x.put("k", e, time.Time{}) // this process's own does not end, and nobody else changes it
	x.put("k", l.entry(call("1", "bob@acme"), "acme"), now)
	x.expire(now.Add(time.Hour))
	x.drop("k", true)
	if _, _, there := x.find("acme", "1.alice", now.Add(time.Hour)); !there {
		t.Error("one's own call has ended")
	}

	server := brokertest.Start(t)
	i := newInstance(t, server.URL(), "a")
	i.until("the bucket", func() bool { return i.Err() == nil })
	status, err := must(jetstream.New(i.conn)).KeyValue(t.Context(), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	s, err := status.Status(t.Context())
	if err != nil || s.TTL() != Lifetime || s.(*jetstream.KeyValueBucketStatus).StreamInfo().Config.Storage != jetstream.MemoryStorage {
		t.Errorf("%+v %v", s, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// NATS is away at the start, goes away, and loses the bucket: one's own calls are known and can be acted on all the time,
// the others' are again when it is back.
func TestNATSAway(t *testing.T) {
	server := brokertest.Start(t)
	url := server.URL()
	server.Stop()
	a := newInstance(t, url, "a")
	a.Changed(call("1", "alice@acme"))
	local := func() {
		t.Helper()
		a.shows("acme", "1.alice")
		if r := a.Do(t.Context(), Command{Account: "acme", Channel: "1.alice", Node: node(t, hangup)}); r.Status != Started {
			t.Errorf("%+v", r)
		}
	}
	local()
	if a.Err() == nil || a.Knows() {
		t.Error("nothing is wrong")
	}
	server.Again()
	b := newInstance(t, url, "b")
	b.shows("acme", "1.alice")
	a.until("all is well", func() bool { return a.Err() == nil && a.Knows() })
	server.Stop() // and its memory with it
	local()
	a.Changed(call("2", "bob@acme"))
	a.Over("1")
	server.Again()
	b.shows("acme", "2.bob")
	js := must(jetstream.New(b.conn))
	if err := js.DeleteKeyValue(t.Context(), Bucket); err != nil {
		t.Fatal(err)
	}
	c := newInstance(t, url, "c")
	c.shows("acme", "2.bob")
	b.shows("acme", "2.bob")
	r := c.Do(t.Context(), Command{Account: "acme", Channel: "2.bob", Node: node(t, hangup), Wait: time.Second})
	if r.Status != Finished {
		t.Errorf("%+v", r)
	}
}

// Before what there is in Asterisk has been taken up, and the bucket was seen, nobody says that there is no such channel.
func TestNotSettled(t *testing.T) {
	l := New(Config{Node: "a"})
	cmd := Command{Account: "acme", Channel: "1"}
	if r := l.Do(t.Context(), cmd); r.Error.Code != Unavailable || l.Knows() {
		t.Errorf("%+v", r)
	}
	l.Settled()
	if r := l.Do(t.Context(), cmd); r.Error.Code != Unavailable || l.Knows() {
		t.Errorf("other instances' calls are not known: %+v", r)
	}
	l.hasLoaded()
	if r := l.Do(t.Context(), cmd); r.Error.Code != NotFound || !l.Knows() {
		t.Errorf("%+v", r)
	}
}

// raw sends a request as a NATS client does.
func (i *instance) raw(account, call, payload string) Reply {
	i.Helper()
	m, err := i.conn.Request("metaflows.v1.command."+account+"."+call, []byte(payload), 5*time.Second)
	if err != nil {
		i.Fatal(err)
	}
	data, err := schema.Parse(m.Data)
	if err != nil {
		i.Fatal(err)
	}
	if wrong := i.cfg.Schemas.Object("command_reply", data); !wrong.Empty() {
		text, _ := wrong.MarshalJSON()
		i.Errorf("the reply is not as its schema says: %s %s", m.Data, text)
	}
	var r Reply
	if err := json.Unmarshal(m.Data, &r); err != nil {
		i.Fatal(err)
	}
	return r
}

// Requests of NATS clients, and the replies, by their schemas.
func TestRequests(t *testing.T) {
	server := brokertest.Start(t)
	i := newInstance(t, server.URL(), "a")
	client := newInstance(t, server.URL(), "client")
	i.Changed(call("1.5", "alice@acme"))
	client.shows("acme", "1.5.alice")
	if r := client.raw("acme", "1=2E5", `{"channel":"1.5.alice","flow":{"module":"hangup"},"wait":1.5}`); r.Status != Finished || r.Call != "1.5" {
		t.Errorf("%+v", r)
	}
	for payload, path := range map[string]string{
		`{`: "json", `[]`: "json", `{}`: "channel", `{"channel":"x"}`: "flow",
		`{"channel":"x","flow":{}}`: "flow.module", `{"channel":"x","flow":{"module":"hangup"},"wait":121}`: "wait",
		`{"channel":"x","flow":{"module":"move"}}`:                                                     "flow.module",
		`{"channel":"x","flow":{"module":"nonsense"}}`:                                                 "flow.module",
		`{"channel":"x","flow":{"module":"none","children":{"_":{"module":"play"}}}}`:                  "flow.children._.module",
		`{"channel":"x","flow":{"module":"transfer","data":{"transfer_type":"warm"}}}`:                 "flow.data.transfer_type",
		`{"channel":"x","flow":{"module":"none","module":"hangup"}}`:                                   "flow.module",
		`{"channel":"x","idempotency_key":"","flow":{"module":"none"}}`:                                "idempotency_key",
		`{"channel":"x","flow":{"module":"none","data":{"x":"` + strings.Repeat("x", 300_000) + `"}}}`: "json",
	} {
		r := client.raw("acme", "1=2E5", payload)
		problems, _ := r.Error.Problems.(map[string]any)
		if r.Status != Refused || r.Error.Code != Invalid || problems[path] == nil {
			t.Errorf("%.80s: %+v %v", payload, r, problems)
		}
	}
	begun := func(told func(calls.Report)) { told(calls.Report{Call: "1.5", Action: "a1"}) }
	for name, c := range map[string]struct {
		does func(calls.Command, func(calls.Report)) bool
		want string
	}{
		"no such leg": {func(_ calls.Command, told func(calls.Report)) bool {
			told(calls.Report{Over: true, Err: calls.ErrNoLeg})
			return true
		}, "refused not_found"},
		"not taken": {func(calls.Command, func(calls.Report)) bool { return false }, "refused unavailable"},
		"another one": {func(_ calls.Command, told func(calls.Report)) bool {
			told(calls.Report{Over: true, Err: calls.ErrOtherCommand})
			return true
		}, "refused other_command"},
		"it stops": {func(_ calls.Command, told func(calls.Report)) bool {
			begun(told)
			told(calls.Report{Over: true, Err: calls.ErrDetached})
			return true
		}, "refused unavailable"},
		"before a restart": {func(_ calls.Command, told func(calls.Report)) bool {
			told(calls.Report{Over: true, Action: "a1", Err: calls.ErrBegunBefore})
			return true
		}, "refused begun_before"},
		"it goes on": {func(_ calls.Command, told func(calls.Report)) bool { begun(told); return true }, "started"},
		"it has failed": {func(_ calls.Command, told func(calls.Report)) bool {
			told(calls.Report{Over: true, Outcome: calls.Outcome{Result: "failed", Reason: "busy"}})
			return true
		}, "failed"},
		"a branch": {func(_ calls.Command, told func(calls.Report)) bool {
			told(calls.Report{Over: true, Outcome: calls.Outcome{Result: "branch", Branch: "x"}})
			return true
		}, "finished"},
	} {
		i.mu.Lock()
		i.does = c.does
		i.mu.Unlock()
		r := client.raw("acme", "1=2E5", `{"channel":"1.5.alice","flow":{"module":"hangup"},"wait":0.1}`)
		got := string(r.Status)
		if r.Error != nil {
			got += " " + string(r.Error.Code)
		}
		if got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := client.conn.Request("metaflows.v1.command.other.1=2E5", nil, time.Second); err == nil {
		t.Error("another account's command is answered")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"channel":"1.5","flow":{"module":"transfer","data":{"target":"1"},"children":{"busy":{"module":"none"}}},"wait":1,"idempotency_key":"k"}`))
	f.Add([]byte(`{"channel":"1.5","flow":{"module":1}}`))
	f.Add([]byte(`{"flow":null,"wait":"1e999"}`))
	l := New(Config{Schemas: schemas(f)})
	f.Fuzz(func(t *testing.T, payload []byte) {
		cmd, wrong := l.parse(payload)
		if (wrong == nil || wrong.Empty()) != (cmd.Node != nil) || cmd.Node != nil && (cmd.Wait < 0 || cmd.Wait > MaxWait || cmd.Channel == "") {
			t.Errorf("%q: %+v", payload, cmd)
		}
	})
}

// BenchmarkList lists 1,000 live calls in 20 ms at most.
func BenchmarkList(b *testing.B) {
	l := New(Config{Node: "a", Schemas: schemas(b)})
	for n := range 1000 {
		l.Changed(call(fmt.Sprintf("1732563455.%d", n), "alice@acme", "bob@acme"))
	}
	for b.Loop() {
		if got := len(l.Channels("acme", Filter{})); got != 2000 {
			b.Fatal(got)
		}
	}
}

// TestLeave: calls that another process has taken over are told of by that one, and commands for them are answered as those
// for an instance that is away, until this one has them again or they have ended there.
func TestLeave(t *testing.T) {
	server := brokertest.Start(t)
	a, b := newInstance(t, server.URL(), "a"), newInstance(t, server.URL(), "b")
	for _, id := range []string{"c1", "c2", "c3"} {
		a.Changed(call(id, "alice"+id+"@acme"))
	}
	a.shows("acme", "c1.alicec1", "c2.alicec2", "c3.alicec3")
	b.shows("acme", "c1.alicec1", "c2.alicec2", "c3.alicec3")
	gone := func(calls.Command, func(calls.Report)) bool { return false }
	a.mu.Lock()
	a.does = gone
	a.mu.Unlock()

	a.Leave()
	b.Changed(call("c1", "alicec1@acme", "bob@acme"))
	b.Changed(call("c2", "alicec2@acme"))
	a.shows("acme", "c1.alicec1", "c2.alicec2", "c3.alicec3", "c1.bob")
	b.Over("c2")
	a.shows("acme", "c1.alicec1", "c3.alicec3", "c1.bob")
	if r := a.Do(t.Context(), Command{Account: "acme", Channel: "c1.bob", Node: node(t, hangup)}); r.Status != Started || r.Node != "b" {
		t.Errorf("a command for a call that is another's now: %+v", r)
	}
	for _, channel := range []string{"c3.alicec3", "nobody"} {
		if r := a.Do(t.Context(), Command{Account: "acme", Channel: channel, Node: node(t, hangup)}); r.Error == nil || r.Error.Code != Unavailable {
			t.Errorf("a command for %s while another has the calls: %+v", channel, r)
		}
	}

	a.mu.Lock()
	a.does = nil
	a.mu.Unlock()
	a.Changed(call("c3", "alicec3@acme"))
	a.Settled()
	if r := a.Do(t.Context(), Command{Account: "acme", Channel: "c3.alicec3", Node: node(t, hangup)}); r.Status != Started || r.Node != "a" {
		t.Errorf("a command for a call that was taken back: %+v", r)
	}
	if r := a.Do(t.Context(), Command{Account: "acme", Channel: "nobody", Node: node(t, hangup)}); r.Error == nil || r.Error.Code != NotFound {
		t.Errorf("a command for nobody: %+v", r)
	}
	b.until("c3 is told of again", func() bool {
		e, _, _ := b.index.find("acme", "c3.alicec3", time.Now())
		return e != nil
	})
}
