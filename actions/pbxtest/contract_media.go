package pbxtest

import (
	"math"
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

// volume: VOLUME multiplies, or divides where it is negative, what a leg is sent (TX) or sends (RX), and 0 is as it was. It can be
// read, and lasts when its leg is added to the bridge again.
func volume(tr *trial) {
	a, b, bridge := tr.talk()
	for _, c := range []struct {
		function, value, read string
		alice, bob            float64 // how loud it hears the other
	}{
		{"VOLUME(TX)", "-4", "-4.000000", -12, -24},
		{"VOLUME(RX)", "2", "2.000000", -6, -24},
		{"VOLUME(TX)", "0", "0.000000", -6, -12},
		{"VOLUME(RX)", "0", "0.000000", -12, -12},
	} {
		tr.must(tr.SetVariables(b.ID, map[string]string{c.function: c.value}))
		got, err := tr.Variables(b.ID, c.function)
		tr.must(err)
		if got[c.function] != c.read {
			tr.Errorf("%s is set to %s and reads %q", c.function, c.value, got[c.function])
		}
		tr.must(tr.AddToBridge(bridge, b.ID, false))
		tr.eventually(c.function+"="+c.value, func() bool {
			return math.Abs(tr.Level("alice", "bob")-c.alice) < 1.5 && math.Abs(tr.Level("bob", "alice")-c.bob) < 1.5
		})
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"VOLUME(TX)": "0"})) // it was never set
}

// pitch: PITCH_SHIFT makes another tone of what a leg is sent (tx) or sends (rx), and 1.0 is as it was. It lasts when its leg is
// added to the bridge again.
func pitch(tr *trial) {
	a, b, bridge := tr.talk()
	for _, c := range []struct {
		function, value string
		alice, bob      bool // hears the other's tone
	}{
		{"PITCH_SHIFT(tx)", "1.5", true, false},
		{"PITCH_SHIFT(rx)", "0.5", false, false},
		{"PITCH_SHIFT(tx)", "1.0", false, true},
		{"PITCH_SHIFT(rx)", "1.0", true, true},
	} {
		tr.must(tr.SetVariables(b.ID, map[string]string{c.function: c.value}))
		tr.must(tr.AddToBridge(bridge, b.ID, false))
		tr.eventually(c.function+"="+c.value, func() bool { return tr.Hears("alice", "bob") == c.alice && tr.Hears("bob", "alice") == c.bob })
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"PITCH_SHIFT(tx)": "1.0"})) // it was never set
}

// silence: who is sent silence hears nobody, and is heard.
func silence(tr *trial) {
	a, _, _ := tr.talk()
	tr.must(tr.StopSilence(a.ID)) // there is none
	tr.must(tr.StartSilence(a.ID))
	tr.eventually("alice hears nobody", func() bool { return !tr.Hears("alice", "bob") })
	if !tr.Hears("bob", "alice") {
		tr.Error("who is sent silence is not heard")
	}
	tr.must(tr.StopSilence(a.ID))
	tr.eventually("alice hears bob", func() bool { return tr.Hears("alice", "bob") })
}
