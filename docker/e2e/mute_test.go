package e2e

import (
	"testing"
	"time"

	"metaflows/docker/phone"
)

// Who has muted itself is not heard and not recorded until it undoes that. Its keys are heard and its codes work meanwhile, also
// when the program has been killed.
func TestMute(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	o.document("acme", `{"numbers":{"9":{"module":"record_call"},"6":{"module":"mute"}}}`)
	a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
	start := o.press(b, "*9").End()
	o.event("recording.started", 1)
	o.heldFor(a, b, time.Second)

	muted := o.press(b, "*6").End()
	o.hears(b, confirmTone)
	unheard := func() {
		t.Helper()
		o.must(a.WaitNoTone(o.soon(5*time.Second), tones["bob"]))
		o.hears(b, tones["alice"])
		for range 10 { // it does not come back, when its leg is added to the bridge again
			time.Sleep(100 * time.Millisecond)
			if a.Hears(tones["bob"]) {
				t.Fatal("who has muted itself is heard")
			}
		}
	}
	unheard()
	o.press(b, "57")
	o.gets(a, "**57")
	o.press(b, "*5")
	o.event("code.unmatched", 1)
	o.gets(a, "**57*5")
	unheard()

	o.program.Kill()
	unheard()
	o.again()
	o.event("call.adopted", 1)
	unheard()
	o.press(b, "4")
	o.gets(a, "**57*54")
	unmuted := o.press(b, "*6").End()
	o.talk(a, b)
	o.heldFor(a, b, time.Second)
	stopped := o.press(b, "*9").End()

	samples := o.recording(o.event("recording.stored", 1).Recording)
	const margin = 600 * time.Millisecond
	// A machine that stands still makes the recording a little shorter.
	lost := max(stopped.Sub(start)-time.Duration(len(samples))*time.Second/rate, 0)
	from, to := muted.Sub(start)+margin, unmuted.Sub(start)-lost-margin
	if to-from < time.Second {
		t.Fatalf("%s of the recording are lost", lost)
	}
	for at := int(from.Seconds() * rate); at+rate/5 <= int(to.Seconds()*rate); at += rate / 5 {
		if phone.ToneLevel(samples[at:at+rate/5], rate, tones["bob"]) >= phone.HearingThreshold {
			t.Fatalf("who had muted itself is in the recording, %s after its begin", time.Duration(at)*time.Second/rate)
		}
	}
	if !holds(samples, tones["bob"], 300*time.Millisecond, muted.Sub(start)-margin) {
		t.Error("who had not muted itself yet is not in the recording")
	}
	o.hangUp(a)
	o.ended(b)
	o.nothingLeft()
}
