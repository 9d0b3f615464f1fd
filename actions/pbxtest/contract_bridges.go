package pbxtest

import (
	"strings"
	"sync"
	"time"

	"metaflows/flows"
)

func emptyBridge(tr *trial) {
	a := tr.enter("alice")
	bridge := tr.bridge(a)
	await(tr, "alice is in it", func(ev flows.Entered) bool { return ev.Channel == a.ID && ev.Bridge == bridge })
	tr.must(tr.RemoveFromBridge(bridge, a.ID))
	await(tr, "alice is not in it", func(ev flows.Removed) bool { return ev.Channel == a.ID && ev.Bridge == bridge })
	tr.must(tr.AddToBridge(bridge, a.ID, false)) // it is still there
	tr.must(tr.DeleteBridge(bridge))
	tr.is(tr.DeleteBridge(bridge), flows.ErrGone, "to delete it again")
	tr.must(tr.Answer(a.ID)) // who was in it stays in the application
	tr.is(tr.AddToBridge(bridge, a.ID, false), flows.ErrGone, "to add to a bridge that is gone")
}

func removed(tr *trial) {
	a, b, bridge := tr.talk()
	tr.must(tr.RemoveFromBridge(bridge, b.ID))
	tr.is(tr.RemoveFromBridge(bridge, b.ID), flows.ErrConflict, "to remove what is not in it")
	tr.eventually("they do not hear each other", func() bool { return !tr.Hears("alice", "bob") && !tr.Hears("bob", "alice") })
	tr.must(tr.AddToBridge(bridge, b.ID, false))
	tr.eventually("they talk again", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	tr.rewind()
	for range 2 { // added again while it is there: that is told, too
		tr.must(tr.AddToBridge(bridge, a.ID, false))
		await(tr, "alice enters", func(ev flows.Entered) bool { return ev.Channel == a.ID && ev.Bridge == bridge })
	}
}

func digits(tr *trial) {
	_, b, _ := tr.talk()
	const keys = "0123456789*#ABCD"
	tr.Keys("bob", keys, 100*time.Millisecond, 100*time.Millisecond)
	tr.Keys("bob", "7", 600*time.Millisecond, 100*time.Millisecond)
	var got strings.Builder
	var last time.Time
	for got.Len() < len(keys)+1 {
		d := await(tr, "a digit", func(ev flows.Digit) bool { return ev.Channel == b.ID })
		want := 100 * time.Millisecond
		if got.Len() == len(keys) {
			want = 600 * time.Millisecond
		}
		if off := d.Duration - want; off < -30*time.Millisecond || off > 30*time.Millisecond {
			tr.Errorf("digit %d is %v long, want %v", got.Len(), d.Duration, want)
		}
		if since := d.Stamp.Sub(last); !last.IsZero() && since < 100*time.Millisecond {
			tr.Errorf("digit %d comes %v after the last", got.Len(), since)
		}
		last = d.Stamp
		got.WriteByte(d.Key)
	}
	if got.String() != keys+"7" {
		tr.Errorf("told %s, pressed %s", got.String(), keys+"7")
	}
	tr.eventually("alice hears them", func() bool { return tr.Digits("alice") == keys+"7" })
}

// fastDigits: digits of 60 ms with 40 ms between are stretched and put back, and those that were are told once more; the
// other party hears each once.
func fastDigits(tr *trial) {
	_, b, _ := tr.talk()
	const keys = "1234567890"
	tr.Keys("bob", keys, 60*time.Millisecond, 40*time.Millisecond)
	tr.eventually("alice hears them", func() bool { return tr.Digits("alice") == keys })
	var once strings.Builder
	told := 0
	for {
		d, ok := look(tr, 300*time.Millisecond, func(ev flows.Digit) bool { return ev.Channel == b.ID })
		if !ok {
			break
		}
		if told++; !strings.HasSuffix(once.String(), string(d.Key)) {
			once.WriteByte(d.Key)
		}
	}
	if once.String() != keys || told < len(keys)+4 {
		tr.Errorf("pressed %s, told %s in %d events; want them in order, most of them twice", keys, once.String(), told)
	}
}

// deafDigits: what a phone begins while it is sent digits, or soon after, begins for the bridge when its key is released.
func deafDigits(tr *trial) {
	a, _, bridge := tr.talk()
	for _, c := range []struct {
		send  string
		heard string
	}{{"", "5"}, {"1", "5"}} {
		tr.must(tr.AddToBridge(bridge, a.ID, false))
		if c.send != "" {
			tr.must(tr.SendDigits(a.ID, c.send))
		}
		pressed := make(chan struct{})
		go func() {
			defer close(pressed)
			tr.Keys("alice", "5", 600*time.Millisecond, 100*time.Millisecond)
		}()
		time.Sleep(300 * time.Millisecond)
		tr.must(tr.AddToBridge(bridge, a.ID, true))
		<-pressed
		await(tr, "the digit", func(ev flows.Digit) bool { return ev.Channel == a.ID && ev.Key == '5' })
		time.Sleep(200 * time.Millisecond) // nothing more is on its way
		if got := tr.Digits("bob"); got != c.heard {
			tr.Errorf("after %q was sent to alice bob has heard %q, want %q", c.send, got, c.heard)
		}
	}
}

func absorb(tr *trial) {
	_, b, bridge := tr.talk()
	for _, c := range []struct {
		absorb bool
		keys   string
		heard  string
	}{{false, "12", "12"}, {true, "34", "12"}, {true, "5", "12"}, {false, "67", "1267"}, {true, "8", "1267"}, {false, "9", "12679"}} {
		tr.must(tr.AddToBridge(bridge, b.ID, c.absorb))
		tr.Keys("bob", c.keys, 100*time.Millisecond, 100*time.Millisecond)
		for range c.keys {
			await(tr, "a digit", func(ev flows.Digit) bool { return ev.Channel == b.ID })
		}
		time.Sleep(200 * time.Millisecond) // nothing more is on its way
		if got := tr.Digits("alice"); got != c.heard {
			tr.Errorf("after %s with absorb %v alice has heard %q, want %q", c.keys, c.absorb, got, c.heard)
		}
	}
	tr.eventually("the talk goes on", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
}

func sendDigits(tr *trial) {
	a, b, bridge := tr.talk()
	began := time.Now()
	tr.must(tr.SendDigits(a.ID, "1234"))
	if took := time.Since(began); took < 800*time.Millisecond || took > 1500*time.Millisecond {
		tr.Errorf("four digits took %v, want 0.9 s", took)
	}
	if got := tr.Digits("alice"); got != "1234" {
		tr.Errorf("after the answer alice has heard %q", got)
	}
	sent := make(chan error)
	go func() { sent <- tr.SendDigits(a.ID, "56") }()
	time.Sleep(100 * time.Millisecond)
	began = time.Now()
	_, err := tr.Variables(a.ID, "X")
	tr.must(err)
	if took := time.Since(began); took > 150*time.Millisecond {
		tr.Errorf("to read a variable meanwhile took %v", took)
	}
	tr.must(tr.AddToBridge(bridge, b.ID, false)) // the other leg is free
	if took := time.Since(began); took > 250*time.Millisecond {
		tr.Errorf("to add the other leg meanwhile took %v", took)
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"X": "y"}))
	if took := time.Since(began); took < 300*time.Millisecond {
		tr.Errorf("to set a variable of the leg took %v only", took)
	}
	tr.must(<-sent)
	if got := tr.Digits("alice"); got != "123456" {
		tr.Errorf("alice has heard %q", got)
	}
	if got := tr.Digits("bob"); got != "" {
		tr.Errorf("bob has heard %q", got)
	}
	tr.rewind()
	if _, ok := look(tr, 200*time.Millisecond, func(flows.Digit) bool { return true }); ok {
		tr.Error("digits that were sent are told as pressed")
	}
}

func whisper(tr *trial) {
	a, b, _ := tr.talk()
	snoop, play := tr.id("snoop"), tr.id("play")
	tr.must(tr.Snoop(b.ID, snoop))
	ev := await(tr, "the whisper enters", func(ev flows.Started) bool { return ev.Channel.ID == snoop })
	if len(ev.Args) == 0 || ev.Args[0] != flows.ArgSnoop {
		tr.Errorf("it enters with %q", ev.Args)
	}
	tr.must(tr.Play(snoop, play, "tone:1000"))
	await(tr, "the playback starts", func(ev flows.PlaybackStarted) bool { return ev.Playback == play })
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
	await(tr, "the playback ends", func(ev flows.PlaybackDone) bool { return ev.Playback == play })
	tr.must(tr.Hangup(snoop, 0))
	await(tr, "the whisper leaves", func(ev flows.Left) bool { return ev.Channel == snoop })
	tr.eventually("bob does not hear it", func() bool { return !tr.Hears("bob", "1000") })

	again := tr.id("snoop") // it ends with whom it whispers to
	tr.must(tr.Snoop(b.ID, again))
	await(tr, "the whisper enters", func(ev flows.Started) bool { return ev.Channel.ID == again })
	tr.PutDown("bob")
	tr.rewind()
	await(tr, "the whisper leaves", func(ev flows.Left) bool { return ev.Channel == again })
}

func playbacks(tr *trial) {
	a := tr.enter("alice")
	tr.must(tr.Answer(a.ID))
	play := tr.id("play")
	tr.must(tr.Play(a.ID, play, "tone:1000"))
	tr.eventually("alice hears it", func() bool { return tr.Hears("alice", "1000") })
	tr.must(tr.StopPlayback(play))
	await(tr, "the playback ends", func(ev flows.PlaybackDone) bool { return ev.Playback == play })
	tr.is(tr.StopPlayback(play), flows.ErrGone, "to stop it again")
	play = tr.id("play")
	tr.must(tr.Play(a.ID, play, "tone:1000"))
	await(tr, "the playback starts", func(ev flows.PlaybackStarted) bool { return ev.Playback == play })
	tr.must(tr.Hangup(a.ID, 0)) // cuts it off
	tr.left(a)
}

func recordings(tr *trial) {
	_, _, bridge := tr.talk()
	one, two := tr.id("acme/x/rec"), tr.id("evil/x/rec")
	for _, name := range []string{one, two} {
		tr.must(tr.Record(bridge, name, "wav"))
		await(tr, name+" starts", func(ev flows.RecordingStarted) bool { return ev.Recording == name })
	}
	for range 2 { // a repetition is no error
		tr.must(tr.MaskRecording(one))
	}
	for range 2 {
		tr.must(tr.UnmaskRecording(one))
	}
	tr.must(tr.StopRecording(one))
	if ev := await(tr, one+" ends", func(ev flows.RecordingDone) bool { return ev.Recording == one }); ev.Failed {
		tr.Errorf("it has failed: %+v", ev)
	}
	tr.is(tr.StopRecording(one), flows.ErrGone, "to stop it again")
	tr.is(tr.MaskRecording(one), flows.ErrGone, "to mask it")
	tr.must(tr.MaskRecording(two)) // the other one goes on
	tr.must(tr.StopRecording(two))
	tr.eventually("they talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
}

func recordingEnds(tr *trial) {
	a, b, bridge := tr.talk()
	name := tr.id("acme/x/rec")
	tr.must(tr.Record(bridge, name, "wav"))
	tr.PutDown("bob")
	tr.left(b)
	tr.rewind()
	if ev, ok := look(tr, 300*time.Millisecond, func(ev flows.RecordingDone) bool { return ev.Recording == name }); ok {
		tr.Errorf("it ends with the first leg: %+v", ev)
	}
	tr.PutDown("alice")
	tr.left(a)
	tr.rewind()
	await(tr, "it ends with the last leg", func(ev flows.RecordingDone) bool { return ev.Recording == name })
	tr.is(tr.StopRecording(name), flows.ErrGone, "to stop it then")
}

// deafAgain: a key that is still down when its phone is believed again is heard from then on.
func deafAgain(tr *trial) {
	a, _, bridge := tr.talk()
	tr.must(tr.SendDigits(a.ID, "4")) // its end was 100 ms ago
	var pressing sync.WaitGroup
	pressing.Go(func() { tr.Keys("alice", "7", 800*time.Millisecond, 0) })
	time.Sleep(600 * time.Millisecond)
	tr.must(tr.AddToBridge(bridge, a.ID, true))
	pressing.Wait()
	tr.eventually("bob has heard the key", func() bool { return tr.Digits("bob") == "7" })
}
