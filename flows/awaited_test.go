package flows

import (
	"strings"
	"testing"
	"time"
)

// TestKeypadAwaited has what is said of awaited keys (flows/README.md, Awaited keys), each as its own cases. What was pressed
// is not awaited any more.
func TestKeypadAwaited(t *testing.T) {
	for _, c := range []struct {
		about   string
		own     string // numbers and patterns of the presser
		other   string // of the other leg's owner, who listens to this one
		awaited string // the first goes first
		keys    string
		want    string // what is reported
		heard   string // what the other party hears
	}{
		// One key.
		{"a plain key, which passes", `9`, "", "1", "11", "awaited 1", "11"},
		{"without any documents", "", "", "#", "5#", "awaited #", "5#"},
		{"not one of a code", `2(\d{4})`, "", "1", "*21003", `armed; patterns.2(\d{4}) by digit 1003`, "*"},
		{"not one of what was to be a code", `9`, "", "2", "*2", "armed; unmatched 1", "*2"},
		{"not the key that has ended a code", `2([1-4]+)`, "", "9", "*219", `armed; patterns.2([1-4]+) by digit 1`, "*9"},
		{"it is not relayed behind what was", `9`, "", "1", "*21", "armed; unmatched 1; awaited 1", "*2"},
		{"after the time of the binding digit", `91`, "", "1", "*<900>1", "armed; awaited 1", "*1"},
		{"after the binding digit twice", `91`, "", "1", "**1", "armed; awaited 1", "*1"},
		{"the binding digit itself", `9`, "", "*", "*9", "awaited *", "*9"},
		{"while another owner's code is pressed", `9`, `12 bind=# listen=both`, "1", "#12", "other armed; other numbers.12 by digit", "#"},

		// Several that begin with the binding digit.
		{"a temporary code", `9`, "", "*1", "*1", "armed; awaited *1", "*"},
		{"before the same number", `1`, "", "*1", "*1*1", "armed; awaited *1; armed; numbers.1 by digit", "**"},
		{"before the same keys of a pattern", `(\d)`, "", "*1", "*1*2", `armed; awaited *1; armed; patterns.(\d) by digit 2`, "**"},
		{"before what begins with it", `12 1(\d+)`, "", "*1", "*12", "armed; awaited *1", "*2"},
		{"before what it begins with", `1`, "", "*12", "*12", "armed; awaited *12", "*"},
		{"that runs when nothing else comes", `1`, "", "*12", "*1", "armed; numbers.1 by timeout after 800ms", "*"},
		{"or another key", `1`, "", "*12", "*15", "armed; numbers.1 by digit", "*5"},
		{"the others run", `9 2(\d+)`, "", "*1", "*9*23", `armed; numbers.9 by digit; armed; patterns.2(\d+) by timeout 3 after 800ms`, "**"},
		{"neither", `9`, "", "*12", "*13", "armed; unmatched 2", "*13"},
		{"in its time", `9`, "", "*12", "*1<900>2", "armed; unmatched 1", "*12"},
		{"the binding digit twice", `9`, "", "**", "**9", "armed; awaited **", "*9"},
		{"with # and *", `9 2(\d+)`, "", "*2#*", "*2#*", "armed; awaited *2#*", "*"},
		{"where it is another one", `9 bind=#`, "", "#1 *1", "#1*1", "armed; awaited #1; awaited *1", "#*1"},
		{"whoever listens", `9 listen=peer`, "", "*1", "*9*1", "armed; unmatched 1; armed; awaited *1", "*9"},
		{"where nothing is a code", `bind=*`, "", "*1", "*1", "armed; awaited *1", "*"},
		{"several of them", `9`, "", "*1 *12 *2", "*2*1", "armed; awaited *2; armed; awaited *1", "**"},
		{"of another owner who listens", "", `1 listen=both`, "*1", "*1", "other armed; awaited *1", "*"},
		{"of two", `9`, `1 listen=both`, "*12", "*12", "armed; other armed; awaited *12", "*"},
		{"not of another owner who does not", "", `1 listen=self`, "*1", "*1", "awaited *1", "*1"},

		// Several others.
		{"the end of what was pressed", `9`, "", "##", "5##", "awaited ##", "5##"},
		{"and of nothing else", `9`, "", "##", "#5#", "", "#5#"},
		{"more than twice", `9`, "", "##", "###", "awaited ##", "###"},
		{"behind what was no code", `9`, "", "55", "*55", "armed; unmatched 1; awaited 55", "*5"},
		{"when it turns out to be none", `291`, "", "29", "*29", "armed; unmatched 2; awaited 29", "*2"},
		{"not out of a code", `2(\d{4})`, "", "00", "*21003", `armed; patterns.2(\d{4}) by digit 1003`, "*"},
		{"not across one", `9`, "", "11", "1*91", "armed; numbers.9 by digit", "1*1"},
		{"nor the end of one", `9`, "", "91", "*91", "armed; numbers.9 by digit", "*1"},
		{"not across another that was awaited", `9`, "", "2 11", "121", "awaited 2", "121"},
		{"it ends with the binding digit", `9`, "", "5*", "5*9", "awaited 5*", "5*9"},

		// Without the documents' codes.
		{"the documents have none", `9 2(\d+)`, "", "only *1 *2", "*9*2", "armed; unmatched 1; armed; awaited *2", "*9"},
		{"not even what is longer", `12 1(\d+)`, "", "only *1", "*12", "armed; awaited *1", "*2"},
		{"nor those of who listens", `9`, `8 listen=both`, "only *1", "*8*1", "armed; other armed; unmatched 1; other unmatched 1; armed; other armed; awaited *1", "*8"},
		{"where the binding digit begins nothing", `9`, "", "only 1", "*91", "awaited 1", "*91"},

		// Which goes first.
		{"the first", `9`, "", "#1 1", "#1", "awaited #1", "#1"},
		{"whatever it is", `9`, "", "1 #1", "#1", "awaited 1", "#1"},
		{"each has its turn", `9`, "", "1 1", "111", "awaited 1; awaited 1", "111"},
	} {
		collectors := []*Collector{padCollector(t, c.own, true)}
		if c.other != "" {
			collectors = append(collectors, padCollector(t, c.other, false))
		}
		s := newPadSim(true, collectors...)
		s.awaits(c.awaited)
		s.play(c.keys)
		if got := strings.Join(s.log, "; "); got != c.want {
			t.Errorf("%s: %s awaited, %s reports\n  %s\nwant\n  %s", c.about, c.awaited, c.keys, got, c.want)
		}
		if string(s.heard) != c.heard {
			t.Errorf("%s: %s awaited, of %s the other party hears %q, want %q", c.about, c.awaited, c.keys, s.heard, c.heard)
		}
		if s.Absorb() || len(s.held) > 0 || !s.Deadline().IsZero() {
			t.Errorf("%s: %s does not come to rest", c.about, c.keys)
		}
	}
}

// TestKeypadAwaitedMeanwhile: what is awaited counts for what is pressed from then on; what is awaited no more counts for
// nothing, and is swallowed where it was begun as a code.
func TestKeypadAwaitedMeanwhile(t *testing.T) {
	press := func(s *padSim, keys string) {
		for _, key := range []byte(keys) {
			s.press(key)
		}
	}
	for _, c := range []struct {
		about         string
		first, before string // what is awaited, and pressed then
		then, after   string
		want          string
	}{
		{"one key", "", "1", "1", "1", "awaited 1"},
		{"one key no more", "1", "", "", "1", ""},
		{"the end of several", "", "#", "##", "#", ""},
		{"a code that was begun", "", "*", "*1", "1", "armed; unmatched 1"},
		{"a code no more", "*1", "*", "", "1", "armed; awaited *1"},
		{"another code", "*1", "*", "*1 *2", "1", "armed; awaited *1"},
	} {
		s := newPadSim(true, padCollector(t, "9", true))
		s.awaits(c.first)
		press(s, c.before)
		s.awaits(c.then)
		press(s, c.after)
		s.advance(time.Minute)
		if got := strings.Join(s.log, "; "); got != c.want {
			t.Errorf("%s: %s, want %s", c.about, got, c.want)
		}
	}
	s := newPadSim(true, padCollector(t, "9", true))
	s.awaits("1 ##")
	s.press('#')
	s.Drop()
	if s.press('#'); len(s.log) > 0 {
		t.Errorf("across Drop: %s", s.log)
	}
	s.Close()
	s.awaits("1")
	if press(s, "1##"); len(s.log) > 0 {
		t.Errorf("after Close: %s", s.log)
	}
}

// TestKeypadAwaitedLong: a key that is down when the time of a binding digit ends belongs to the code, awaited or not.
func TestKeypadAwaitedLong(t *testing.T) {
	for _, c := range []struct{ awaited, want string }{
		{"9", "armed; numbers.9 by digit"},
		{"*9", "armed; awaited *9"},
	} {
		s := newPadSim(true, padCollector(t, "9", true))
		s.awaits(c.awaited)
		s.press('*')
		down := s.now.Add(300 * time.Millisecond)
		s.advance(5 * time.Second)
		s.Press('9', true, down, s.now)
		s.serve()
		if s.advance(time.Minute); strings.Join(s.log, "; ") != c.want || s.relays != nil {
			t.Errorf("%s awaited: %s, relayed %q; want %s", c.awaited, s.log, s.relays, c.want)
		}
	}
}

// TestKeypadAwaitedCorrect: an awaited key that Asterisk puts back is not relayed if it is kept from the other party after all.
func TestKeypadAwaitedCorrect(t *testing.T) {
	for _, awaited := range []string{"5", "55"} {
		s := newPadSim(true, padCollector(t, "9", true))
		s.awaits(awaited)
		for range awaited {
			s.Press('5', false, s.now, s.now)
		}
		s.Correct(true)
		if got := s.Relay(); got != "" || strings.Join(s.log, "; ") != "awaited "+awaited {
			t.Errorf("%s: %q is relayed, %s", awaited, got, s.log)
		}
	}
}

// TestKeypadAwaitedOff: with ABSORB=off the other party hears everything, and what is awaited counts all the same.
func TestKeypadAwaitedOff(t *testing.T) {
	for _, c := range []struct{ awaited, keys, want string }{
		{"1", "*91", "armed; numbers.9 by digit; awaited 1"},
		{"*1", "*1", "armed; awaited *1"},
		{"##", "5##", "awaited ##"},
	} {
		s := newPadSim(false, padCollector(t, "9", true))
		s.awaits(c.awaited)
		s.play(c.keys)
		if got := strings.Join(s.log, "; "); got != c.want || string(s.heard) != c.keys || s.relays != nil {
			t.Errorf("%s awaited: %s reports %s, is heard as %s, relayed %q; want %s", c.awaited, c.keys, got, s.heard, s.relays, c.want)
		}
	}
}
