package calls

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// lastNotice keeps what was published last.
type lastNotice struct{ n Notice }

func (p *lastNotice) Publish(n Notice) { p.n = n }

// An event names the people of its account's own legs, and outsiders; of another account's leg it has the channel alone, and
// of a Local leg no extension.
func TestWhoANoticeNames(t *testing.T) {
	published := &lastNotice{}
	c := New(Config{Publisher: published, Log: slog.New(slog.DiscardHandler)}).newCall("c")
	leg := func(id, name, account string) {
		c.Add(NewLeg(Channel{ID: id, Name: name + "-00000001", Vars: map[string]string{
			"METAFLOWS_ACCOUNT": account, "METAFLOWS_USER": "user-" + id, "METAFLOWS_DEVICE": "device-" + id,
		}}, RoleCaller))
	}
	leg("a", "PJSIP/alice", "acme")
	leg("b", "PJSIP/bob", "acme")
	leg("m", "PJSIP/mallory", "evil")
	leg("o", "PJSIP/outside", "")
	leg("l", "Local/1003@acme", "acme")
	for _, tt := range []struct{ account, channel, other, want string }{
		{"acme", "a", "b", "user-a device-a | PJSIP/bob user-b device-b"},
		{"acme", "a", "m", "user-a device-a |   "},
		{"evil", "m", "a", "user-m device-m |   "},
		{"acme", "m", "a", "  | PJSIP/alice user-a device-a"},
		{"acme", "o", "a", "  | PJSIP/alice user-a device-a"},
		{"acme", "a", "o", "user-a device-a | PJSIP/outside  "},
		{"", "o", "a", "  |   "},
		{"acme", "a", "l", "user-a device-a |   "},
		{"acme", "a", "gone", "user-a device-a |   "},
		{"acme", "", "", "  |   "},
	} {
		c.publish(Notice{Account: tt.account, Channel: tt.channel, OtherChannel: tt.other})
		n := published.n
		if got := fmt.Sprintf("%s %s | %s %s %s", n.User, n.Device, n.OtherEndpoint, n.OtherUser, n.OtherDevice); got != tt.want {
			t.Errorf("%s of %q, other leg %q: %q, want %q", tt.channel, tt.account, tt.other, got, tt.want)
		}
	}
}

// call.started and call.answered say who called: to the caller's own account all of it, to others as whom it wants to be
// known, and what it has dialled only where it is nobody's who has an account.
func TestWhoACallIsFrom(t *testing.T) {
	type party struct{ name, account string }
	alice, bob, mallory := party{"PJSIP/alice", "acme"}, party{"PJSIP/bob", "acme"}, party{"PJSIP/mallory", "evil"}
	outside, local := party{"PJSIP/outside", ""}, party{"Local/1003@acme", ""}
	for _, tt := range []struct {
		caller, callee party
		account        string
		withheld       bool
		extension      string
		want           string
	}{
		{alice, bob, "acme", false, "1002", "internal from a, Ann <1001> dialled 1002"},
		{alice, bob, "acme", true, "1002", "internal from a, Ann <1001> dialled 1002"},
		{alice, outside, "acme", false, "901712345", "out from a, Ann <1001> dialled 901712345"},
		{outside, bob, "acme", false, "4930123", "in from a, Ann <1001> dialled 4930123"},
		{outside, bob, "acme", true, "4930123", "in from a,  <> dialled 4930123"},
		{alice, mallory, "acme", false, "5551", "internal from a, Ann <1001> dialled 5551"},
		{alice, mallory, "evil", false, "5551", "internal from a, Ann <1001> dialled "},
		{alice, mallory, "evil", true, "5551", "internal from a,  <> dialled "},
		{local, bob, "acme", false, "1003", "in from a, Ann <1001> dialled "},
		{alice, bob, "acme", false, "s", "internal from a, Ann <1001> dialled "},
		{alice, party{}, "acme", false, "1002", " from a, Ann <1001> dialled 1002"},
		{outside, party{"PJSIP/trunk", ""}, "", false, "1002", " from a, Ann <1001> dialled 1002"},
	} {
		published := &lastNotice{}
		c := New(Config{Publisher: published, Log: slog.New(slog.DiscardHandler)}).newCall("c")
		add := func(id string, p party, role string) *Leg {
			leg := NewLeg(Channel{
				ID: id, Name: p.name + "-00000001", CallerNum: "1001", CallerNam: "Ann", Extension: tt.extension,
				Vars: map[string]string{"METAFLOWS_ACCOUNT": p.account},
			}, role)
			c.Add(leg)
			return leg
		}
		caller := add("a", tt.caller, RoleCaller)
		caller.Withheld = tt.withheld
		if tt.callee.name != "" {
			add("b", tt.callee, RoleCallee).CallerNum = "1002"
		}
		task := &Task{Call: c}
		for _, kind := range []string{"call.started", "call.answered", "call.ended"} {
			var told []Notice
			c.calls.cfg.Publisher = publisherFunc(func(n Notice) { told = append(told, n) })
			task.PublishAll(kind, func(*Notice) {})
			i := slices.IndexFunc(told, func(n Notice) bool { return n.Account == tt.account })
			if i < 0 {
				t.Fatalf("%s was not told under %q: %v", kind, tt.account, told)
			}
			n, want := told[i], tt.want
			if kind == "call.ended" {
				want = " from ,  <> dialled "
			}
			if got := fmt.Sprintf("%s from %s, %s <%s> dialled %s", n.Direction, n.CallerChannel, n.CallerName, n.CallerNumber, n.Dialled); got != want {
				t.Errorf("%v calls %v, %s under %q: %q, want %q", tt.caller, tt.callee, kind, tt.account, got, want)
			}
		}
	}
}

// publisherFunc is a Publisher.
type publisherFunc func(Notice)

func (f publisherFunc) Publish(n Notice) { f(n) }

// The call that has the near half of a Local channel learns who has answered in the call of the far half.
func TestWhoIsBehindALocalChannel(t *testing.T) {
	calls := New(Config{Log: slog.New(slog.DiscardHandler)})
	one, two := calls.newCall("one"), calls.newCall("two")
	near := NewLeg(Channel{ID: "leg-one-1", Name: "Local/1003@acme-00000001;1"}, RoleTarget)
	one.Register(near.ID)
	one.Add(near)
	caller := NewLeg(Channel{ID: "leg-one-1;2", Name: "Local/1003@acme-00000001;2"}, RoleCaller)
	if one.Beyond(near) {
		t.Error("there is no call beyond the Local channel yet")
	}
	two.Register(caller.ID)
	two.Add(caller)
	if !one.Beyond(near) {
		t.Error("there is a call beyond the Local channel")
	}
	carol := NewLeg(Channel{ID: "c", Name: "PJSIP/carol-00000001", Vars: map[string]string{"METAFLOWS_ACCOUNT": "acme"}}, RoleCallee)
	for _, tt := range []struct {
		callee *Leg
		want   Reached
	}{
		{carol, Reached{Channel: near.ID, Call: "two", By: "c", Endpoint: "PJSIP/carol", Account: "acme"}},
		{nil, Reached{Channel: near.ID, Call: "two"}},
		{NewLeg(Channel{ID: "l", Name: "Local/9@acme-00000002;1"}, RoleCallee), Reached{Channel: near.ID, Call: "two"}},
	} {
		(&Task{Call: two}).Announce(caller, tt.callee)
		events, _ := one.mail.take()
		for _, ev := range events {
			one.note(ev)
		}
		if near.Reached == nil || *near.Reached != tt.want {
			t.Errorf("%+v, want %+v", near.Reached, tt.want)
		}
	}
	through := NewLeg(Channel{ID: "l", Name: "Local/9@acme-00000002;1"}, RoleCallee)
	through.Reached = &Reached{Channel: "l", Call: "three", By: "d", Endpoint: "PJSIP/dave", Account: "acme"}
	(&Task{Call: two}).Announce(caller, through)
	(&Task{Call: two}).Announce(carol, through) // who came by itself has no near half
	events, _ := one.mail.take()
	for _, ev := range events {
		one.note(ev)
	}
	if want := (Reached{Channel: near.ID, Call: "two", By: "d", Endpoint: "PJSIP/dave", Account: "acme"}); len(events) != 1 || *near.Reached != want {
		t.Errorf("%d events, %+v, want %+v", len(events), near.Reached, want)
	}
}

// What begins a call's story is told before anything else, also where something else comes first.
func TestTheBeginningIsToldFirst(t *testing.T) {
	var told []string
	c := New(Config{Publisher: publisherFunc(func(n Notice) { told = append(told, n.Type) }), Log: slog.New(slog.DiscardHandler)}).newCall("c")
	task := &Task{Call: c}
	task.First(func() {
		task.First(nil)
		task.Publish(Notice{Type: "call.started"})
	})
	task.Publish(Notice{Type: "action.started"})
	task.Publish(Notice{Type: "action.finished"})
	if want := []string{"call.started", "action.started", "action.finished"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
