package flows

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// padLedger follows every key of a keypad to its fate: heard at once, swallowed as part of a code, or relayed in order.
type padLedger struct {
	*Keypad
	t       *testing.T
	now     time.Time
	keys    []ledgerKey
	started int // codes since the last step
	relayed []byte
	running bool
	idle    bool // no code was being pressed when the last key came
}

type ledgerKey struct {
	key       byte
	absorbed  bool
	swallowed bool
	coded     bool // by a code, not as the second of **
}

func (l *padLedger) Armed(c *Collector) {
	if c.run.Len() != 0 {
		l.t.Error("armed with keys")
	}
}

func (l *padLedger) Unmatched(_ *Collector, keys int) {
	if keys < 1 || keys > maxKeys {
		l.t.Errorf("%d keys were no code", keys)
	}
}

// Matched: the binding digit and the collected keys are swallowed, and # where it has ended them.
func (l *padLedger) Matched(c *Collector, m *Match, by Decision) {
	l.started++
	first := len(l.keys) - len(l.held) + c.from
	last := first + len(m.Collected)
	if last >= len(l.keys) {
		l.t.Fatalf("a code of %d keys, pressed were %d from its binding digit on", len(m.Collected), len(l.keys)-first-1)
	}
	var pressed strings.Builder
	for i := first; i <= last; i++ {
		if l.keys[i].coded {
			l.t.Errorf("key %d is part of two codes", i)
		}
		l.keys[i].swallowed = i >= len(l.keys)-len(l.held) // else its time was over, and it was let go
		l.keys[i].coded = true
		pressed.WriteByte(l.keys[i].key)
	}
	if by == ByHash {
		l.keys[last+1].swallowed = true
	}
	if want := string(c.eff.BindingDigit) + m.Collected; pressed.String() != want || !strings.Contains(m.Collected, m.Text) {
		l.t.Errorf("the code of %q is said to be %q", pressed.String(), want)
	}
}

// Awaited: of a temporary code all keys are swallowed, of what else is awaited the last one, which is part of no code.
func (l *padLedger) Awaited(keys string, _ int) {
	l.started++
	code := len(keys) > 1 && l.binds(keys[0])
	if !code && !slices.Contains(l.awaited, keys) { // a code may have been begun before
		l.t.Errorf("%q counts, awaited are %q", keys, l.awaited)
	}
	first := len(l.keys) - len(keys)
	if first < 0 {
		l.t.Fatalf("%q counts after %d keys", keys, len(l.keys))
	}
	if len(keys) == 1 && !l.idle {
		l.t.Errorf("%q counts while a code is being pressed", keys)
	}
	for i := range len(keys) {
		k := &l.keys[first+i]
		if k.key != keys[i] || k.coded {
			l.t.Errorf("%q counts, pressed was %+v", keys, *k)
		}
		if code || i == len(keys)-1 {
			k.swallowed, k.coded = first+i >= len(l.keys)-len(l.held), true
		}
	}
}

// press gives a key to the keypad that is down from a time until now; twice is what the second binding digit is by the rules.
func (l *padLedger) press(key byte, absorbed bool, from time.Time) {
	l.expire()
	l.keys = append(l.keys, ledgerKey{key: key, absorbed: absorbed})
	twice := -1
	l.idle = true
	for i, c := range l.collectors {
		l.idle = l.idle && !c.armed && (!c.lapsed || !from.Before(c.deadline))
		if (c.armed || c.lapsed && from.Before(c.deadline)) && c.run.Len() == 0 && key == c.eff.BindingDigit && !c.run.CanUse(key) && twice < 0 {
			twice = i
		}
	}
	l.Press(key, absorbed, from, l.now)
	if l.started > 1 {
		l.t.Errorf("one press has started %d codes", l.started)
	}
	if twice >= 0 && l.started == 0 {
		l.keys[len(l.keys)-1].swallowed = true
	}
	l.check()
}

// expire lets the sequences end whose time is over.
func (l *padLedger) expire() {
	before := 0
	for _, c := range l.collectors {
		if c.armed {
			before++
		}
	}
	l.started = 0
	l.Expire(l.now)
	if l.started > before {
		l.t.Errorf("%d sequences have started %d codes", before, l.started)
	}
	l.started = 0
	l.check()
}

// serve runs relays.
func (l *padLedger) serve(most int) {
	for ; most > 0; most-- {
		if l.running {
			l.Relayed()
			l.running = false
		}
		digits := l.Relay()
		if digits == "" {
			return
		}
		if len(digits) > relayBatch || l.Relay() != "" {
			l.t.Errorf("a relay of %d digits, or two at once", len(digits))
		}
		l.relayed, l.running = append(l.relayed, digits...), true
	}
}

// check compares what is to be relayed and has been with what must be: all keys that were absorbed and are no part of a
// code, once, in order, as far as no armed sequence may still use them.
func (l *padLedger) check() {
	armed := false
	for _, c := range l.collectors {
		armed = armed || c.armed
		if c.armed && (c.from < -1 || c.from >= len(l.held)) {
			l.t.Fatalf("a sequence begins at held key %d of %d", c.from, len(l.held))
		}
	}
	if !armed && (len(l.held) > 0 || !l.Deadline().IsZero()) {
		l.t.Errorf("no sequence is open, but %d keys are held, the timer at %v", len(l.held), l.Deadline())
	}
	if armed && !l.Deadline().After(l.now.Add(-time.Nanosecond)) {
		l.t.Error("a timer is due in the past")
	}
	var want []byte
	for _, k := range l.keys[:len(l.keys)-len(l.held)] {
		if k.absorbed && !k.swallowed {
			want = append(want, k.key)
		}
	}
	if got := string(l.relayed) + string(l.outbox); got != string(want) {
		l.t.Fatalf("keys %+v\nrelayed and to be relayed %q, want %q", l.keys, got, want)
	}
	if l.absorb && !l.Absorb() && (armed || len(l.outbox) > 0 || l.running) {
		l.t.Error("keys are not kept back while a sequence or a relay is open")
	}
}

// fuzzDocuments are documents with open and closed codes, * and # as keys, digits as binding digits.
var fuzzDocuments = []string{
	`9 91 2(\d{2})`, `2(\d+) 9`, `2([1-4]+) 25 2`, `2\*(\d) 2\*?`, `(\d*)#`, `2#(\d) 2 bind=#`, `5 25 bind=2`, `9(\d+?)1 9 timeout=300`,
	`\*1 9(\d*) bind=*`, `2(|1) 22 bind=9 timeout=2000`, `.* bind=#`, "",
}

// fuzzAwaited is what may be awaited, beside nothing.
var fuzzAwaited = []string{"", "1", "*1 *21 9", "## 9 *", "** *9", "#2 21 5* 12 25", "*2#* 2", "11 1 55"}

// FuzzKeypad: whatever is pressed and whenever, with the leg's own collector and another owner's, every key is accounted
// for exactly once and one press starts at most one code.
func FuzzKeypad(f *testing.F) {
	for i, script := range []string{"*9", "*55", "**21234", "*2*9", "*21#9", "*2149", "*tt2tttttttttt9", "*5*9*6", "#2*9", "*2#*9A", "2*25*9#", "r*5r5r", "*lllllllll9", "5*ttlllllllll2lll2", "*1*21", "##1w##9", "1w1*9w*9", "5*255*11"} {
		f.Add(uint8(i), uint8(i*5+3), uint8(0), uint64(0xffff_fffe>>i), true, script)
		f.Add(uint8(i), uint8(i*5+3), uint8(i%7+1), uint64(0xffff_fffe>>i), true, script)
		f.Add(uint8(i), uint8(i*5+3), uint8(i%7+129), uint64(0xffff_fffe>>i), true, script)
	}
	f.Fuzz(func(t *testing.T, a, b, awaited uint8, absorbed uint64, absorb bool, script string) {
		own := padCollector(t, fuzzDocuments[int(a)%len(fuzzDocuments)], true)
		other := padCollector(t, fuzzDocuments[int(b)%len(fuzzDocuments)]+" listen=both", false)
		if other.Source().Empty() {
			other.Source = func() *Effective { return nil }
		}
		l := &padLedger{t: t, now: padEpoch}
		l.Keypad = NewKeypad(l, absorb)
		l.Listen([]*Collector{own, other})
		l.Await(strings.Fields(fuzzAwaited[int(awaited)%len(fuzzAwaited)]), nil, awaited > 127)
		var down time.Time // of the next key; zero: it is pressed and released at once
		for i := range len(script[:min(len(script), 500)]) {
			switch key := script[i]; {
			case isKey(key), key >= 'A' && key <= 'D':
				l.now = l.now.Add(time.Millisecond)
				if down.IsZero() {
					down = l.now
				}
				l.press(key, absorb && absorbed>>(i%64)&1 == 1, down)
				down = time.Time{}
			case key == 'l':
				if down.IsZero() {
					down = l.now
				}
				l.now = l.now.Add(100 * time.Millisecond)
				l.expire()
			case key == 'r':
				l.serve(1)
			case key == 'w': // nothing is awaited any more, or something else
				awaited += 3
				l.Await(strings.Fields(fuzzAwaited[int(awaited)%len(fuzzAwaited)]), nil, awaited > 127)
			default:
				l.now = l.now.Add(100 * time.Millisecond)
				l.expire()
			}
		}
		l.now = l.now.Add(time.Hour)
		l.expire()
		l.serve(1000)
		if len(l.held) > 0 || len(l.outbox) > 0 || l.Absorb() {
			t.Errorf("at rest: %d held, %d to relay, absorb %v", len(l.held), len(l.outbox), l.Absorb())
		}
	})
}
