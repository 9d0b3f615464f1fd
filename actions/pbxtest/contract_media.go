package pbxtest

import (
	"time"

	"metaflows/flows/calls"
)

// muted: nobody hears who is muted, but for its digits, also when it is added to its bridge again. To mute and to unmute twice
// is as once.
func muted(tr *trial) {
	_, b, bridge := tr.talk()
	tr.must(tr.Unmute(b.ID)) // nobody has muted it
	for range 2 {
		tr.must(tr.Mute(b.ID))
	}
	tr.eventually("alice does not hear bob", func() bool { return !tr.Hears("alice", "bob") })
	for _, absorb := range []bool{true, false} {
		tr.must(tr.AddToBridge(bridge, b.ID, absorb))
		tr.Keys("bob", "57", 100*time.Millisecond, 100*time.Millisecond)
		for range 2 {
			await(tr, "a digit of who is muted", func(ev calls.Digit) bool { return ev.Channel == b.ID })
		}
	}
	tr.eventually("alice hears the digits", func() bool { return tr.Digits("alice") == "57" })
	if tr.Hears("alice", "bob") || !tr.Hears("bob", "alice") {
		tr.Error("who is muted and was added again is heard, or does not hear the other")
	}
	for range 2 {
		tr.must(tr.Unmute(b.ID))
	}
	tr.eventually("alice hears bob", func() bool { return tr.Hears("alice", "bob") })
}

// music: who hears it hears nobody else, and is heard. It lasts when its leg is added to the bridge again.
func music(tr *trial) {
	a, _, bridge := tr.talk()
	tr.must(tr.StopMOH(a.ID)) // there is none
	tr.must(tr.StartMOH(a.ID, "default"))
	tr.must(tr.StartMOH(a.ID, "default"))
	tr.eventually("alice hears music only", func() bool { return !tr.Hears("alice", "bob") })
	tr.must(tr.AddToBridge(bridge, a.ID, false))
	time.Sleep(300 * time.Millisecond) // as long as it may take to hear somebody
	if tr.Hears("alice", "bob") || !tr.Hears("bob", "alice") {
		tr.Error("who hears music and was added again hears bob, or is not heard")
	}
	tr.must(tr.StopMOH(a.ID))
	tr.eventually("alice hears bob", func() bool { return tr.Hears("alice", "bob") })
}
