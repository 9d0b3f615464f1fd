package pbxtest

import (
	"time"

	"metaflows/flows/calls"
)

func emptyBridge(tr *trial) {
	a := tr.enter("alice")
	bridge := tr.bridge(a)
	await(tr, "alice is in it", func(ev calls.Entered) bool { return ev.Channel == a.ID && ev.Bridge == bridge })
	tr.must(tr.RemoveFromBridge(bridge, a.ID))
	await(tr, "alice is not in it", func(ev calls.Removed) bool { return ev.Channel == a.ID && ev.Bridge == bridge })
	tr.must(tr.AddToBridge(bridge, a.ID, false)) // it is still there
	tr.must(tr.DeleteBridge(bridge))
	tr.is(tr.DeleteBridge(bridge), calls.ErrGone, "to delete it again")
	tr.must(tr.Answer(a.ID)) // who was in it stays in the application
	tr.is(tr.AddToBridge(bridge, a.ID, false), calls.ErrGone, "to add to a bridge that is gone")
}

// addedTogether: the answer passes as where they are added one by one, and their digits; one that is not there keeps all out.
func addedTogether(tr *trial) {
	a, b := tr.enter("alice"), tr.create("PJSIP/bob", nil)
	bridge := tr.bridge()
	tr.must(tr.AddAllToBridge(bridge, a.ID, b.ID))
	for _, c := range []calls.Channel{a, b} {
		tr.rewind()
		await(tr, c.Name+" is in it", func(ev calls.Entered) bool { return ev.Channel == c.ID && ev.Bridge == bridge })
	}
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	await(tr, "alice is answered", func(ev calls.StateChanged) bool { return ev.Channel == a.ID && ev.State == "Up" })
	tr.eventually("they talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	tr.must(tr.AddToBridge(bridge, b.ID, true))
	tr.must(tr.AddAllToBridge(bridge, a.ID, b.ID)) // absorbs no more
	tr.Keys("bob", "5", 100*time.Millisecond, 100*time.Millisecond)
	tr.eventually("alice hears 5", func() bool { return tr.Digits("alice") == "5" })

	gone := tr.create("PJSIP/carol", nil)
	tr.must(tr.Hangup(gone.ID, 0))
	tr.destroyed(gone)
	other := tr.bridge()
	for _, channels := range [][]string{{b.ID, gone.ID}, {gone.ID, b.ID}} {
		tr.is(tr.AddAllToBridge(other, channels...), calls.ErrGone, "to add one that is gone, too")
	}
	tr.is(tr.RemoveFromBridge(other, b.ID), calls.ErrConflict, "to remove the one that is there")
	tr.eventually("they still talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	tr.must(tr.DeleteBridge(other))
	tr.is(tr.AddAllToBridge(other, a.ID, b.ID), calls.ErrGone, "to add to a bridge that is gone")
}

func removed(tr *trial) {
	a, b, bridge := tr.talk()
	tr.must(tr.RemoveFromBridge(bridge, b.ID))
	tr.is(tr.RemoveFromBridge(bridge, b.ID), calls.ErrConflict, "to remove what is not in it")
	tr.eventually("they do not hear each other", func() bool { return !tr.Hears("alice", "bob") && !tr.Hears("bob", "alice") })
	tr.must(tr.AddToBridge(bridge, b.ID, false))
	tr.eventually("they talk again", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	tr.rewind()
	for range 2 { // added again while it is there: that is told, too
		tr.must(tr.AddToBridge(bridge, a.ID, false))
		await(tr, "alice enters", func(ev calls.Entered) bool { return ev.Channel == a.ID && ev.Bridge == bridge })
	}
}

func whisper(tr *trial) {
	a, b, _ := tr.talk()
	snoop, play := tr.id("snoop"), tr.id("play")
	tr.must(tr.Snoop(b.ID, snoop))
	ev := await(tr, "the whisper enters", func(ev calls.Started) bool { return ev.Channel.ID == snoop })
	if len(ev.Args) == 0 || ev.Args[0] != calls.ArgSnoop {
		tr.Errorf("it enters with %q", ev.Args)
	}
	tr.must(tr.Play(snoop, play, "tone:1000"))
	await(tr, "the playback starts", func(ev calls.PlaybackStarted) bool { return ev.Playback == play })
	tr.eventually("bob hears it", func() bool { return tr.Hears("bob", "1000") })
	if tr.Hears("alice", "1000") {
		tr.Error("alice hears it")
	}
	tr.eventually("they still talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	began := time.Now()
	tr.must(tr.SetVariables(b.ID, map[string]string{"X": "y"})) // the leg is free
	tr.must(tr.SetVariables(a.ID, map[string]string{"X": "y"}))
	if took := time.Since(began); took > 300*time.Millisecond {
		tr.Errorf("commands took %v meanwhile", took)
	}
	tr.must(tr.StopPlayback(play))
	await(tr, "the playback ends", func(ev calls.PlaybackDone) bool { return ev.Playback == play })
	tr.must(tr.Hangup(snoop, 0))
	await(tr, "the whisper leaves", func(ev calls.Left) bool { return ev.Channel == snoop })
	tr.eventually("bob does not hear it", func() bool { return !tr.Hears("bob", "1000") })

	again := tr.id("snoop") // it ends with whom it whispers to
	tr.must(tr.Snoop(b.ID, again))
	await(tr, "the whisper enters", func(ev calls.Started) bool { return ev.Channel.ID == again })
	tr.PutDown("bob")
	tr.rewind()
	await(tr, "the whisper leaves", func(ev calls.Left) bool { return ev.Channel == again })
}

func playbacks(tr *trial) {
	a := tr.enter("alice")
	tr.must(tr.Answer(a.ID))
	play := tr.id("play")
	tr.must(tr.Play(a.ID, play, "tone:1000"))
	tr.eventually("alice hears it", func() bool { return tr.Hears("alice", "1000") })
	tr.must(tr.StopPlayback(play))
	await(tr, "the playback ends", func(ev calls.PlaybackDone) bool { return ev.Playback == play })
	tr.is(tr.StopPlayback(play), calls.ErrGone, "to stop it again")
	play = tr.id("play")
	tr.must(tr.Play(a.ID, play, "tone:1000"))
	await(tr, "the playback starts", func(ev calls.PlaybackStarted) bool { return ev.Playback == play })
	tr.must(tr.Hangup(a.ID, 0)) // cuts it off
	tr.left(a)
}
