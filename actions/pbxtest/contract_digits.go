package pbxtest

import (
	"strings"
	"sync"
	"time"

	"metaflows/flows/calls"
)

func digits(tr *trial) {
	_, b, _ := tr.talk()
	const keys = "0123456789*#ABCD"
	tr.Keys("bob", keys, 100*time.Millisecond, 100*time.Millisecond)
	tr.Keys("bob", "7", 600*time.Millisecond, 100*time.Millisecond)
	var got strings.Builder
	var last time.Time
	for got.Len() < len(keys)+1 {
		d := await(tr, "a digit", func(ev calls.Digit) bool { return ev.Channel == b.ID })
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
		d, ok := look(tr, 300*time.Millisecond, func(ev calls.Digit) bool { return ev.Channel == b.ID })
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
		await(tr, "the digit", func(ev calls.Digit) bool { return ev.Channel == a.ID && ev.Key == '5' })
		time.Sleep(200 * time.Millisecond) // nothing more is on its way
		if got := tr.Digits("bob"); got != c.heard {
			tr.Errorf("after %q was sent to alice bob has heard %q, want %q", c.send, got, c.heard)
		}
	}
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
			await(tr, "a digit", func(ev calls.Digit) bool { return ev.Channel == b.ID })
		}
		time.Sleep(200 * time.Millisecond) // nothing more is on its way
		if got := tr.Digits("alice"); got != c.heard {
			tr.Errorf("after %s with absorb %v alice has heard %q, want %q", c.keys, c.absorb, got, c.heard)
		}
	}
	tr.eventually("the talk goes on", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
}

// tornDigits: somebody is added to the bridge again while a digit of its passes, and its digits are absorbed from then on. A
// bridge of two ends the digit for the others. One that mixes does not: they are sent it until another ends, and hear
// nothing else, unless they are added again, too.
func tornDigits(tr *trial) {
	a, b, bridge := tr.talk()
	hold := func(absorb bool) { // bob does, a key
		tr.Helper()
		tr.must(tr.AddToBridge(bridge, b.ID, false))
		pressed := make(chan struct{})
		go func() {
			defer close(pressed)
			tr.Keys("bob", "5", 600*time.Millisecond, 100*time.Millisecond)
		}()
		time.Sleep(300 * time.Millisecond)
		tr.must(tr.AddToBridge(bridge, b.ID, absorb))
		<-pressed
		await(tr, "the digit", func(ev calls.Digit) bool { return ev.Channel == b.ID })
		time.Sleep(500 * time.Millisecond)
	}
	hears := func(when string, want bool) {
		tr.Helper()
		if got := tr.Hears("alice", "bob"); got != want {
			tr.Errorf("%s alice hears bob: %v, want %v", when, got, want)
		}
	}
	hold(true)
	hears("in a bridge of two", true)

	name := tr.id("acme/x/rec")
	tr.must(tr.Record(bridge, name, "wav"))
	await(tr, "the recording starts", func(ev calls.RecordingStarted) bool { return ev.Recording == name })
	hold(false)
	hears("after the digit has passed to its end", true)
	hold(true)
	hears("while the digit has no end", false)
	tr.must(tr.AddToBridge(bridge, a.ID, false))
	tr.eventually("alice, who was added again, hears bob", func() bool { return tr.Hears("alice", "bob") })
	tr.must(tr.StopRecording(name))
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
	if _, ok := look(tr, 200*time.Millisecond, func(calls.Digit) bool { return true }); ok {
		tr.Error("digits that were sent are told as pressed")
	}
}
