package pbxtest

import (
	"time"

	"metaflows/flows/calls"
)

// steps: a request of a step has been sent long before its answer; the next one goes out then and is carried out behind it,
// whatever it is about. A refusal holds nothing up.
func steps(tr *trial) {
	a, b := tr.enter("alice"), tr.enter("carol")
	tr.must(tr.Answer(a.ID))
	bridge, play := tr.bridge(b), tr.id("play")
	tr.must(tr.Play(a.ID, play, "tone:1000")) // alice's channel is busy
	await(tr, "the playback starts", func(ev calls.PlaybackStarted) bool { return ev.Playback == play })
	first, saved := tr.sends(nil, func(acts calls.Acts) error { return acts.SetVariables(a.ID, map[string]string{"X": "y"}) })
	second, removed := tr.sends(first, func(acts calls.Acts) error { return acts.RemoveFromBridge(bridge, b.ID) })
	_, ended := tr.sends(second, func(acts calls.Acts) error { return acts.Hangup(b.ID, 0) })
	left := func(ev calls.Removed) bool { return ev.Channel == b.ID }
	if _, ok := look(tr, 300*time.Millisecond, left); ok {
		tr.Error("the act was carried out before the state")
	}
	tr.must(tr.StopPlayback(play))
	tr.must(<-saved)
	tr.must(<-removed)
	tr.must(<-ended)
	tr.rewind()
	await(tr, "carol is removed", left)
	await(tr, "carol has left", func(ev calls.Left) bool { return ev.Channel == b.ID })
	if values, err := tr.Variables(a.ID, "X"); err != nil || values["X"] != "y" {
		tr.Errorf("alice has %v, %v", values, err)
	}

	first, refused := tr.sends(nil, func(acts calls.Acts) error { return acts.SetVariables(tr.id("nobody"), map[string]string{"X": "z"}) })
	_, ended = tr.sends(first, func(acts calls.Acts) error { return acts.Hangup(a.ID, 0) })
	tr.is(<-refused, calls.ErrGone, "to tell nobody")
	tr.must(<-ended)
	tr.left(a)
}

// sends makes a request in its turn behind another, and returns when it has been handed over.
func (tr *trial) sends(before *calls.Turn, request func(calls.Acts) error) (*calls.Turn, <-chan error) {
	tr.Helper()
	sent, answer := make(chan struct{}), make(chan error, 1)
	turn := calls.NewTurn(before, func() { close(sent) })
	go func() {
		err := request(tr.In(turn))
		turn.End(false)
		answer <- err
	}()
	select {
	case <-sent:
	case <-time.After(patience):
		tr.Fatal("nobody tells that a request has been sent")
	}
	return turn, answer
}
