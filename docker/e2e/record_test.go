package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"metaflows/docker/phone"
)

const recordCodes = `{"numbers":{"9":{"module":"record_call"},"7":{"module":"record_call","data":{"action":"mask"}},"6":{"module":"record_call","data":{"action":"unmask"}}},
	"patterns":{"2(\\d{4})":{"module":"transfer"}}}`

// rate is samples a second of Asterisk's wav.
const rate = 8000

// recording reads a wav of the lab: mono, 16 bits, 8000 samples a second behind a header of 44 bytes.
func (l *lab) recording(name string) []int16 {
	l.Helper()
	raw, err := os.ReadFile(filepath.Join(l.RecordingDir, filepath.FromSlash(name)+".wav"))
	l.must(err)
	if len(raw) < 44 || string(raw[:4]) != "RIFF" {
		l.Fatalf("recording %s is no wav", name)
	}
	samples := make([]int16, (len(raw)-44)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(raw[44+2*i:]))
	}
	return samples
}

// holds says whether a tone is in the whole of a part of a recording, given in time from its begin.
func holds(samples []int16, freq float64, from, to time.Duration) bool {
	const window = rate / 5
	for at := int(from.Seconds() * rate); at+window <= int(to.Seconds()*rate) && at+window <= len(samples); at += window {
		if phone.ToneLevel(samples[at:at+window], rate, freq) < phone.HearingThreshold {
			return false
		}
	}
	return true
}

// quick is how the codes are pressed where the length counts.
var quick = phone.Press{Digit: 80 * time.Millisecond, Gap: 80 * time.Millisecond}

// A recording holds both parties and is as long as the time between the two codes.
func TestRecording(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	l.steadily("a recording", func() (wrong error) {
		a, b := l.call(alice, "1002", bob)
		defer l.ended(b)
		defer l.hangUp(a)
		start := l.press(b, "*9", quick).End()
		started := l.event("recording.started", 1)
		l.hears(b, confirmTone)
		l.heldFor(a, b, 2*time.Second)
		end := l.press(b, "*9", quick).End()
		stored := l.event("recording.stored", 1)
		if stored.Recording != started.Recording || stored.Reason != "stopped" {
			t.Errorf("recording.stored says %+v", stored)
		}
		samples := l.recording(stored.Recording)
		length, want := time.Duration(len(samples))*time.Second/rate, end.Sub(start)
		if diff := (length - want).Abs(); diff > 100*time.Millisecond {
			wrong = errors.Join(wrong, fmt.Errorf("the recording is %s long, %s were between the codes", length, want))
		}
		if diff := (time.Duration(stored.Duration)*time.Millisecond - want).Abs(); diff > 100*time.Millisecond {
			wrong = errors.Join(wrong, fmt.Errorf("recording.stored says %d ms, %s were between the codes", stored.Duration, want))
		}
		for _, name := range []string{"alice", "bob"} {
			// Towards its end a code is pressed: a phone sends no tone while a key is down.
			if !holds(samples, tones[name], 250*time.Millisecond, length-500*time.Millisecond) {
				wrong = errors.Join(wrong, fmt.Errorf("%s is not heard in the recording", name))
			}
		}
		if holds(samples, confirmTone, 0, 200*time.Millisecond) {
			t.Error("the presser's confirmation is in the recording")
		}
		return wrong
	})
}

// Digits that pass to the other cost the recording nothing: it is as long as it lasted.
func TestRecordingKeepsTheTime(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	l.steadily("a recording of many digits", func() (wrong error) {
		a, b := l.call(alice, "1002", bob)
		defer l.ended(b)
		defer l.hangUp(a)
		start := l.press(b, "*9", quick).End()
		l.event("recording.started", 1)
		l.press(a, "1234567890", quick)
		l.press(b, "1234567890", quick)
		l.gets(a, "*1234567890")
		end := l.press(a, "*9", quick).End()
		samples := l.recording(l.event("recording.stored", 1).Recording)
		length, want := time.Duration(len(samples))*time.Second/rate, end.Sub(start)
		if diff := (length - want).Abs(); diff > 40*time.Millisecond {
			wrong = fmt.Errorf("the recording is %s long, %s were between the codes", length, want)
		}
		return wrong
	})
}

// The masked part of a recording holds nobody, the rest does.
func TestRecordingMasked(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	l.steadily("a masked recording", func() (wrong error) {
		a, b := l.call(alice, "1002", bob)
		defer l.ended(b)
		defer l.hangUp(a)
		start := l.press(b, "*9").End()
		l.event("recording.started", 1)
		l.heldFor(a, b, 1500*time.Millisecond)
		mask := l.press(a, "*7").End() // the other leg of the account
		l.event("recording.masked", 1)
		l.heldFor(a, b, 1500*time.Millisecond)
		unmask := l.press(b, "*6").End()
		l.event("recording.unmasked", 1)
		l.heldFor(a, b, 1500*time.Millisecond)
		l.press(b, "*9")
		samples := l.recording(l.event("recording.stored", 1).Recording)
		length := time.Duration(len(samples)) * time.Second / rate
		const margin = 350 * time.Millisecond // codes are pressed, and binding digits cut the recording
		for _, name := range []string{"alice", "bob"} {
			if !holds(samples, tones[name], margin, mask.Sub(start)-2*margin) ||
				!holds(samples, tones[name], unmask.Sub(start)+margin, length-2*margin) {
				wrong = errors.Join(wrong, fmt.Errorf("%s is not heard in the recording", name))
			}
		}
		from, to := int((mask.Sub(start)+margin).Seconds()*rate), int((unmask.Sub(start)-margin).Seconds()*rate)
		if slices.ContainsFunc(samples[from:to], func(s int16) bool { return s > 64 || s < -64 }) {
			wrong = errors.Join(wrong, errors.New("the masked part is not silent"))
		}
		return wrong
	})
}

// heldFor lets both talk for a time, hearing each other at its end.
func (l *lab) heldFor(a, b *phone.Call, d time.Duration) {
	l.Helper()
	select {
	case <-time.After(d):
	case <-a.Ended():
	case <-b.Ended():
	}
	l.talk(a, b)
}

// A recording goes on through a transfer and holds the target too.
func TestRecordingThroughTransfer(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	carol := l.phone("carol")
	carol.Behave(phone.AnswerAfter(700 * time.Millisecond))
	start := l.press(b, "*9").End()
	l.event("recording.started", 1)
	l.press(b, "*21003")
	l.hears(a, ringing)
	c := l.incoming(carol)
	l.talk(a, c)
	answered := time.Now()
	l.heldFor(a, c, time.Second)
	l.hangUp(a)
	l.ended(c)
	stored := l.event("recording.stored", 1)
	if stored.Reason != "call_ended" {
		t.Errorf("recording.stored says %q, want call_ended", stored.Reason)
	}
	samples := l.recording(stored.Recording)
	if length := time.Duration(len(samples)) * time.Second / rate; !holds(samples, tones["alice"], 250*time.Millisecond, length-250*time.Millisecond) {
		t.Error("alice, who has pressed nothing, is not in the whole of it")
	}
	from := answered.Sub(start)
	for _, name := range []string{"alice", "carol"} {
		if !holds(samples, tones[name], from, from+800*time.Millisecond) {
			t.Errorf("%s is not heard after the transfer", name)
		}
	}
}

// Each account has its own recording and cannot stop the other's; mask silences both.
func TestRecordingsOfTwoAccounts(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	l.document("evil", recordCodes)
	m, b := l.call(l.phone("mallory"), "1002", l.phone("bob"))
	l.press(b, "*9")
	l.event("recording.started", 1)
	l.press(m, "*7") // he has none to mask
	if e := l.event("action.failed", 1); e.Reason != "not_recording" || e.Account != "evil" {
		t.Errorf("action.failed says %q of %s", e.Reason, e.Account)
	}
	l.press(m, "*9")
	l.event("recording.started", 2)
	l.press(m, "*7")
	l.event("recording.masked", 2)
	l.press(m, "*9")
	if e := l.event("recording.stored", 1); e.Account != "evil" {
		t.Errorf("the recording of %s was stopped", e.Account)
	}
	l.press(b, "*6")
	l.press(b, "*9")
	if e := l.event("recording.stored", 2); e.Account != "acme" {
		t.Errorf("the recording of %s was stopped", e.Account)
	}
	l.hangUp(m)
	l.ended(b)
}

// A transfer that fails while the call is recorded: both hear each other again afterwards, whoever records.
func TestRecordedTransferFails(t *testing.T) {
	t.Parallel()
	s := ownSystem(t)
	for _, tt := range []struct {
		name, target string
		byCaller     bool
	}{
		{"recorded by the callee, a phone", "1003", false},
		{"recorded by the caller, a phone", "1003", true},
		{"recorded by the caller, an extension", "1998", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := labBeside(t, s)
			l.document("acme", `{"numbers":{"9":{"module":"record_call"}},"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":2}}}}`)
			bob, carol := l.phone("bob"), l.phone("carol")
			carol.Behave(phone.RingForever())
			a, b := l.call(l.phone("alice"), "1002", bob)
			if tt.byCaller {
				l.press(a, "*9")
			} else {
				l.press(b, "*9")
			}
			l.event("recording.started", 1)
			l.talk(a, b) // at once: a phone that has just heard the other's key is deaf for its own
			l.press(b, "*2"+tt.target)
			l.ended(b)
			l.hears(a, ringing)
			back := l.incoming(bob)
			l.event("transfer.returned", 1)
			l.heldFor(a, back, time.Second)
			l.hangUp(a)
			l.ended(back)
		})
	}
}
