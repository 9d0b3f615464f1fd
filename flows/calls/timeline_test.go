package calls

import (
	"testing"
	"time"
)

// fastTypist is what Asterisk 22.10 reported for 0987654321# typed at 60/40 ms, recorded.
var fastTypist = []struct {
	ms  int
	key byte
}{
	{846, '0'}, {946, '9'}, {1045, '8'}, {1071, '8'}, {1145, '7'}, {1196, '7'}, {1245, '6'}, {1322, '6'}, {1345, '5'}, {1447, '5'},
	{1447, '4'}, {1572, '4'}, {1572, '3'}, {1697, '3'}, {1697, '2'}, {1822, '2'}, {1822, '1'}, {1947, '1'}, {1947, '#'}, {2072, '#'},
}

func TestTimelineOfAFastTypist(t *testing.T) {
	var tl timeline
	base := time.Unix(0, 0)
	got := ""
	for _, r := range fastTypist {
		d := Digit{Key: r.key, Duration: 60 * time.Millisecond, Stamp: base.Add(time.Duration(r.ms) * time.Millisecond)}
		if again := tl.hear(d); !again {
			got += string(r.key)
		}
	}
	if got != "0987654321#" {
		t.Errorf("heard %q, want 0987654321#", got)
	}
}

// The same key pressed several times is as many keys, at any rhythm that Asterisk reports once.
func TestTimelineKeepsRealRepetitions(t *testing.T) {
	for _, rhythm := range []struct{ digit, gap int }{{100, 100}, {80, 50}, {60, 80}, {200, 46}, {40, 90}, {1000, 50}} {
		var tl timeline
		at, n := time.Unix(100, 0), 0
		for range 10 {
			at = at.Add(time.Duration(rhythm.digit+rhythm.gap) * time.Millisecond)
			if again := tl.hear(Digit{Key: '5', Duration: time.Duration(rhythm.digit) * time.Millisecond, Stamp: at}); !again {
				n++
			}
		}
		if n != 10 {
			t.Errorf("digits of %d ms with %d ms between: %d of 10 counted", rhythm.digit, rhythm.gap, n)
		}
	}
}

// What Asterisk 22.10 did with *21003 typed at 100/100 ms by a phone that had been sent a digit which ended at 1814: when
// each key was reported, and until when Asterisk was at it. The 2 was heard from 2323 on, nine ms later than it could be,
// and so each of the others began when it had ended. At 2943, say, nobody's absorb may be switched.
func TestTimelineOfADeafPhone(t *testing.T) {
	var tl timeline
	base := time.Unix(100, 0)
	ms := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	tl.sent(ms(1714), ms(1814))
	for _, r := range []struct {
		at, until int
		key       byte
	}{{2143, 2243, '*'}, {2343, 2403, '2'}, {2543, 2643, '1'}, {2743, 2843, '0'}, {2943, 3043, '0'}, {3143, 3244, '3'}} {
		d := Digit{Key: r.key, Duration: 100 * time.Millisecond, Stamp: ms(r.at)}
		if again := tl.hear(d); again {
			t.Errorf("%c counts as heard twice", r.key)
		}
		if until := d.Stamp.Add(tl.busy()); until.Before(ms(r.until)) {
			t.Errorf("%c: Asterisk was at it until %d, taken for done at %d", r.key, r.until, until.Sub(base).Milliseconds())
		}
	}
	d := Digit{Key: '5', Duration: 100 * time.Millisecond, Stamp: ms(3500)}
	if tl.hear(d); tl.busy() != 0 {
		t.Errorf("after a pause Asterisk is taken for busy for %v", tl.busy())
	}
}

// Both parties press at the same moment. What the other's phone was sent meanwhile is known when that key is released, and
// then the digit that was reported before has another beginning: it was ignored until the key's release.
func TestTimelineOfBothAtOnce(t *testing.T) {
	base := time.Unix(100, 0)
	ms := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	for _, c := range []struct {
		about           string
		begin, end      int  // the digit that was reported before
		sent, sentUntil int  // what its phone was sent, as is known later
		late            bool // that changes something
		begun, until    int  // when the digit has begun, and until when Asterisk may be at it
	}{
		{"in the middle", 20, 120, 0, 130, true, 120, 220},
		{"a short digit", 80, 120, 0, 130, true, 120, 200},
		{"it was first", -10, 90, 0, 130, false, -10, 0},
		{"soon after what was sent", 500, 600, 0, 130, true, 600, 700},
		{"hardly after the echo of that", 640, 740, 0, 130, true, 640, 1015},
		{"long after what was sent", 700, 800, 0, 130, false, 700, 0},
		{"the key outlasts the deafness", 500, 900, 0, 130, true, 630, 1300},
	} {
		var tl timeline
		d := Digit{Key: '5', Duration: time.Duration(c.end-c.begin) * time.Millisecond, Stamp: ms(c.end)}
		tl.hear(d)
		if got := tl.sent(ms(c.sent), ms(c.sentUntil)); got != c.late {
			t.Errorf("%s: the digit has changed: %v", c.about, got)
		}
		until := 0
		if busy := tl.busy(); busy > 0 {
			until = int(tl.last.Stamp.Add(busy-oneFrame).Sub(base) / time.Millisecond)
		}
		if begun := int(tl.begun.Sub(base) / time.Millisecond); begun != c.begun || until != c.until {
			t.Errorf("%s: it has begun at %d and Asterisk is at it until %d, want %d and %d", c.about, begun, until, c.begun, c.until)
		}
	}
}

// TestTimelineForgets: a digit whose phone was sent something keeps its beginning when that is long ago.
func TestTimelineForgets(t *testing.T) {
	var tl timeline
	base := time.Unix(100, 0)
	ms := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	tl.sent(ms(0), ms(100))
	tl.hear(Digit{Key: '5', Duration: 100 * time.Millisecond, Stamp: ms(690)})
	begun := tl.begun
	if tl.sent(ms(605), ms(700)) || !tl.begun.Equal(begun) {
		t.Errorf("it began at %v, and now at %v", begun.Sub(base), tl.begun.Sub(base))
	}
	if tl.sent(ms(5000), ms(5100)) || !tl.begun.Equal(begun) {
		t.Errorf("it began at %v, and later at %v", begun.Sub(base), tl.begun.Sub(base))
	}
}

// A key that is held for long may have begun when its phone was deaf, whatever was sent to that since. In the middle of a long
// digit that is sent to it a phone is believed.
func TestTimelineOfALongKey(t *testing.T) {
	var tl timeline
	base := time.Unix(100, 0)
	ms := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	tl.hear(Digit{Key: '1', Duration: 100 * time.Millisecond, Stamp: ms(260)})
	tl.sent(ms(0), ms(100))
	tl.sent(ms(2000), ms(2100))
	tl.hear(Digit{Key: '5', Duration: 2400 * time.Millisecond, Stamp: ms(2700)})
	if !tl.begun.Equal(ms(600)) || !tl.free.Equal(ms(2700)) {
		t.Errorf("it began at %v and was over at %v", tl.begun.Sub(base), tl.free.Sub(base))
	}
	tl.sent(ms(5000), ms(5000))
	tl.sent(ms(8000), ms(8000))
	tl.hear(Digit{Key: '6', Duration: 100 * time.Millisecond, Stamp: ms(7000)})
	if !tl.begun.Equal(ms(6900)) {
		t.Errorf("what was pressed in the middle of a digit began at %v", tl.begun.Sub(base))
	}
}

// *5 typed at 100/100 ms by a phone whose deafness ended just before its * did: the * may have begun then, or at its end, and
// so may the 5 that is down when Asterisk could be done with it. Absorb is not switched in between: the 5 would count as
// heard, and be absorbed.
func TestTimelineInDoubt(t *testing.T) {
	var tl timeline
	base := time.Unix(100, 0)
	ms := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	tl.sent(ms(0), ms(100)) // deaf until 600
	for _, at := range []int{685, 885} {
		tl.hear(Digit{Key: byte(at), Duration: 100 * time.Millisecond, Stamp: ms(at)})
		if busy := tl.busy(); busy < 200*time.Millisecond {
			t.Errorf("after the key of %d Asterisk is taken for done after %v, with the next key down", at, busy)
		}
	}
}

// A key that is down for long when its phone is heard again has begun then: for the next ones the phone is not taken for busy as
// long as the key was held.
func TestTimelineOfALongKeyIsCertain(t *testing.T) {
	var tl timeline
	base := time.Unix(100, 0)
	ms := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	tl.sent(ms(0), ms(100)) // deaf until 600
	tl.hear(Digit{Key: '4', Duration: 2200 * time.Millisecond, Stamp: ms(2600)})
	if busy := tl.busy(); busy != 0 || !tl.begun.Equal(ms(600)) {
		t.Errorf("it began at %v, and Asterisk is taken for busy for %v", tl.begun.Sub(base), busy)
	}
	tl.hear(Digit{Key: '6', Duration: 140 * time.Millisecond, Stamp: ms(2860)})
	if busy := tl.busy(); busy != 0 {
		t.Errorf("after the next one Asterisk is taken for busy for %v", busy)
	}
}
