// Package typists makes up what two people press in a call, each without looking at the other, and judges what came of it:
// whatever has just been done by either, a code acts once, at the key that decides it, and the other party hears no more of it
// than its binding digit, but everything else, in order and once (flows/README.md, Keeping keys). It serves tests, on the
// telephone system in memory and on a real Asterisk.
package typists

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Key is one key that somebody has pressed; the times are since the story's begin.
type Key struct {
	Who      string
	Key      byte
	Down, Up time.Duration
}

// Story is what two people press, and what it means.
type Story struct {
	Seed uint64
	// Document is their account's.
	Document string
	// Keys are those of both, in the order in which they are pressed.
	Keys  []Key
	codes []code
}

// code is one of the document's codes: d stands for any digit.
type code struct{ form, path, module string }

// ends says of modules that nobody talks any more when they have run. Such a code is the last that somebody presses, so that
// most stories go on; a module that is missing here makes stories shorter, and nothing else.
var ends = map[string]bool{"hangup": true}

// targets are what captures say. Of the extensions that a transfer may dial the first two exist, so that it ends the story.
var targets = []string{"1234", "1999", "7777", "0000"}

// New makes up a story of two people, with codes for each of the modules: one that is decided at its last key, one with
// captures, and one that may go on.
func New(seed uint64, modules []string, first, second string) Story {
	r := rand.New(rand.NewPCG(seed, 12))
	s := Story{Seed: seed, codes: codes(r, slices.Sorted(slices.Values(modules)))}
	s.Document = document(s.codes, pick(r, "self", "both"))
	s.codes = slices.DeleteFunc(s.codes, func(c code) bool { return c.module == "none" }) // it switches a code off
	both := []*typist{{who: first}, {who: second}}
	for _, p := range both {
		p.last = between(r, 0, 2*time.Second)
		phrases := 3 + r.IntN(6)
		for n := range phrases {
			p.keys += phrase(r, s.codes, n == phrases-1)
		}
	}
	turns := r.IntN(2) == 0 // never a key of both is down
	for both[0].keys != "" || both[1].keys != "" {
		p, other := both[0], both[1]
		if p.keys == "" || other.keys != "" && r.IntN(2) == 0 {
			p, other = other, p
		}
		earliest := p.last
		if turns {
			earliest = max(p.last, other.last)
		}
		s.Keys = append(s.Keys, p.press(r, earliest))
	}
	slices.SortStableFunc(s.Keys, func(a, b Key) int { return cmp.Compare(a.Down, b.Down) })
	return s
}

// typist is one of them as the story is made up.
type typist struct {
	who  string
	keys string        // still to be pressed
	last time.Duration // when the last one was released
}

// press is the typist's next key, not before a time.
func (p *typist) press(r *rand.Rand, earliest time.Duration) Key {
	for {
		k := Key{p.who, p.keys[0], earliest + pause(r), 0}
		k.Up = k.Down + length(r)
		if doubtful(k.Down-p.last) || doubtful(k.Up-p.last) || k.Up-p.last > max(longest, earliest-p.last+time.Second) {
			continue
		}
		p.keys, p.last = p.keys[1:], k.Up
		return k
	}
}

// longest is from one release to the next. After 5 s the keys of a leg pass again, and one that is down then is heard twice by
// a real phone (flows/README.md, Keeping keys).
const longest = 4500 * time.Millisecond

// doubtful says of a time from a release to what is next that it is so near to the end of the time-out that either may come
// first: Asterisk reads the keys of a fast typist some tenths of a second late (ari/ASTERISK.md, Digits).
func doubtful(d time.Duration) bool {
	return d > digitTimeout-200*time.Millisecond && d < digitTimeout+500*time.Millisecond
}

// pause is between two keys: mostly as a person types who knows the number, now and then one who looks it up.
func pause(r *rand.Rand) time.Duration {
	switch r.IntN(8) {
	case 0:
		return between(r, 0, 3*time.Second) + 40*time.Millisecond
	case 1, 2, 3:
		return between(r, 40*time.Millisecond, 120*time.Millisecond)
	default:
		return between(r, 100*time.Millisecond, 500*time.Millisecond)
	}
}

// length is how long a key is held.
func length(r *rand.Rand) time.Duration {
	switch r.IntN(8) {
	case 0:
		return between(r, 40*time.Millisecond, 2500*time.Millisecond)
	case 1, 2:
		return between(r, 40*time.Millisecond, 80*time.Millisecond)
	default:
		return between(r, 80*time.Millisecond, 200*time.Millisecond)
	}
}

// between is a time in packets of audio, as a phone has it.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	const packet = 20 * time.Millisecond
	return from + packet*time.Duration(r.IntN(int((to-from)/packet)+1))
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// open is a code that waits for the time-out, or #, since another begins with it.
const open = "9"

// codes are two-digit numbers, numbers with four digits behind them, and 9 and 90, of which the first waits for the second.
func codes(r *rand.Rand, modules []string) (all []code) {
	for i, module := range modules {
		number, pattern := fmt.Sprint(10+i), fmt.Sprint(50+i)
		all = append(all,
			code{number, "numbers." + number, module},
			code{pattern + "dddd", `patterns.` + pattern + `(\d{4})`, module})
	}
	return append(all, code{open, "numbers." + open, pick(r, modules...)}, code{open + "0", "numbers." + open + "0", pick(r, modules...)})
}

func document(codes []code, listenOn string) string {
	type node struct {
		Module string `json:"module"`
	}
	doc := struct {
		ListenOn string          `json:"listen_on"`
		Numbers  map[string]node `json:"numbers"`
		Patterns map[string]node `json:"patterns"`
	}{listenOn, map[string]node{}, map[string]node{}}
	for _, c := range codes {
		if number, ok := strings.CutPrefix(c.path, "numbers."); ok {
			doc.Numbers[number] = node{c.module}
		} else {
			doc.Patterns[strings.TrimPrefix(c.path, "patterns.")] = node{c.module}
		}
	}
	text, err := json.Marshal(doc)
	if err != nil { // it has nothing that JSON lacks
		panic(err)
	}
	return string(text)
}

// phrase is what somebody presses in one go: a code, what is none, or digits for somebody else's menu. last: nothing is lost
// if the call ends by it.
func phrase(r *rand.Rand, codes []code, last bool) string {
	digits := func(most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			fmt.Fprint(&b, r.IntN(10))
		}
		return b.String()
	}
	switch r.IntN(10) {
	case 0, 1:
		return digits(6)
	case 2:
		return "*" + digits(5)
	case 3:
		return pick(r, "*", "**"+digits(3), "*#"+digits(2), "*5*"+digits(2), "*"+digits(2)+"#")
	}
	c, captured := pick(r, codes...), targets
	if !last {
		captured = targets[2:]
		for ends[c.module] {
			c = pick(r, codes...)
		}
	}
	keys := "*" + strings.Replace(c.form, "dddd", pick(r, captured...), 1)
	if c.form == open {
		keys += pick(r, "", "#")
	}
	return keys
}

// Length is until the last key is released.
func (s *Story) Length() (last time.Duration) {
	for _, k := range s.Keys {
		last = max(last, k.Up)
	}
	return last
}

// Held is how long a digit lasts that somebody hears from a time on: as long as the other party has held that key, or what a
// relayed one takes.
func (s *Story) Held(by string, digit byte, from time.Duration) time.Duration {
	held := 100 * time.Millisecond
	for _, k := range s.Keys {
		if k.Who != by && k.Key == digit && k.Down <= from && from <= k.Up+frame {
			held = max(100*time.Millisecond, k.Up-k.Down)
		}
	}
	return held
}
