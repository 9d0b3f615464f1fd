package pbxtest

import (
	"slices"
	"time"

	"metaflows/flows/calls"
)

// found is one channel of the inventory, as somebody sees it who knows no channel.
func (tr *trial) found(channel calls.Channel) calls.Found {
	tr.Helper()
	inv, err := tr.Inventory(func(string) bool { return false })
	tr.must(err)
	for _, f := range inv.Channels {
		if f.ID == channel.ID {
			return f
		}
	}
	tr.Fatalf("%s is not in the inventory", channel.Name)
	return calls.Found{}
}

// inventory: what a restart finds.
func inventory(tr *trial) {
	a := tr.enter("alice")
	b := tr.create("PJSIP/bob", map[string]string{calls.VarState: `{"v":1,"id":"x"}`, calls.VarCall: "c1"})
	bridge := tr.bridge(a, b)
	if f := tr.found(a); !f.Inside || f.Elsewhere || !slices.Equal(f.Args, []string{"contract"}) || f.Bridge != bridge || f.State != "" || f.Returning {
		tr.Errorf("who came by the dialplan is found as %+v", f)
	}
	if f := tr.found(b); !f.Inside || f.Elsewhere || f.Args != nil || f.Bridge != bridge || f.State != `{"v":1,"id":"x"}` || f.Vars[calls.VarCall] != "c1" || f.Dialled {
		tr.Errorf("a channel of ours is found as %+v", f)
	}
	inv, err := tr.Inventory(func(channel string) bool { return channel == b.ID })
	tr.must(err)
	if i := slices.IndexFunc(inv.Channels, func(f calls.Found) bool { return f.ID == b.ID }); i < 0 || inv.Channels[i].State != "" || !slices.Contains(inv.Bridges, bridge) {
		tr.Errorf("where the channel is known there is %+v", inv)
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{calls.VarState: "", calls.VarReturning: calls.Returning, calls.VarPartner: "x"}))
	if f := tr.found(a); !f.Returning || f.Partner != "x" {
		tr.Errorf("who is being given back is found as %+v", f)
	}
	tr.must(tr.Continue(a.ID))
	tr.left(a)
	if f := tr.found(a); f.Inside || !f.Elsewhere {
		tr.Errorf("who has gone on is found as %+v", f)
	}
	if _, err := tr.Variables(a.ID, calls.VarState); err != nil {
		tr.Errorf("who has gone on cannot be asked: %v", err)
	}
	tr.PutDown("alice")
}

// enterAgain: whom the dialplan hands over a second time is not on its way back, whatever was set the first time.
func enterAgain(tr *trial) {
	tr.DialTwice("alice")
	entered := func() calls.Channel {
		tr.Helper()
		return await(tr, "alice enters", func(ev calls.Started) bool { return ev.Channel.Endpoint() == "PJSIP/alice" }).Channel
	}
	a := entered()
	tr.legs = append(tr.legs, a.ID)
	if f := tr.found(a); f.Returning {
		tr.Errorf("who has entered is found as %+v", f)
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{calls.VarReturning: calls.Returning}))
	if f := tr.found(a); !f.Returning {
		tr.Errorf("who is being given back is found as %+v", f)
	}
	tr.must(tr.Continue(a.ID))
	if again := entered(); again.ID != a.ID {
		tr.Fatalf("%s has entered instead of %s", again.Name, a.Name)
	}
	if f := tr.found(a); !f.Inside || f.Returning || !slices.Equal(f.Args, []string{"contract"}) {
		tr.Errorf("who has entered again is found as %+v", f)
	}
	tr.PutDown("alice")
}

// handedDown: a variable with an underscore reaches whom one dials, when it is dialled and not before, and goes no further.
func handedDown(tr *trial) {
	a := tr.enter("alice")
	b := tr.create("PJSIP/bob", nil)
	tr.must(tr.SetVariables(a.ID, map[string]string{"_" + calls.VarDialled: "1"}))
	if tr.found(b).Dialled {
		tr.Error("it counts as dialled before it is")
	}
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	if !tr.found(b).Dialled {
		tr.Error("it does not count as dialled")
	}
	await(tr, "bob is up", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Up" })
	l := tr.create("Local/1998@acme/n", nil)
	tr.must(tr.DialChannel(l.ID, b.ID, 20*time.Second))
	if tr.found(l).Dialled {
		tr.Error("what is handed down once goes on")
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{calls.VarDialled: ""}))
	c := tr.create("PJSIP/carol", nil)
	tr.must(tr.DialChannel(c.ID, a.ID, 20*time.Second))
	if tr.found(c).Dialled {
		tr.Error("what was taken away is handed down")
	}
}

// startAgain: a bridge that there is is not made again, and who is in it can be added again.
func startAgain(tr *trial) {
	a, b, bridge := tr.talk()
	tr.is(tr.CreateBridge(bridge), calls.ErrConflict, "to make it again")
	for _, c := range []calls.Channel{a, b} {
		tr.must(tr.AddToBridge(bridge, c.ID, false))
	}
	tr.must(tr.Answer(a.ID))
	tr.eventually("they talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
}
