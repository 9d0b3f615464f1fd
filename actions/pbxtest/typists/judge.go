package typists

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Outcome is what came of a story; the times are since its begin.
type Outcome struct {
	// Reported are the keys as Asterisk has told of them, each once. It reads those of who types fast, or while digits are sent
	// to the own phone, late (ari/ASTERISK.md, Digits): Up is when it was told, Down by its length before that.
	Reported []Key
	Heard    []Digit
	// Joined are the moments at which somebody's leg was added to the bridge again, where that can be heard. The key that the
	// other is just holding is then heard twice, the second time by its end alone, and no request avoids it (ari/ASTERISK.md,
	// Two who press at once).
	Joined  []Joined
	Decided []Code        // code.matched
	Begun   []Code        // one for each action of a code, whether it succeeded or failed
	Over    time.Duration // when somebody was taken off the call by an action; 0: never

	begun map[string]bool // the ids of the actions that have begun
}

// Told takes an event about a code: kind is its type, action the id of the action, "" for none.
func (o *Outcome) Told(kind, action string, code Code) {
	switch {
	case kind == "code.matched":
		o.Decided = append(o.Decided, code)
	case (kind == "action.started" || kind == "action.failed") && !o.begun[action]:
		if o.begun == nil {
			o.begun = map[string]bool{}
		}
		o.begun[action] = true
		o.Begun = append(o.Begun, code)
	}
}

// Digit is one that somebody's phone has played.
type Digit struct {
	Who      string
	Key      byte
	From, To time.Duration
}

// Joined is when somebody's leg was added to the bridge.
type Joined struct {
	Who string
	At  time.Duration
}

// Code is one that somebody has pressed: numbers.10.
type Code struct {
	Who, Path string
	At        time.Duration
}

// deaf: whoever's own phone is being sent a digit, or was until so long ago, cannot be added to the bridge again then, so that
// what follows a binding digit may be heard (flows/README.md, Keeping keys). A relay has a silence before it, in which the
// leg cannot be added again either (ari/ASTERISK.md, Absorb and relay). Nor can it where nobody can say what the other is at.
const (
	deafBefore = 120 * time.Millisecond
	deafAfter  = 330 * time.Millisecond
)

// deafTime is how long a phone is deaf for its own keys after a digit that it is sent, to a frame of audio.
const (
	deafTime = 500 * time.Millisecond
	frame    = 25 * time.Millisecond
)

// pending is how long before an action takes somebody off the call digits may still wait to be relayed; they are dropped then.
const pending = 6 * time.Second

// Judge says what is wrong with an outcome. A code may be told so much after the key, or the time, that decides it.
func (s *Story) Judge(o Outcome, late time.Duration) error {
	var wrong []error
	for i, who := range s.People() {
		listener := s.People()[1-i]
		typed, told := keysOf(s.Keys, who), keysOf(o.Reported, who)
		if err := misread(typed, told, o.Over); err != nil {
			wrong = append(wrong, fmt.Errorf("of %s's keys Asterisk has %w", who, err))
			continue
		}
		r := s.meaning(o, who)
		waited := s.meaning(o, listener).doubts
		for _, d := range o.heardBy(who) {
			waited = append(waited, span{d.From - deafBefore, d.To + deafAfter})
		}
		wrong = append(wrong, judgeHearing(who, listener, want(typed, told, r.fates, waited, o.joinedWhile(listener, typed), o.Over), o.heardBy(listener)),
			r.judgeActs(who, "is decided", o.Decided, o.Over, late), r.judgeActs(who, "acts", o.Begun, o.Over, late))
	}
	return errors.Join(wrong...)
}

// meaning is what the keys of somebody mean, as they were told. While the other holds a key that passes, nobody knows of that
// key before it is released; but the own phone is deaf meanwhile, and a digit of it that is put back comes again when nobody
// expects it (ari/ASTERISK.md, Digits). When a phone becomes deaf, or ceases to be, is known to a packet: so nobody can say when a
// key begins that is pressed or released just then, or is down when it ceases to be for a packet.
func (s *Story) meaning(o Outcome, who string) *reader {
	told, hears := keysOf(o.Reported, who), o.heardBy(who)
	var down []span
	for _, d := range hears {
		for _, k := range o.Reported {
			if k.Who != who && k.Key == d.Key && k.Down <= d.From+slack && k.Up >= d.From {
				down = append(down, span{d.From, k.Up + slack})
			}
		}
	}
	return read(s.codes, told, func(i int) bool {
		k := told[i]
		return slices.ContainsFunc(down, func(s span) bool { return s.holds(k.Up) }) ||
			slices.ContainsFunc(hears, func(d Digit) bool {
				again := d.To + deafTime
				return (d.From-k.Down).Abs() < frame || (again-k.Up).Abs() < frame || again > k.Down && again < k.Up &&
					slices.ContainsFunc(hears, func(next Digit) bool { return (again - next.From).Abs() < frame })
			})
	})
}

// People are those two, in the order of their first keys.
func (s *Story) People() (both []string) {
	for _, k := range s.Keys {
		if !slices.Contains(both, k.Who) {
			both = append(both, k.Who)
		}
	}
	return both
}

func keysOf(all []Key, who string) (keys []Key) {
	for _, k := range all {
		if k.Who == who {
			keys = append(keys, k)
		}
	}
	return keys
}

// misread says that what was reported is not what was typed, as long as both were on the call.
func misread(typed, told []Key, over time.Duration) error {
	for i, k := range typed {
		switch {
		case i < len(told) && told[i].Key == k.Key:
		case i >= len(told) && over > 0 && k.Up > over-pending:
			return nil
		case i >= len(told):
			return fmt.Errorf("not told of %c, pressed until %s", k.Key, clock(k.Up))
		default:
			return fmt.Errorf("told of %c instead of %c, pressed until %s", told[i].Key, k.Key, clock(k.Up))
		}
	}
	if len(told) > len(typed) {
		return fmt.Errorf("told of %d keys more than there were", len(told)-len(typed))
	}
	return nil
}

// heardBy is what somebody has heard while both were on the call.
func (o Outcome) heardBy(who string) (digits []Digit) {
	for _, d := range o.Heard {
		if d.Who == who && (o.Over == 0 || d.From < o.Over) {
			digits = append(digits, d)
		}
	}
	return digits
}

// joinedWhile says of each of the keys that the one who hears it was added to the bridge while it was down.
func (o Outcome) joinedWhile(listener string, keys []Key) []bool {
	twice := make([]bool, len(keys))
	for i, k := range keys {
		twice[i] = slices.ContainsFunc(o.Joined, func(j Joined) bool { return j.Who == listener && j.At > k.Down-slack && j.At < k.Up+slack })
	}
	return twice
}

// want is a pattern of what the other party may hear of somebody's keys, who cannot be added to the bridge at some times.
// Some keys may be heard twice.
func want(typed, told []Key, fates []fate, waited []span, twice []bool, over time.Duration) string {
	var b strings.Builder
	for i, k := range told {
		f := fates[i]
		switch {
		case over > 0 && k.Up > over:
			f = perhaps // it is down then
		case over > 0 && f == heard && k.Up > over-pending:
			f = perhaps
		case f == kept && slices.ContainsFunc(waited, func(w span) bool { return k.Up > w.from && typed[i].Down < w.to }):
			f = perhaps
		}
		b.WriteString(regexp.QuoteMeta(string(k.Key)))
		switch {
		case f == kept:
			b.WriteString("{0}")
		case f == unsure || f == perhaps && twice[i]:
			b.WriteString("{0,2}")
		case f == perhaps:
			b.WriteString("?")
		case twice[i]:
			b.WriteString("{1,2}")
		}
	}
	if over > 0 && len(told) < len(typed) { // that one may be down then, and never be told of
		b.WriteString(regexp.QuoteMeta(string(typed[len(told)].Key)) + "?")
	}
	return b.String()
}

func judgeHearing(who, listener, want string, hears []Digit) error {
	var got strings.Builder
	for _, d := range hears {
		got.WriteByte(d.Key)
	}
	if regexp.MustCompile("^" + want + "$").MatchString(got.String()) {
		return nil
	}
	return fmt.Errorf("of %s's keys %s has heard %q, want %s (? is for what may be heard or not)", who, listener, got.String(), want)
}

// judgeActs holds the codes that were to act against those that did, each once and in its time.
func (r *reader) judgeActs(who, what string, got []Code, over, late time.Duration) error {
	var wrong []error
	got = slices.DeleteFunc(slices.Clone(got), func(c Code) bool { return c.Who != who || over > 0 && c.At > over })
	for _, a := range r.acts {
		i := slices.IndexFunc(got, func(c Code) bool {
			return c.Path == a.path && c.At >= a.at-late && c.At <= a.at+late
		})
		switch {
		case i >= 0:
			got = slices.Delete(got, i, i+1)
		case over == 0 || a.at < over-late:
			wrong = append(wrong, fmt.Errorf("%s of %s, pressed until %s, never %s", a.path, who, clock(a.at), what))
		}
	}
	for _, c := range got {
		if slices.ContainsFunc(r.doubts, func(s span) bool { return c.At >= s.from && c.At <= s.to+late }) {
			continue
		}
		wrong = append(wrong, fmt.Errorf("%s of %s %s at %s and should not", c.Path, c.Who, what, clock(c.At)))
	}
	return errors.Join(wrong...)
}

// Tell tells a story for people: who pressed what and when, what becomes of it (! heard, ? perhaps, - not, ~ nobody
// can say), and the codes.
func (s *Story) Tell(o Outcome) string {
	type line struct {
		at   time.Duration
		text string
	}
	lines := []line{}
	for _, who := range s.People() {
		told := keysOf(o.Reported, who)
		r := s.meaning(o, who)
		for i, k := range keysOf(s.Keys, who) {
			text := fmt.Sprintf("%s presses %c until %s", who, k.Key, clock(k.Up))
			if i < len(told) {
				text = fmt.Sprintf("%s, told at %s %c", text, clock(told[i].Up), "!?-~"[r.fates[i]])
			}
			lines = append(lines, line{k.Down, text})
		}
		for _, a := range r.acts {
			lines = append(lines, line{a.at, who + "'s code " + a.path})
		}
	}
	for _, d := range o.Heard {
		lines = append(lines, line{d.From, fmt.Sprintf("%s hears %c", d.Who, d.Key)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %s\n", s.Seed, s.Document)
	for _, l := range lines {
		fmt.Fprintf(&b, "%8s  %s\n", clock(l.at), l.text)
	}
	return b.String()
}

func clock(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
