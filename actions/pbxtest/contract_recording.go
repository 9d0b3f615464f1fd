package pbxtest

import (
	"errors"
	"slices"
	"time"

	"metaflows/flows/calls"
)

// ear makes one beside a channel, and puts it into a bridge if that is not "".
func (tr *trial) ear(of calls.Channel, bridge string) calls.Channel {
	tr.Helper()
	id := tr.id(calls.ArgEar)
	tr.must(tr.Overhear(of.ID, id, "call", of.ID))
	ev := await(tr, "an ear enters", func(ev calls.Started) bool { return ev.Channel.ID == id })
	if !slices.Equal(ev.Args, []string{calls.ArgEar, "call", of.ID}) {
		tr.Errorf("it enters with %q", ev.Args)
	}
	tr.must(tr.SetVariables(id, map[string]string{"CDR_PROP(disable)": "1"}))
	if bridge != "" {
		tr.must(tr.AddToBridge(bridge, id, false))
	}
	tr.legs = append(tr.legs, id)
	return ev.Channel
}

// record lets a bridge be recorded.
func (tr *trial) record(bridge string) (name string) {
	tr.Helper()
	name = tr.id("acme/x/rec")
	tr.must(tr.Record(bridge, name, "wav"))
	await(tr, name+" starts", func(ev calls.RecordingStarted) bool { return ev.Recording == name })
	return name
}

// written looks whether a recording is live, or kept.
func (tr *trial) written(name string, wantLive, wantStored bool) {
	tr.Helper()
	live, stored, err := tr.Recording(name)
	if tr.must(err); live != wantLive || stored != wantStored {
		tr.Errorf("live %v, stored %v; want %v, %v", live, stored, wantLive, wantStored)
	}
}

// goesOn looks that a recording does not end.
func (tr *trial) goesOn(name, when string) {
	tr.Helper()
	tr.rewind()
	if ev, ok := look(tr, 300*time.Millisecond, func(ev calls.RecordingDone) bool { return ev.Recording == name }); ok {
		tr.Errorf("it ends %s: %+v", when, ev)
	}
}

// ears: they are made beside who rings, too, and while digits are sent to whom they hear. Nobody hears them, and who is in the bridge with
// whom they hear is told as ever that it rings and answers. They stay when that leaves its bridge, and end a moment after it.
func ears(tr *trial) {
	a := tr.enter("alice")
	b := tr.create("PJSIP/bob", nil)
	bridge := tr.bridge(a, b)
	beside := tr.bridge()
	ears := []calls.Channel{tr.ear(a, beside), tr.ear(b, beside)}
	name := tr.record(beside)
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	await(tr, "alice is answered", func(ev calls.StateChanged) bool { return ev.Channel == a.ID && ev.State == "Up" })
	tr.eventually("they talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })

	tr.is(tr.Overhear(a.ID, ears[0].ID), calls.ErrUnavailable, "an ear with an id in use") // 500, whatever is wrong
	tr.is(tr.Overhear(tr.id("nobody"), tr.id(calls.ArgEar)), calls.ErrGone, "an ear of nobody")
	if f := tr.found(ears[1]); !f.Inside || f.Bridge != beside || !slices.Equal(f.Args, []string{calls.ArgEar, "call", b.ID}) || f.State != "" {
		tr.Errorf("an ear is found as %+v", f)
	}
	sent := make(chan error, 1)
	go func() { sent <- tr.SendDigits(a.ID, "12") }()
	time.Sleep(50 * time.Millisecond) // Asterisk is at them
	began := time.Now()
	second := tr.ear(a, "")
	if took := time.Since(began); took > 150*time.Millisecond {
		tr.Errorf("an ear took %v while digits were sent", took)
	}
	tr.must(<-sent)
	if !tr.Exists(second.ID) {
		tr.Error("there is no ear that was made")
	}
	tr.must(tr.Hangup(second.ID, 0))
	tr.rewind()
	await(tr, "an ear leaves that was hung up", func(ev calls.Left) bool { return ev.Channel == second.ID })
	tr.eventually("nothing is left of it", func() bool { return !tr.Exists(second.ID) })

	tr.must(tr.RemoveFromBridge(bridge, b.ID))
	tr.must(tr.AddToBridge(bridge, b.ID, true))
	tr.Keys("bob", "5", 100*time.Millisecond, 100*time.Millisecond)
	await(tr, "a digit", func(ev calls.Digit) bool { return ev.Channel == b.ID })
	tr.goesOn(name, "though both ears are there")
	tr.PutDown("bob")
	tr.left(b)
	tr.rewind()
	await(tr, "its ear leaves", func(ev calls.Left) bool { return ev.Channel == ears[1].ID })
	tr.eventually("it cannot be hung up then", func() bool { return errors.Is(tr.Hangup(ears[1].ID, 0), calls.ErrGone) })
	tr.must(tr.StopRecording(name))
}

// besideTalk is talk, with both heard in another bridge.
func (tr *trial) besideTalk() (a, b calls.Channel, beside string) {
	tr.Helper()
	a, b, _ = tr.talk()
	beside = tr.bridge()
	tr.ear(a, beside)
	tr.ear(b, beside)
	return a, b, beside
}

func recordings(tr *trial) {
	_, _, beside := tr.besideTalk()
	one, two := tr.record(beside), tr.record(beside)
	tr.is(tr.Record(beside, one, "wav"), calls.ErrConflict, "to record by a name in use")
	for range 2 { // a repetition is no error
		tr.must(tr.MaskRecording(one))
	}
	for range 2 {
		tr.must(tr.UnmaskRecording(one))
	}
	tr.must(tr.StopRecording(one))
	if ev := await(tr, one+" ends", func(ev calls.RecordingDone) bool { return ev.Recording == one }); ev.Failed {
		tr.Errorf("it has failed: %+v", ev)
	}
	tr.is(tr.StopRecording(one), calls.ErrGone, "to stop it again")
	tr.is(tr.MaskRecording(one), calls.ErrGone, "to mask it")
	tr.must(tr.MaskRecording(two)) // the other one goes on
	tr.must(tr.StopRecording(two))
	tr.eventually("they talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
}

func recordingEnds(tr *trial) {
	a, b, beside := tr.besideTalk()
	name := tr.record(beside)
	tr.PutDown("bob")
	tr.left(b)
	tr.goesOn(name, "with the first leg")
	tr.PutDown("alice")
	tr.left(a)
	tr.rewind()
	await(tr, "it ends with the last leg", func(ev calls.RecordingDone) bool { return ev.Recording == name })
	tr.is(tr.StopRecording(name), calls.ErrGone, "to stop it then")
	tr.written(name, false, true)
}

// recordingKept: whether a recording is being written, or kept, or neither.
func recordingKept(tr *trial) {
	_, _, beside := tr.besideTalk()
	tr.written(tr.id("acme/x/rec"), false, false)
	name := tr.record(beside)
	tr.written(name, true, false)
	tr.must(tr.StopRecording(name))
	await(tr, name+" ends", func(ev calls.RecordingDone) bool { return ev.Recording == name })
	tr.written(name, false, true)
}

// recordingAlone: who is added again leaves its bridge for a moment, and a recording in which nobody is ends.
func recordingAlone(tr *trial) {
	a, _, _ := tr.talk()
	beside := tr.bridge()
	ear := tr.ear(a, beside)
	name := tr.record(beside)
	tr.goesOn(name, "before")
	tr.must(tr.AddToBridge(beside, ear.ID, false))
	tr.rewind()
	await(tr, "it ends when its only ear is added again", func(ev calls.RecordingDone) bool { return ev.Recording == name })
}
