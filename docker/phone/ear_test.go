package phone

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

// listener is an ear that is fed with tones, without sockets or clocks.
type listener struct {
	*ear
	now time.Time
	seq uint16
}

func newListener() *listener { return &listener{ear: newEar(), now: time.Unix(1000, 0)} }

// play feeds packets of 20 ms with the sum of some tones.
func (l *listener) play(length time.Duration, tones ...*tone) {
	for range int(length / packetTime) {
		var sum [blockSamples]int
		for _, t := range tones {
			var ulaw [blockSamples]byte
			t.fill(ulaw[:])
			for i, code := range ulaw {
				sum[i] += int(DecodeUlaw(code))
			}
		}
		var ulaw [blockSamples]byte
		for i, s := range sum {
			ulaw[i] = encodeUlaw(int16(s))
		}
		l.now = l.now.Add(packetTime)
		l.seq++
		l.audio(l.seq, 1, ulaw[:], l.now)
		l.tick(l.now)
	}
}

// rest lets time pass without packets.
func (l *listener) rest(length time.Duration) {
	for range int(length / packetTime) {
		l.now = l.now.Add(packetTime)
		l.tick(l.now)
	}
}

// TestSound: the first packet after a time that is not silent, whatever was heard before.
func TestSound(t *testing.T) {
	l := newListener()
	l.play(100*time.Millisecond, &tone{freq: 700})
	before := l.now
	l.play(60 * time.Millisecond)
	if at, found := l.sound(before); found {
		t.Error("silence is a sound at", at)
	}
	began := l.now.Add(packetTime)
	l.play(60*time.Millisecond, &tone{freq: 1000})
	l.rest(200 * time.Millisecond)
	if at, found := l.sound(before); !found || !at.Equal(began) {
		t.Error(at, found, "want", began)
	}
	if _, found := l.sound(l.now); found {
		t.Error("a sound after the last packet")
	}
}

func TestLevels(t *testing.T) {
	for name, tt := range map[string]struct {
		play  []float64
		heard map[float64]bool
	}{
		"one":         {[]float64{400}, map[float64]bool{400: true, 360: false, 350: false, 450: false, 440: false, 800: false, 1200: false}},
		"odd":         {[]float64{523}, map[float64]bool{523: true, 480: false, 620: false, 1046: false}},
		"two":         {[]float64{400, 700}, map[float64]bool{400: true, 700: true, 550: false, 300: false, 1100: false}},
		"ring tone":   {[]float64{440, 480}, map[float64]bool{440: true, 480: true, 400: false, 520: false, 620: false}},
		"high":        {[]float64{3000}, map[float64]bool{3000: true, 1000: false, 2000: false, 2950: false}},
		"silent tone": {[]float64{0}, map[float64]bool{400: false, 1000: false}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newListener()
			var tones []*tone
			for _, f := range tt.play {
				tones = append(tones, &tone{freq: f})
			}
			l.play(time.Second, tones...)
			for freq, want := range tt.heard {
				level := l.level(freq)
				if want && math.Abs(level+12) > 0.5 || !want && level > HearingThreshold-6 {
					t.Errorf("%g Hz at %.1f dBFS", freq, level)
				}
				if got := l.heard(freq, time.Time{}, l.now); got != want {
					t.Errorf("%g Hz: heard %v", freq, got)
				}
			}
		})
	}
}

func TestLevelRisesAndFalls(t *testing.T) {
	l, sine := newListener(), &tone{freq: 400}
	l.play(60*time.Millisecond, sine)
	if l.level(400) < HearingThreshold {
		t.Error("not heard after 60 ms")
	}
	l.play(500*time.Millisecond, sine)
	l.rest(400 * time.Millisecond) // no packets
	if level := l.level(400); level > floorLevel {
		t.Errorf("%.1f dBFS after 400 ms without packets", level)
	}
	l.play(200*time.Millisecond, sine)
	l.play(220*time.Millisecond, &tone{})
	if l.level(400) >= HearingThreshold || l.volume() >= silenceLevel {
		t.Error("heard in silent packets")
	}
	// A tone that jumps, as after a pause, goes on being heard.
	for range 10 {
		l.play(60*time.Millisecond, sine)
		sine.n += 10 // half a period of 400 Hz
		if l.level(400) < HearingThreshold {
			t.Errorf("%.1f dBFS around a jump of the phase", l.level(400))
		}
	}
}

func TestHistory(t *testing.T) {
	l := newListener()
	begin := l.now
	l.play(time.Second, &tone{freq: 700})
	l.play(20*time.Millisecond, &tone{freq: 400})
	burst := l.now
	l.play(time.Second, &tone{freq: 700})
	if !l.heard(400, begin, l.now) {
		t.Error("20 ms of a tone not found")
	}
	if l.heard(400, burst, l.now) || l.heard(400, begin, burst.Add(-30*time.Millisecond)) {
		t.Error("a tone found where it was not")
	}
	l.rest(200 * time.Millisecond)
	l.play(100*time.Millisecond, &tone{freq: 700})
	if gap := l.maxGap(begin, l.now); gap != 220*time.Millisecond {
		t.Errorf("longest gap %s", gap)
	}
	if n := len(l.samples(begin)); n < 8000*2 {
		t.Errorf("%d samples remembered", n)
	}
}

func TestEarForgetsOldAudio(t *testing.T) {
	l, sine := newListener(), &tone{freq: 400}
	l.play(11*time.Minute, sine)
	if len(l.blocks) > maxBlocks || l.base == 0 || l.level(400) < -13 {
		t.Errorf("%d blocks since %d, %.1f dBFS", len(l.blocks), l.base, l.level(400))
	}
}

func TestWait(t *testing.T) {
	l := newListener()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done := make(chan error)
	go func() { done <- l.wait(t.Context(), func() bool { return l.level(400) > HearingThreshold }) }()
	l.play(time.Second, &tone{freq: 400})
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { done <- l.wait(t.Context(), func() bool { return false }) }()
	l.close()
	if err := <-done; !errors.Is(err, errEnded) {
		t.Errorf("got %v", err)
	}
}

func TestHearingTold(t *testing.T) {
	l := newListener()
	c := &Call{phone: &Phone{cfg: Config{User: "bob"}}, peer: "alice", media: &media{ear: l.ear}}
	l.play(time.Second, &tone{freq: 520})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := c.WaitTone(ctx, 440)
	if err == nil || !strings.Contains(err.Error(), "bob on call to alice: waited") ||
		!strings.Contains(err.Error(), "for 440 Hz, heard 520 Hz at -12 dBFS") {
		t.Errorf("got %v", err)
	}
}

func TestToneLevel(t *testing.T) {
	samples := make([]int16, 16000)
	for i := range samples {
		samples[i] = int16(8192 * math.Sin(2*math.Pi*440*float64(i)/16000))
	}
	if level := ToneLevel(samples, 16000, 440); math.Abs(level+12) > 0.2 {
		t.Errorf("%.1f dBFS", level)
	}
	if level := ToneLevel(samples, 16000, 880); level > -60 {
		t.Errorf("%.1f dBFS an octave above", level)
	}
}

func TestUlaw(t *testing.T) {
	for code := range 256 {
		if code == 0x7f { // the second zero
			continue
		}
		if got := encodeUlaw(DecodeUlaw(byte(code))); got != byte(code) {
			t.Errorf("%#x: %d became %#x", code, DecodeUlaw(byte(code)), got)
		}
	}
}

func BenchmarkLevel(b *testing.B) {
	l, sine := newListener(), &tone{freq: 400}
	for b.Loop() {
		l.play(packetTime, sine)
		l.level(400)
	}
}
