package flows

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// padEpoch is when keypad tests begin.
var padEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// padSim is a leg with a keypad: keys are down for 100 ms, absorb is switched at once, a relay takes 100 + n*200 ms.
type padSim struct {
	*Keypad
	now     time.Time
	relayAt time.Time // when the running relay has ended
	running string
	last    time.Time // release of the last key
	log     []string
	heard   []byte
	relays  []string
	names   map[*Collector]string
	waits   []string // what is awaited still
	only    bool     // and no document has a code
}

func newPadSim(absorb bool, collectors ...*Collector) *padSim {
	s := &padSim{now: padEpoch, names: map[*Collector]string{}}
	s.Keypad = NewKeypad(s, absorb)
	for i, c := range collectors {
		s.names[c] = []string{"", "other "}[i]
	}
	s.Listen(collectors)
	return s
}

func (s *padSim) say(c *Collector, format string, args ...any) {
	s.log = append(s.log, s.names[c]+fmt.Sprintf(format, args...))
}

func (s *padSim) Armed(c *Collector) { s.say(c, "armed") }

func (s *padSim) Matched(c *Collector, m *Match, by Decision) {
	text := fmt.Sprintf("%ss.%s by %s", m.Kind, m.Key, by)
	if len(m.Captures) > 0 {
		text += " " + strings.Join(m.Captures, " ")
	}
	if by == ByTimeout {
		text += fmt.Sprintf(" after %v", s.now.Sub(s.last))
	}
	s.say(c, "%s", text)
}

func (s *padSim) Unmatched(c *Collector, keys int) { s.say(c, "unmatched %d", keys) }

func (s *padSim) Awaited(keys string, _ int) {
	s.log = append(s.log, "awaited "+keys)
	if i := slices.Index(s.waits, keys); i >= 0 {
		s.waits = slices.Delete(slices.Clone(s.waits), i, i+1)
	}
}

// awaits says what is awaited from now on, until it was pressed; behind "only" without the documents' codes.
func (s *padSim) awaits(keys string) {
	keys, s.only = strings.CutPrefix(keys, "only ")
	s.waits = strings.Fields(keys)
	s.Await(s.waits, nil, s.only)
}

// serve carries out what the keypad asks for, and what a call does about what is awaited.
func (s *padSim) serve() {
	if !slices.Equal(s.waits, s.awaited) {
		s.Await(s.waits, nil, s.only)
	}
	if digits := s.Relay(); digits != "" {
		s.running = digits
		s.relays = append(s.relays, digits)
		s.relayAt = s.now.Add(100*time.Millisecond + time.Duration(len(digits))*200*time.Millisecond)
	}
}

// advance lets time go by.
func (s *padSim) advance(d time.Duration) {
	to := s.now.Add(d)
	for {
		at := s.Deadline()
		relay := s.running != "" && (at.IsZero() || s.relayAt.Before(at))
		if relay {
			at = s.relayAt
		}
		if at.IsZero() || at.After(to) {
			break
		}
		if s.now = at; relay {
			s.heard = append(s.heard, s.running...)
			s.running = ""
			s.Relayed()
		} else {
			s.Expire(at)
		}
		s.serve()
	}
	s.now = to
}

// press holds a key for 100 ms.
func (s *padSim) press(key byte) {
	absorbed := s.Absorb()
	if !absorbed {
		s.heard = append(s.heard, key)
	}
	s.advance(100 * time.Millisecond)
	s.last = s.now
	s.Keypad.Press(key, absorbed, s.now.Add(-100*time.Millisecond), s.now)
	s.serve()
}

// play presses keys; <ms> is the silence before the next one, else 100.
func (s *padSim) play(keys string) {
	for keys != "" {
		if keys[0] == '<' {
			ms, rest, _ := strings.Cut(keys[1:], ">")
			d, _ := time.ParseDuration(ms + "ms")
			s.advance(d)
			keys = rest
			continue
		}
		s.press(keys[0])
		if keys = keys[1:]; keys != "" && keys[0] != '<' {
			s.advance(100 * time.Millisecond)
		}
	}
	s.advance(time.Minute)
}

// padDocument makes a document: words of digits are numbers, others patterns; name=value
// sets the rest.
func padDocument(t testing.TB, words string) *Effective {
	t.Helper()
	var numbers, patterns, rest []string
	for word := range strings.FieldsSeq(words) {
		name, value, set := strings.Cut(word, "=")
		switch {
		case set && name == "timeout":
			rest = append(rest, `"digit_timeout":`+value)
		case set:
			rest = append(rest, fmt.Sprintf("%q:%q", map[string]string{"bind": "binding_digit", "listen": "listen_on"}[name], value))
		case strings.Trim(word, "0123456789") == "":
			numbers = append(numbers, fmt.Sprintf(`%q:{"module":"test"}`, word))
		default:
			patterns = append(patterns, fmt.Sprintf(`%q:{"module":"test"}`, word))
		}
	}
	rest = append(rest, `"numbers":{`+strings.Join(numbers, ",")+`}`, `"patterns":{`+strings.Join(patterns, ",")+`}`)
	doc, err := ParseDocument([]byte("{" + strings.Join(rest, ",") + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return Merge(Settings{}, doc, nil, nil)
}

func padCollector(t testing.TB, words string, self bool) *Collector {
	if words == "" {
		return &Collector{Source: func() *Effective { return nil }, Self: self}
	}
	eff := padDocument(t, words)
	return &Collector{Source: func() *Effective { return eff }, Self: self}
}

// TestKeypad has what is said of keys (flows/README.md, Collecting; Keys in special places; Keeping keys), each as its own
// cases.
func TestKeypad(t *testing.T) {
	for _, c := range []struct {
		about string
		own   string // numbers and patterns of the presser
		other string // of the other leg's owner, who listens to this one
		keys  string
		want  string // what is reported
		heard string // what the other party hears
	}{
		// Collecting.
		{"a number is decided by its digit", `9 1 2(\d{4})`, "", "*9", "armed; numbers.9 by digit", "*"},
		{"a pattern by the digit that nothing can follow", `9 1 2(\d{4})`, "", "*21234", `armed; patterns.2(\d{4}) by digit 1234`, "*"},
		{"an open pattern by the time", `9 2(\d+)`, "", "*2123", `armed; patterns.2(\d+) by timeout 123 after 800ms`, "*"},
		{"a number beside a pattern by the time, the number first", `2 2(\d*)`, "", "*2", "armed; numbers.2 by timeout after 800ms", "*"},
		{"the number's pattern when more comes", `2 2(\d{2})`, "", "*213", `armed; patterns.2(\d{2}) by digit 13`, "*"},
		{"each digit starts the time anew", `2(\d+)`, "", "*<600>2<600>1<600>3", `armed; patterns.2(\d+) by timeout 13 after 800ms`, "*"},
		{"the time runs from release to release", `29`, "", "*2<690>9", "armed; numbers.29 by digit", "*"},
		{"the time of the document", `2 2(\d*) timeout=300`, "", "*2", "armed; numbers.2 by timeout after 300ms", "*"},
		{"digit_timeout 0 counts as not set", `2 2(\d*) timeout=0`, "", "*2", "armed; numbers.2 by timeout after 800ms", "*"},
		{"dead at once, later digits are plain", `9`, "", "*55", "armed; unmatched 1", "*55"},
		{"dead in the middle", `91`, "", "*923", "armed; unmatched 2", "*923"},
		{"out of time", `91`, "", "*9", "armed; unmatched 1", "*9"},
		{"out of time, then plain digits", `91`, "", "*9<900>1", "armed; unmatched 1", "*91"},
		{"without the binding digit nothing is a code", `9`, "", "9", "", "9"},
		{"an empty document does not arm", `bind=*`, "", "*9", "", "*9"},
		{"nobody's document", "", "", "*9", "", "*9"},
		{"listen_on peer does not hear its own keys", `9 listen=peer`, "", "*9", "", "*9"},

		// A key that some number or pattern can still use is collected, * and # too.
		{"* inside a code", `2\*(\d) 9`, "", "*2*9", `armed; patterns.2\*(\d) by digit 9`, "*"},
		{"# inside a code", `2#(\d) 2`, "", "*2#7", `armed; patterns.2#(\d) by digit 7`, "*"},
		{"# ends a code of its own", `(\d+)# 9`, "", "*12#", `armed; patterns.(\d+)# by digit 12`, "*"},
		{"the binding digit as the first key of a code", `\*(\d)`, "", "**5", `armed; patterns.\*(\d) by digit 5`, "*"},

		// Else the binding digit ends the sequence as the timeout would and arms again.
		{"the binding digit ends what matches and arms again", `2 2(\d+) 9`, "", "*2*9", "armed; numbers.2 by binding; armed; numbers.9 by digit", "*"},
		{"the binding digit ends what does not match and arms again", `2(\d) 9`, "", "*2*9", "armed; unmatched 1; armed; numbers.9 by digit", "*2"},
		{"twice over", `2(\d+) 9`, "", "*21*23*9", `armed; patterns.2(\d+) by binding 1; armed; patterns.2(\d+) by binding 3; armed; numbers.9 by digit`, "*"},
		{"it arms again and nothing follows", `2 2(\d+)`, "", "*2*", "armed; numbers.2 by binding; armed", "**"},

		// #, unless it is the binding digit, ends it and is not part of it.
		{"# ends a match", `2(\d+)`, "", "*21#", `armed; patterns.2(\d+) by hash 1`, "*"},
		{"# ends what does not match and is a digit then", `2(\d+)`, "", "*2#", "armed; unmatched 2", "*2#"},
		{"# at once", `2(\d+)`, "", "*#", "armed; unmatched 1", "*#"},
		{"# as the binding digit", `2 2(\d+) 9 bind=#`, "", "#2#9", "armed; numbers.2 by binding; armed; numbers.9 by digit", "#"},
		{"* beside the binding digit # is a digit like others", `9 bind=#`, "", "#*9", "armed; unmatched 1", "#*9"},
		{"a digit as the binding digit", `9 bind=5`, "", "559", "armed", "59"},

		// Another digit after a match ends it too and is relayed.
		{"a digit that the pattern cannot use", `2([1-4]+)`, "", "*2149", `armed; patterns.2([1-4]+) by digit 14`, "*9"},
		{"and more digits after it", `2([1-4]+)`, "", "*21956", `armed; patterns.2([1-4]+) by digit 1`, "*956"},

		// The 64th digit ends it.
		{"the 64th digit", `2(\d+)`, "", "*2" + strings.Repeat("1", 63) + "7",
			`armed; patterns.2(\d+) by limit ` + strings.Repeat("1", 63), "*7"},
		{"a code that needs more than 64 is dead at once", `2(\d{70})`, "", "*21", "armed; unmatched 1", "*21"},

		// A-D end it and are relayed.
		{"A ends a match and is relayed", `2(\d+)`, "", "*21A", `armed; patterns.2(\d+) by digit 1`, "*A"},
		{"D ends what does not match", `2(\d+)`, "", "*2D", "armed; unmatched 2", "*2D"},
		{"B after the binding digit", `2(\d+)`, "", "*B", "armed; unmatched 1", "*B"},

		// The binding digit twice disarms: the second is swallowed.
		{"twice", `9 2(\d{4})`, "", "**", "armed", "*"},
		{"twice, then plain digits", `9 2(\d{4})`, "", "**21234", "armed", "*21234"},
		{"three times", `9`, "", "***9", "armed; armed; numbers.9 by digit", "**"},

		// The binding digit alone, then silence: nothing happens. The empty sequence never matches.
		{"alone", `9 2(\d{4})`, "", "*", "armed", "*"},
		{"alone beside patterns that match nothing at all", `(\d*) (\d*)$`, "", "*", "armed", "*"},
		{"alone, and later a code", `9`, "", "*<900>*9", "armed; armed; numbers.9 by digit", "**"},

		// Absorbing: draining.
		{"what is typed during a relay joins the next one", `9`, "", "*5678", "armed; unmatched 1", "*5678"},
		{"a fast typist: nothing lost, nothing twice", `9`, "", "*7<40>1<40>2<40>3<40>4<40>5<40>6<40>7<40>8<40>9<40>0", "armed; unmatched 1", "*71234567890"},
		{"the binding digit during a relay arms again", `9`, "", "*5<20>*<20>9", "armed; unmatched 1; armed; numbers.9 by digit", "*5"},
		{"and is relayed when no code follows", `9`, "", "*5<20>*<20>6", "armed; unmatched 1; armed; unmatched 1", "*5*6"},
		{"the binding digit alone during a relay", `9`, "", "*5<20>*", "armed; unmatched 1; armed", "*5*"},
		{"twice during a relay: one is relayed", `9`, "", "*5<20>*<20>*<20>9", "armed; unmatched 1; armed", "*5*9"},
		{"after the relay digits pass", `9`, "", "*5<2000>6", "armed; unmatched 1", "*56"},

		// Two owners: the leg's own first; the first that is decided takes the digits and disarms the other.
		{"both have it: one start", `9`, `9 listen=both`, "*9", "armed; other armed; numbers.9 by digit", "*"},
		{"the other's shorter code is decided first", `91`, `9 listen=both`, "*91", "armed; other armed; other numbers.9 by digit", "*1"},
		{"its own shorter code is decided first", `9`, `91 listen=both`, "*91", "armed; other armed; numbers.9 by digit", "*1"},
		{"only the other has it", `1`, `9 listen=peer`, "*9", "armed; other armed; unmatched 1; other numbers.9 by digit", "*"},
		{"neither has it", `1`, `2 listen=both`, "*9", "armed; other armed; unmatched 1; other unmatched 1", "*9"},
		{"listen_on self of the other does not hear this leg", `1`, `9`, "*9", "armed; unmatched 1", "*9"},
		{"only the other has a document", "", `9 listen=both`, "*9", "other armed; other numbers.9 by digit", "*"},
		{"its own ends in time before the other's", `2 2(\d*) timeout=300`, `2(\d+) listen=both`, "*2", "armed; other armed; numbers.2 by timeout after 300ms", "*"},
		{"the other's ends in time first", `2(\d+)`, `2 2(\d*) listen=both timeout=300`, "*2", "armed; other armed; other numbers.2 by timeout after 300ms", "*"},
		{"both end at the same time: its own", `2 2(\d*)`, `2 2(\d*) listen=both`, "*2", "armed; other armed; numbers.2 by timeout after 800ms", "*"},
		{"twice disarms both", `9`, `9 listen=both`, "**9", "armed; other armed", "*9"},
		{"the other still collects when its own is dead", `91`, `923 listen=both`, "*923", "armed; other armed; unmatched 2; other numbers.923 by digit", "*"},

		// Two binding digits.
		{"each its own", `9`, `9 listen=both bind=#`, "*9<100>#9", "armed; numbers.9 by digit; other armed; other numbers.9 by digit", "*#"},
		{"the other's ends its own and arms", `9`, `9 listen=both bind=#`, "*#9", "armed; unmatched 1; other armed; other numbers.9 by digit", "*"},
		{"its own ends the other's and arms", `9`, `9 listen=both bind=#`, "#*9", "other armed; armed; other unmatched 1; numbers.9 by digit", "#"},
		{"the other's is part of its own code", `#9`, `#9 listen=both bind=#`, "*#9", "armed; other armed; patterns.#9 by digit", "*"},
		{"after a match by the other's binding digit", `2 2(\d*)`, `9 listen=both bind=#`, "*2#9", "armed; numbers.2 by hash", "*9"},
		{"a binding digit that is a digit of the other's code", `25`, `5 listen=both bind=2`, "*25", "armed; other armed; numbers.25 by digit", "*"},
		{"and is decided earlier", `256`, `5 listen=both bind=2`, "*256", "armed; other armed; other numbers.5 by digit", "*6"},
		{"the inner one fails, the outer goes on", `256`, `7 listen=both bind=2`, "*256", "armed; other armed; other unmatched 1; numbers.256 by digit", "*"},
		{"the outer fails, the inner goes on", `27`, `56 listen=both bind=2`, "*256", "armed; other armed; unmatched 2; other numbers.56 by digit", "*"},
		{"twice, but the first was the other's code: it arms", `5 bind=9`, `9 91 listen=both bind=*`, "*990",
			"other armed; armed; other numbers.9 by digit; armed; unmatched 1", "*90"},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := newPadSim(true, padCollector(t, c.own, true), padCollector(t, c.other, false))
			s.play(c.keys)
			if got := strings.Join(s.log, "; "); got != c.want {
				t.Errorf("%s reports\n  %s\nwant\n  %s", c.keys, got, c.want)
			}
			if string(s.heard) != c.heard {
				t.Errorf("%s is heard as %s, want %s", c.keys, s.heard, c.heard)
			}
			if i := slices.IndexFunc(s.relays, func(r string) bool { return len(r) > 4 }); i >= 0 {
				t.Errorf("a relay of %d digits", len(s.relays[i]))
			}
			if len(s.held) > 0 || len(s.outbox) > 0 || s.Absorb() || !s.Deadline().IsZero() {
				t.Errorf("at rest: %d held, %d to relay, absorb %v, deadline %v", len(s.held), len(s.outbox), s.Absorb(), s.Deadline())
			}
		})
	}
}

// TestKeypadOff: with ABSORB=off the other party hears everything, nothing is ever relayed, and codes work all the same.
func TestKeypadOff(t *testing.T) {
	for _, c := range []struct{ own, keys, want, heard string }{
		{`9`, "*9", "armed; numbers.9 by digit", "*9"},
		{`9`, "*55", "armed; unmatched 1", "*55"},
		{`9`, "**9", "armed", "**9"},
		{`2(\d+)`, "*21#3", `armed; patterns.2(\d+) by hash 1`, "*21#3"},
		{`2([1-4]+)`, "*219", `armed; patterns.2([1-4]+) by digit 1`, "*219"},
		{`2 2(\d*) 9`, "*2*9", "armed; numbers.2 by binding; armed; numbers.9 by digit", "*2*9"},
	} {
		s := newPadSim(false, padCollector(t, c.own, true))
		s.play(c.keys)
		if got := strings.Join(s.log, "; "); got != c.want || string(s.heard) != c.heard || s.relays != nil {
			t.Errorf("%s reports %s, is heard as %s, relayed %q; want %s, %s, nothing", c.keys, got, s.heard, s.relays, c.want, c.heard)
		}
	}
}

// TestKeypadFate has keys that began before absorb had been switched: they were heard, so they are never relayed.
func TestKeypadFate(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"*.5.", ""}, // . : was heard
		{"*.5a", "5"},
		{"*.5.6a", "6"},
		{"*.5a6.", "5"},
		{"*.9a", ""},
		{"*.9.", ""},
		{"*a5a", "*5"},
		{"*.*a5a", "5"},
		{"*a*a5.", "*"},
	} {
		s := newPadSim(true, padCollector(t, "9", true))
		for i := 0; i < len(c.keys); i += 2 {
			s.now = s.now.Add(10 * time.Millisecond)
			s.Press(c.keys[i], c.keys[i+1] == 'a', s.now, s.now)
		}
		s.serve()
		s.advance(time.Minute)
		if got := string(s.heard); got != c.want {
			t.Errorf("%s relays %q, want %q", c.keys, got, c.want)
		}
	}
}

// TestKeypadLate: a key that is looked at late counts by its arrival, and one that came in time is not cut off by a timer
// that fires meanwhile.
func TestKeypadLate(t *testing.T) {
	s := newPadSim(true, padCollector(t, "2 29", true))
	s.Press('*', false, padEpoch, padEpoch)
	s.Press('2', true, padEpoch.Add(100*time.Millisecond), padEpoch.Add(100*time.Millisecond))
	s.Expire(padEpoch.Add(899 * time.Millisecond))
	s.Press('9', true, padEpoch.Add(899*time.Millisecond), padEpoch.Add(899*time.Millisecond))
	if got := strings.Join(s.log, "; "); got != "armed; numbers.29 by digit" {
		t.Errorf("in time: %s", got)
	}
	s = newPadSim(true, padCollector(t, "2 29", true))
	s.Press('*', false, padEpoch, padEpoch)
	s.Press('2', true, padEpoch.Add(100*time.Millisecond), padEpoch.Add(100*time.Millisecond))
	s.Press('9', true, padEpoch.Add(900*time.Millisecond), padEpoch.Add(900*time.Millisecond)) // the timer has not fired yet, its time is over all the same
	s.serve()
	if got := strings.Join(s.log, "; "); !strings.HasPrefix(got, "armed; numbers.2 by timeout") || s.running != "9" {
		t.Errorf("too late: %s, relay %q", got, s.running)
	}
}

// TestKeypadLong: a key that is down when the time of a binding digit ends belongs to the code, however long it is held; a
// key that begins later does not, nor one that is held while digits were collected.
func TestKeypadLong(t *testing.T) {
	const ms = time.Millisecond
	type key struct {
		key         byte
		begin, hold time.Duration
	}
	for _, c := range []struct {
		keys         []key
		said, relays string
	}{
		{[]key{{'*', 0, 100 * ms}, {'9', 300 * ms, 700 * ms}}, "armed; numbers.9 by digit", ""},
		{[]key{{'*', 0, 100 * ms}, {'9', 899 * ms, 20000 * ms}}, "armed; numbers.9 by digit", ""},
		{[]key{{'*', 0, 100 * ms}, {'9', 900 * ms, 50 * ms}}, "armed", "9"},
		{[]key{{'*', 0, 100 * ms}, {'5', 300 * ms, 700 * ms}}, "armed; unmatched 1", "5"},
		{[]key{{'*', 0, 100 * ms}, {'*', 300 * ms, 700 * ms}, {'9', 1100 * ms, 100 * ms}}, "armed", "9"}, // ** : what follows is plain
		{[]key{{'*', 0, 100 * ms}, {'2', 300 * ms, 900 * ms}, {'1', 1300 * ms, 100 * ms}}, "armed; numbers.21 by digit", ""},
		{[]key{{'*', 0, 100 * ms}, {'2', 300 * ms, 100 * ms}, {'1', 500 * ms, 1000 * ms}}, "armed; unmatched 1", "21"},
		{[]key{{'*', 0, 100 * ms}, {'9', 300 * ms, 700 * ms}, {'*', 1100 * ms, 100 * ms}, {'9', 1300 * ms, 900 * ms}},
			"armed; numbers.9 by digit; armed; numbers.9 by digit", ""},
	} {
		s := newPadSim(true, padCollector(t, "9 21", true))
		for _, k := range c.keys {
			began, at := padEpoch.Add(k.begin), padEpoch.Add(k.begin+k.hold)
			s.advance(at.Sub(s.now))
			s.Press(k.key, k.key != '*', began, at)
			s.serve()
		}
		s.advance(time.Minute)
		if got := strings.Join(s.log, "; "); got != c.said || strings.Join(s.relays, "") != c.relays {
			t.Errorf("%v: %s, relayed %q; want %s, %q", c.keys, got, s.relays, c.said, c.relays)
		}
	}
	// Two owners with binding digits of their own: the second is armed inside of the first's sequence.
	s := newPadSim(true, padCollector(t, `\*9 bind=# timeout=9000`, true), padCollector(t, "9 listen=both", false))
	for i, key := range []byte("#*9") {
		at := padEpoch.Add(time.Duration(i) * 1200 * ms)
		s.advance(at.Sub(s.now))
		s.Press(key, i > 0, at.Add(-600*ms), at)
	}
	if got := strings.Join(s.log, "; "); got != "armed; other armed; patterns.\\*9 by digit" || len(s.held) > 0 {
		t.Errorf("two owners: %s, %d held", got, len(s.held))
	}
}

// TestKeypadDrop: a leg that hangs up or is transferred takes with it what was still to be relayed.
func TestKeypadDrop(t *testing.T) {
	s := newPadSim(true, padCollector(t, "91", true))
	for i, key := range []byte("*5678*9") {
		s.Press(key, i > 0, padEpoch.Add(time.Duration(i)*time.Millisecond), padEpoch.Add(time.Duration(i)*time.Millisecond))
	}
	if s.Relay() != "5678" {
		t.Fatal("nothing was to be relayed")
	}
	s.Drop()
	s.Relayed()
	if s.Relay() != "" || s.Absorb() || !s.Deadline().IsZero() || len(s.held) > 0 {
		t.Error("something is left after Drop")
	}
}

// TestKeypadListen: a collector that stays keeps its sequence when another comes or goes.
func TestKeypadListen(t *testing.T) {
	own, other := padCollector(t, "91", true), padCollector(t, "91 listen=both", false)
	s := newPadSim(true, own, other)
	s.Listen([]*Collector{own})
	s.Press('*', false, padEpoch, padEpoch)
	s.Press('9', true, padEpoch, padEpoch)
	s.Listen([]*Collector{own, other})
	s.Press('1', true, padEpoch, padEpoch)
	if got := strings.Join(s.log, "; "); got != "armed; numbers.91 by digit" {
		t.Errorf("reports %s", got)
	}
	s.log = nil
	s.Press('*', false, padEpoch, padEpoch)
	s.Press('9', true, padEpoch, padEpoch)
	s.Listen(nil)
	if s.Relay() != "9" {
		t.Error("a key of a sequence whose collectors are gone is not relayed")
	}
}

// TestKeypadDocumentChange: a sequence goes on with the documents that held when its binding digit was pressed.
func TestKeypadDocumentChange(t *testing.T) {
	eff := padDocument(t, "91")
	s := newPadSim(true, &Collector{Self: true, Source: func() *Effective { return eff }})
	s.Press('*', false, padEpoch, padEpoch)
	eff = padDocument(t, "9 bind=#")
	s.Press('9', true, padEpoch, padEpoch)
	s.Press('1', true, padEpoch, padEpoch)
	s.Press('*', false, padEpoch, padEpoch)
	s.Press('#', false, padEpoch, padEpoch)
	s.Press('9', true, padEpoch, padEpoch)
	if got := strings.Join(s.log, "; "); got != "armed; numbers.91 by digit; armed; numbers.9 by digit" {
		t.Errorf("reports %s", got)
	}
}

// TestKeypadCorrect: a key that Asterisk puts back begins when it was let go of already. Whether it was kept from the other party
// is known then, and it is relayed if so: once, and never if it is part of a code.
func TestKeypadCorrect(t *testing.T) {
	for _, c := range []struct {
		about    string
		keys     string
		absorbed bool // the last one, as it seems when it is told
		correct  []bool
		relayed  bool // before that
		want     string
	}{
		{"no code, it was kept", "*5", false, []bool{true}, false, "5"},
		{"no code, it was heard", "*5", true, []bool{false}, false, ""},
		{"no code, it was kept after all", "*5", true, []bool{false, true}, false, "5"},
		{"no code, it was relayed", "*5", true, []bool{false, true}, true, ""},
		{"a code", "*9", false, []bool{true}, false, ""},
		{"the binding digit twice", "**", false, []bool{true}, false, ""},
		{"not let go of yet", "*8", false, []bool{true}, false, ""},
	} {
		s := newPadSim(true, padCollector(t, "9 81", true))
		last := len(c.keys) - 1
		for i := range len(c.keys) {
			s.Press(c.keys[i], i == last && c.absorbed, padEpoch, padEpoch)
		}
		if c.relayed {
			s.Relay()
			s.Relayed()
		}
		for _, absorbed := range c.correct {
			s.Correct(absorbed)
		}
		if got := s.Relay(); got != c.want {
			t.Errorf("%s: %q is relayed, want %q", c.about, got, c.want)
		}
		if got, want := s.Swallowed(), c.keys == "*9" || c.keys == "**"; got != want {
			t.Errorf("%s: swallowed is %v", c.about, got)
		}
		s.Drop()
		if s.Correct(true); s.Relay() != "" {
			t.Errorf("%s: something is left after Drop", c.about)
		}
	}
}
