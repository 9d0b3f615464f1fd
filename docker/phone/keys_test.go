package phone_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

func TestDigits(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	want := ""
	for _, how := range []phone.Press{
		{}, // 100 ms on, 100 ms off
		{Digit: 40 * time.Millisecond, Gap: 40 * time.Millisecond},
		{Digit: 60 * time.Millisecond, Gap: 40 * time.Millisecond},
		{Digit: 50 * time.Millisecond, Gap: 30 * time.Millisecond},
		{Digit: 20 * time.Millisecond, Gap: 40 * time.Millisecond},
		{Digit: 600 * time.Millisecond, Gap: 40 * time.Millisecond},
	} {
		keys := "*9#0"
		begin := time.Now()
		sent, err := a.Press(soon(t), keys, how)
		check(t, err)
		want += keys
		check(t, b.WaitDigits(soon(t), want))
		events := b.DigitEvents()[len(want)-len(keys):]
		if how.Digit == 0 {
			how.Digit, how.Gap = 100*time.Millisecond, 100*time.Millisecond
		}
		for i, d := range events {
			if d.Duration != how.Digit || d.Info {
				t.Errorf("%v: heard %v", how, d)
			}
			if off := d.End.Sub(sent.Ends[i]); off < 0 || off > 500*time.Millisecond {
				t.Errorf("%v: end of %v heard %s after it was sent", how, d, off)
			}
		}
		least := 4*how.Digit + 3*how.Gap - 20*time.Millisecond // the first packet of a key goes with the phone's beat
		if sent.End().Sub(begin) < least {
			t.Errorf("%v: four digits in %s", how, sent.End().Sub(begin))
		}
	}
	check(t, b.WaitTone(soon(t), aliceTone))
	if lost := b.RTP().Lost; lost > 0 {
		t.Errorf("%d numbers left out", lost)
	}
}

func TestNoAudioDuringDigit(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	check(t, b.WaitTone(soon(t), aliceTone))
	begin := time.Now()
	_, err := a.Press(soon(t), "5", phone.Press{Digit: 600 * time.Millisecond})
	check(t, err)
	if gap := b.MaxGap(begin); gap < 580*time.Millisecond {
		t.Errorf("audio during the digit: longest gap %s", gap)
	}
	check(t, b.WaitTone(soon(t), aliceTone))
}

func TestInfoDigits(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	_, err := b.PressInfo(soon(t), "*21#", phone.Press{Digit: 40 * time.Millisecond, Gap: 10 * time.Millisecond})
	check(t, err)
	check(t, a.WaitDigits(soon(t), "*21#"))
	for _, d := range a.DigitEvents() {
		if !d.Info || d.Duration != 40*time.Millisecond {
			t.Errorf("heard %+v", d)
		}
	}
}

func TestPressTogether(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	var both sync.WaitGroup
	for range 3 {
		both.Go(func() {
			if _, err := a.Press(soon(t), "12", phone.Press{Digit: 40 * time.Millisecond, Gap: 40 * time.Millisecond}); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := b.Press(soon(t), "34", phone.Press{Digit: 40 * time.Millisecond, Gap: 40 * time.Millisecond}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	check(t, b.WaitDigits(soon(t), "121212"))
	check(t, a.WaitDigits(soon(t), "343434"))
}

func TestPressErrors(t *testing.T) {
	alice, bob := pair(t, phone.Answer())
	a, b := connect(t, alice, bob)
	if _, err := a.Press(soon(t), "1x"); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("got %v", err)
	}
	if _, err := a.Press(soon(t), "1", phone.Press{Digit: 9 * time.Second}); err == nil {
		t.Error("a digit of 9 s was sent")
	}
	_, err := a.Press(soon(t), "12")
	check(t, err)
	if err := b.WaitDigits(soon(t), "13"); err == nil || !strings.Contains(err.Error(), `"13", heard "12"`) {
		t.Errorf("got %v", err)
	}
	check(t, a.Hangup(soon(t)))
	if _, err := a.Press(soon(t), "1"); err == nil {
		t.Error("a digit was sent after the end")
	}
}
